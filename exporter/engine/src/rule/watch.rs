//! `[[file.watch]]`, compiled.

use std::{collections::HashMap, sync::Arc};

use super::{Condition, Finding, Found, RuleId, exclude::Exclude, network::Held, skip::Skip};
use crate::{
    alert::ActionResult,
    event::{Access, Bytes, FileEvent, FileOp},
    field::{Context, name_of},
    interest::WatchPoint,
    paths::PathMap,
    spec::{FileWatch, Outcome, Severity},
};

/// One enabled watch.
#[derive(Debug)]
struct Watch {
    id: RuleId,
    point: WatchPoint,
    severity: Severity,
    points: u32,
    exclude: Exclude,
    condition: Condition,
    skip: Skip,
}

/// The enabled watches: by id, as the kernel reports them, and by path, where it had only a string.
#[derive(Debug, Default)]
pub(super) struct Watches {
    watches: Vec<Watch>,
    by_id: HashMap<Arc<str>, u32>,
    by_path: PathMap<u32>,
}

impl Watches {
    pub fn push(&mut self, id: RuleId, spec: &FileWatch, exclude: Exclude, condition: Condition, skip: Skip) {
        let point = WatchPoint {
            id: spec.common.id.as_str().into(),
            path: spec.path.as_bytes().to_vec(),
            recursive: spec.recursive,
            access: spec.access.iter().copied().collect::<Access>(),
            success: spec.on != Outcome::Failure,
            failure: spec.on != Outcome::Success,
        };
        let number = self.watches.len() as u32;
        self.by_id.insert(point.id.clone(), number);
        self.by_path.insert(&point.path, number);
        let points = spec.common.points.unwrap_or(spec.severity.points());
        self.watches.push(Watch {
            id,
            point,
            severity: spec.severity,
            points,
            exclude,
            condition,
            skip,
        });
    }

    /// What the kernel has to watch.
    pub fn points(&self) -> Vec<WatchPoint> {
        self.watches.iter().map(|watch| watch.point.clone()).collect()
    }

    pub fn evaluate(&self, context: &Context<'_>, file: &FileEvent, candidates: &mut Vec<u32>, found: &mut Found<'_>) {
        match &file.hits {
            // A watch that a reload has removed is not known any more.
            Some(ids) => candidates.extend(ids.iter().filter_map(|id| self.by_id.get(id))),
            None => ends(file).for_each(|end| self.at(end, candidates)),
        }
        candidates.sort_unstable();
        candidates.dedup();
        for watch in candidates.iter().map(|number| &self.watches[*number as usize]) {
            watch.evaluate(context, file, found);
            found.lap(watch.id);
        }
    }

    fn at(&self, path: &[u8], candidates: &mut Vec<u32>) {
        self.by_path.visit(path, |number, rest| {
            if self.watches[*number as usize].reaches(rest) {
                candidates.push(*number);
            }
            false
        });
    }
}

impl Watch {
    /// Whether it covers what is `rest` below its path.
    fn reaches(&self, rest: &[u8]) -> bool {
        self.point.recursive || !rest.contains(&b'/')
    }

    fn covers(&self, path: &[u8]) -> bool {
        let own: &[u8] = if self.point.path == b"/" { b"" } else { &self.point.path };
        match path.strip_prefix(own) {
            Some([]) => true,
            Some([b'/', rest @ ..]) => self.reaches(rest),
            _ => false,
        }
    }

    fn evaluate(&self, context: &Context<'_>, file: &FileEvent, found: &mut Found<'_>) {
        let wanted = if file.errno == 0 {
            self.point.success
        } else {
            self.point.failure
        };
        if !wanted || !self.point.access.contains(file.op) {
            return;
        }
        let Some(object) = self.object(file) else { return };
        if !self.condition.holds(context) {
            return;
        }
        if self.skip.lineage(context) {
            found.skipped.push(self.id);
            return;
        }
        found.findings.push(Finding {
            rule: self.id,
            severity: self.severity,
            points: self.points,
            result: if file.errno == 0 {
                ActionResult::Success
            } else {
                ActionResult::Failure
            },
            event: name_of(&context.event.body),
            object,
            held: Held::LINEAGE,
        });
    }

    /// The end of the operation that the watch is about; None when it is excluded. What the kernel found by its key may have no name
    /// inside the watch (a hard link, a bind mount): then every end counts.
    fn object(&self, file: &FileEvent) -> Option<Bytes> {
        let inside = ends(file).any(|end| self.covers(end));
        let mut counting = ends(file).filter(|end| !inside || self.covers(end)).peekable();
        if counting.peek().is_none() {
            return Some(Bytes::default());
        }
        counting.find(|end| !self.exclude.covers(end)).cloned()
    }
}

/// The names of what was touched. The text of a symbolic link is not touched by making the link.
fn ends(file: &FileEvent) -> impl Iterator<Item = &Bytes> {
    let is_symlink = file.mode & 0o170000 == 0o120000;
    let target = match file.op {
        FileOp::Rename => file.target.get(),
        FileOp::Create if !is_symlink => file.target.get(),
        _ => None,
    };
    file.path.get().into_iter().chain(target)
}

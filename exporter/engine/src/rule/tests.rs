mod compile;
mod message;
mod process;
mod watch;

use super::*;
use crate::{
    alert::ActionResult,
    event::{FileOp, Value},
    process::Limits,
    spec::{AlertMode, Common, FileWatch, Outcome, ProcessRule, Severity},
    synthetic::Synthetic,
};

use ProcessRuleEvent::{BinExecution, RootEscalation, TerminationFailure};

fn common(id: &str) -> Common {
    Common {
        id: id.into(),
        enabled: true,
        points: None,
        message: None,
        tags: vec![],
        when: None,
        except: None,
        alert: AlertMode::Each,
        ruleset: "local".into(),
    }
}

fn process_rule(id: &str, event: ProcessRuleEvent) -> ProcessRule {
    ProcessRule {
        common: common(id),
        event,
        success_severity: Some(Severity::High),
        failure_severity: Some(Severity::Low),
        skip_paths: vec![],
        skip_commands: vec![],
    }
}

fn watch(id: &str, path: &str) -> FileWatch {
    FileWatch {
        common: common(id),
        path: path.into(),
        recursive: true,
        access: FileOp::ALL.to_vec(),
        exclude: vec![],
        severity: Severity::Medium,
        on: Outcome::Any,
        skip_paths: vec![],
    }
}

fn with(mut rule: ProcessRule, change: impl FnOnce(&mut ProcessRule)) -> ProcessRule {
    change(&mut rule);
    rule
}

fn watching(mut rule: FileWatch, change: impl FnOnce(&mut FileWatch)) -> FileWatch {
    change(&mut rule);
    rule
}

/// A rule set and the process table that goes with a stream.
struct Bench {
    set: RuleSet,
    table: Table,
    matches: Matches,
}

impl Bench {
    fn new(process: Vec<ProcessRule>, watches: Vec<FileWatch>) -> Bench {
        let set = RuleSet::compile(&Specs {
            process,
            watches,
            ..Specs::default()
        })
        .unwrap();
        Bench {
            set,
            table: Table::new(Limits::default()),
            matches: Matches::default(),
        }
    }

    /// The events of a source; a new source begins with a snapshot of pid 1 and gets a table of its own.
    fn take(&mut self, source: &mut Synthetic) -> Vec<Event> {
        let events = source.take();
        if matches!(events[0].body, Body::Snapshot(_)) {
            self.table = Table::new(Limits::default());
        }
        events
    }

    /// Ids of the rules that match the last of the events; skipped ones with a minus.
    fn run(&mut self, source: &mut Synthetic) -> Vec<String> {
        for event in self.take(source) {
            self.table.update(&event);
            self.set.evaluate(&event, &self.table, &mut self.matches);
        }
        let name = |id: RuleId| self.set.rules()[id.index()].id.clone();
        let found = self.matches.findings.iter().map(|finding| name(finding.rule));
        found
            .chain(self.matches.skipped.iter().map(|id| format!("-{}", name(*id))))
            .collect()
    }

    fn finding(&self) -> &Finding {
        assert_eq!(self.matches.findings.len(), 1, "{:?}", self.matches.findings);
        &self.matches.findings[0]
    }

    fn message(&mut self, source: &mut Synthetic) -> String {
        let events = self.take(source);
        events.iter().for_each(|event| self.table.update(event));
        let last = &events[events.len() - 1];
        self.set.evaluate(last, &self.table, &mut self.matches);
        self.set.message(self.finding(), last, &self.table)
    }
}

fn shell() -> Synthetic {
    let mut source = Synthetic::new();
    source
        .snapshot(1, 0, "/usr/lib/systemd/systemd")
        .fork(1, 700)
        .exec(700, "/bin/bash", &["bash"])
        .fork(700, 800);
    source
}

/// The same as somebody who is not root.
fn nobody() -> Synthetic {
    let mut source = shell();
    source.change(800, |snapshot| {
        let credentials = &mut snapshot.credentials;
        (credentials.uid, credentials.euid, credentials.suid, credentials.fsuid) = (65534, 65534, 65534, 65534);
    });
    source
}

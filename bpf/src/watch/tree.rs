//! The watched paths as a tree of components.

use std::{collections::BTreeMap, sync::Arc};

use lapwing_engine::interest::WatchPoint;

use super::WatchName;

/// One component of a watched path, or the root directory.
#[derive(Debug, Clone, Default)]
pub(super) struct Component {
    /// By name.
    pub children: BTreeMap<Vec<u8>, Component>,
    /// What is watched at this very path.
    pub here: Option<Here>,
}

/// The watches of one path.
#[derive(Debug, Clone)]
pub(super) struct Here {
    /// The number that the kernel knows the path by.
    pub set: u32,
    /// Who they are.
    pub names: Vec<WatchName>,
    /// Operations wanted by recursive watches: those that succeed, those that fail.
    pub deep: (u16, u16),
    /// The same for watches that are not recursive.
    pub flat: (u16, u16),
}

impl Component {
    /// The tree of `watches`; numbers are taken from `next` on.
    pub fn tree(watches: &[WatchPoint], next: &mut u32) -> Component {
        let mut root = Component::default();
        for watch in watches {
            let mut at = &mut root;
            for name in watch.path.split(|&b| b == b'/').filter(|name| !name.is_empty()) {
                at = at.children.entry(name.to_vec()).or_default();
            }
            at.here.get_or_insert_with(|| Here::new(next)).add(watch);
        }
        root
    }

    /// Calls `visit` for every component but the root, parents first, with its path.
    pub fn walk<'a>(&'a self, path: &mut Vec<u8>, visit: &mut dyn FnMut(&[u8], &'a Component)) {
        for (name, child) in &self.children {
            let length = path.len();
            path.push(b'/');
            path.extend_from_slice(name);
            visit(path, child);
            child.walk(path, visit);
            path.truncate(length);
        }
    }
}

impl Here {
    fn new(next: &mut u32) -> Here {
        let set = *next;
        *next += 1;
        Here {
            set,
            names: Vec::new(),
            deep: (0, 0),
            flat: (0, 0),
        }
    }

    /// All of `heres` as one.
    pub fn shared(heres: &[&Here], next: &mut u32) -> Here {
        let mut all = Here::new(next);
        for here in heres {
            all.names.extend(here.names.iter().cloned());
            all.deep = (all.deep.0 | here.deep.0, all.deep.1 | here.deep.1);
            all.flat = (all.flat.0 | here.flat.0, all.flat.1 | here.flat.1);
        }
        all
    }

    fn add(&mut self, watch: &WatchPoint) {
        self.names.push(WatchName {
            id: Arc::clone(&watch.id),
            recursive: watch.recursive,
        });
        let masks = if watch.recursive {
            &mut self.deep
        } else {
            &mut self.flat
        };
        if watch.success {
            masks.0 |= watch.access.0;
        }
        if watch.failure {
            masks.1 |= watch.access.0;
        }
    }
}

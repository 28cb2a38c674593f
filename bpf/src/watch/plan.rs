//! From the tree and the keys of what exists to the contents of the maps: pure.

use std::collections::HashMap;

use super::tree::{Component, Here};
use crate::wire::{lw_entry_key, lw_file_rules, lw_key, lw_node, lw_watch};

const FILTER_BITS: u32 = 13;
const OBJECT: u8 = 1;
const PARENT: u8 = 2;

/// What the kernel says about one path.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Found {
    /// What the path leads to.
    pub object: Option<lw_key>,
    /// What stands there itself: the link, where the path's last component is one.
    pub link: Option<lw_key>,
}

/// The contents of the maps.
#[derive(Default)]
pub(super) struct Plan {
    pub rules: lw_file_rules,
    pub objects: Vec<(lw_key, lw_watch)>,
    pub entries: Vec<(lw_entry_key, lw_watch)>,
    /// By number less one.
    pub nodes: Vec<lw_node>,
    /// Objects that several watched paths lead to (`/bin` and `/usr/bin`), under numbers of their own.
    pub shared: Vec<Here>,
}

/// The watched paths that lead to each object.
type Owners<'a> = HashMap<(u32, u32, u64, u64), Vec<&'a Here>>;

impl Plan {
    /// `found` has the root directory as the empty path; numbers are taken from `next` on.
    pub fn new(root: &Component, found: &HashMap<Vec<u8>, Found>, next: &mut u32) -> Plan {
        let mut plan = Plan::default();
        let mut owners = Owners::new();
        let at = found.get(&[][..]).copied().unwrap_or_default();
        if let (Some(here), Some(key)) = (&root.here, at.object) {
            plan.unite(here);
            owners.entry(tuple(key)).or_default().push(here);
        }
        plan.children(root, &mut Vec::new(), at.object, found, &mut owners);
        for ((device, generation, inode, layer), heres) in owners {
            plan.object(
                lw_key {
                    device,
                    generation,
                    inode,
                    layer,
                },
                &heres,
                next,
            );
        }
        plan
    }

    /// Plans what is below `parent`, whose key is `key` if it exists; returns the number of the first node.
    fn children<'a>(
        &mut self,
        parent: &'a Component,
        path: &mut Vec<u8>,
        key: Option<lw_key>,
        found: &HashMap<Vec<u8>, Found>,
        owners: &mut Owners<'a>,
    ) -> u32 {
        let mut first = 0;
        for (name, child) in parent.children.iter().rev() {
            let length = path.len();
            path.push(b'/');
            path.extend_from_slice(name);
            let at = found.get(path).copied().unwrap_or_default();
            let mut watch = child.here.as_ref().map(Here::watch).unwrap_or_default();
            watch.next = self.children(child, path, at.object, found, owners);
            path.truncate(length);
            if let Some(here) = &child.here {
                self.unite(here);
                let object = at.object.map(tuple);
                for key in [object, at.link.map(tuple).filter(|link| Some(*link) != object)]
                    .into_iter()
                    .flatten()
                {
                    owners.entry(key).or_default().push(here);
                }
            }
            self.nodes.push(lw_node {
                name: padded(name),
                watch,
                sibling: first,
                name_length: name.len() as u32,
            });
            first = self.nodes.len() as u32;
            if let Some(key) = key {
                watch.known = at.link.unwrap_or_default();
                self.entry(key, name, watch);
            }
        }
        first
    }

    fn unite(&mut self, here: &Here) {
        self.rules.ok |= here.deep.0 | here.flat.0;
        self.rules.failed |= here.deep.1 | here.flat.1;
    }

    fn object(&mut self, key: lw_key, owners: &[&Here], next: &mut u32) {
        self.rules.inodes[inode_slot(key.inode)] |= OBJECT;
        let watch = match owners {
            [one] => one.watch(),
            several => {
                let here = Here::shared(several, next);
                let watch = here.watch();
                self.shared.push(here);
                watch
            }
        };
        self.objects.push((key, watch));
    }

    fn entry(&mut self, parent: lw_key, name: &[u8], watch: lw_watch) {
        self.rules.inodes[inode_slot(parent.inode)] |= PARENT;
        self.rules.names[name_slot(parent.inode, name)] = 1;
        self.entries.push((
            lw_entry_key {
                parent,
                name: padded(name),
            },
            watch,
        ));
    }
}

impl Here {
    fn watch(&self) -> lw_watch {
        lw_watch {
            set: self.set,
            deep_ok: self.deep.0,
            deep_failed: self.deep.1,
            flat_ok: self.flat.0,
            flat_failed: self.flat.1,
            ..lw_watch::default()
        }
    }
}

fn tuple(key: lw_key) -> (u32, u32, u64, u64) {
    (key.device, key.generation, key.inode, key.layer)
}

/// As `lw_inode_slot` in `c/common/watch.h`.
fn inode_slot(inode: u64) -> usize {
    ((inode as u32).wrapping_mul(2_654_435_761) >> (32 - FILTER_BITS)) as usize
}

/// As `lw_name_slot` in `c/common/watch.h`.
fn name_slot(parent: u64, name: &[u8]) -> usize {
    let mut beginning = [0; 8];
    let known = name.len().min(8);
    beginning[..known].copy_from_slice(&name[..known]);
    let mixed = u64::from_ne_bytes(beginning)
        .wrapping_add(parent.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .wrapping_add(name.len() as u64)
        .wrapping_mul(0xd6e8_feb8_6659_fd93);
    (mixed >> (64 - FILTER_BITS)) as usize
}

fn padded(name: &[u8]) -> [u8; 256] {
    let mut padded = [0; 256];
    let known = name.len().min(255);
    padded[..known].copy_from_slice(&name[..known]);
    padded
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use lapwing_engine::{
        event::{Access, FileOp},
        interest::WatchPoint,
    };

    use super::*;

    fn watch(id: &str, path: &str, recursive: bool) -> WatchPoint {
        WatchPoint {
            id: id.into(),
            path: path.into(),
            recursive,
            access: Access::from_iter([FileOp::Write]),
            success: true,
            failure: false,
        }
    }

    fn key(inode: u64) -> lw_key {
        lw_key {
            device: 8,
            generation: 1,
            inode,
            layer: 0,
        }
    }

    fn there(inode: u64) -> Found {
        Found {
            object: Some(key(inode)),
            link: Some(key(inode)),
        }
    }

    fn plan(watches: &[WatchPoint], found: &[(&str, Found)]) -> Plan {
        let mut next = 1;
        let tree = Component::tree(watches, &mut next);
        let found: HashMap<Vec<u8>, Found> = found
            .iter()
            .map(|(path, found)| (path.as_bytes().to_vec(), *found))
            .collect();
        Plan::new(&tree, &found, &mut next)
    }

    fn name(padded: &[u8; 256]) -> &[u8] {
        padded.split(|&b| b == 0).next().unwrap_or_default()
    }

    #[test]
    fn what_exists_has_its_own_key_and_a_place_in_its_parent() {
        let plan = plan(&[watch("etc", "/etc", true)], &[("", there(2)), ("/etc", there(3))]);
        assert_eq!((plan.rules.ok, plan.rules.failed), (FileOp::Write.bit(), 0));
        assert_eq!(plan.objects.iter().map(|(key, _)| key.inode).collect::<Vec<_>>(), [3]);
        let (entry, watch) = &plan.entries[0];
        assert_eq!(
            (entry.parent.inode, name(&entry.name), watch.known.inode),
            (2, &b"etc"[..], 3)
        );
        assert_eq!((watch.deep_ok, watch.flat_ok), (FileOp::Write.bit(), 0));
        assert_eq!(plan.rules.inodes[inode_slot(3)] & OBJECT, OBJECT);
        assert_eq!(plan.rules.inodes[inode_slot(2)] & PARENT, PARENT);
        assert_eq!(plan.rules.names[name_slot(2, b"etc")], 1);
    }

    #[test]
    fn what_does_not_exist_hangs_from_what_does() {
        let plan = plan(
            &[watch("x", "/a/b/c", false), watch("y", "/a/b/d", false)],
            &[("", there(2)), ("/a", there(3))],
        );
        assert!(plan.objects.is_empty());
        let entry = |parent: u64| plan.entries.iter().find(|(key, _)| key.parent.inode == parent).unwrap();
        let (first, leads) = entry(2);
        assert_eq!((name(&first.name), leads.set, leads.known.inode), (&b"a"[..], 0, 3));
        let (second, pending) = entry(3);
        assert_eq!((name(&second.name), pending.known.inode), (&b"b"[..], 0));
        let mut names = Vec::new();
        let mut next = pending.next;
        while next != 0 {
            let node = &plan.nodes[next as usize - 1];
            names.push(name(&node.name));
            assert!(node.watch.set != 0 && node.watch.flat_ok == FileOp::Write.bit());
            next = node.sibling;
        }
        assert_eq!(names, [b"c", b"d"]);
    }

    #[test]
    fn an_object_that_two_watches_name_belongs_to_both() {
        let alias = Found {
            object: Some(key(5)),
            link: Some(key(6)),
        };
        let watches = [watch("link", "/bin", true), watch("real", "/usr", true)];
        let plan = plan(&watches, &[("", there(2)), ("/bin", alias), ("/usr", there(5))]);
        let shared = &plan.shared[0];
        assert_eq!(shared.names.len(), 2);
        let sets: HashMap<u64, u32> = plan.objects.iter().map(|(key, watch)| (key.inode, watch.set)).collect();
        assert_eq!(sets[&5], shared.set);
        assert_ne!(sets[&6], shared.set, "the link itself is only the link's");
    }
}

//! Puts a plan into new maps and swaps the outer map's element.

use std::{
    collections::{BTreeSet, VecDeque},
    io,
    os::fd::{AsFd as _, AsRawFd as _, OwnedFd},
    sync::{Arc, RwLock},
};

use lapwing_engine::interest::Interest;
use libbpf_rs::{Link, MapCore as _, MapFlags, MapHandle, MapType, Object, libbpf_sys::bpf_map_create_opts};

use super::{
    WatchNames,
    keys::{Keys, keys},
    mounts::MountTable,
    plan::Plan,
    tree::{Component, Here},
};
use crate::{
    base::Base,
    loader,
    wire::{Plain, bytes_of, lw_entry_key, lw_file_rules, lw_key, lw_node, lw_watch},
};

const ITERATOR: &str = "lw_file_keys";
/// Room for what the kernel arms by itself between two keyings.
const SLACK: usize = 4096;
/// How many generations of numbers a record in a ring may still name.
const GENERATIONS: usize = 4;

/// Why watches could not be installed.
#[derive(Debug, thiserror::Error)]
#[error("the file watches could not be installed ({doing}): {source}; the ones before stay in force")]
pub(crate) struct InstallError {
    doing: &'static str,
    source: libbpf_rs::Error,
}

/// The watches in force.
pub(crate) struct Watches {
    rules: MapHandle,
    objects: MapHandle,
    entries: MapHandle,
    nodes: MapHandle,
    iterator: Link,
    _object: Object,
    slot: u32,
    next_set: u32,
    generation: u32,
    tree: Component,
    names: Arc<RwLock<WatchNames>>,
    /// The numbers of each generation still known, newest last.
    numbers: VecDeque<Vec<u32>>,
    held: Vec<OwnedFd>,
    mounts: Option<MountTable>,
}

impl Watches {
    /// None installed yet. `names` is the decoder's table.
    pub fn new(base: &Base, names: Arc<RwLock<WatchNames>>) -> Result<Watches, InstallError> {
        let outer = |name| {
            let map = base
                .map(name)
                .ok_or_else(|| libbpf_rs::Error::from(io::Error::other(format!("no map {name}"))));
            map.and_then(|map| MapHandle::try_from(&map))
                .map_err(failed("finding the outer maps"))
        };
        let load = || -> Result<(Object, Link), String> {
            let object = loader::load(base, "file_keys", &BTreeSet::from([ITERATOR]))?;
            let program = object
                .progs_mut()
                .find(|p| p.name() == ITERATOR)
                .ok_or("no program lw_file_keys")?;
            let link = program.attach().map_err(|error| error.to_string())?;
            Ok((object, link))
        };
        let (object, iterator) =
            load().map_err(|why| failed("loading the iterator of keys")(io::Error::other(why).into()))?;
        Ok(Watches {
            rules: outer("lw_file_rules")?,
            objects: outer("lw_file_objects")?,
            entries: outer("lw_file_entries")?,
            nodes: outer("lw_file_nodes")?,
            iterator,
            _object: object,
            slot: 0,
            next_set: 1,
            generation: 0,
            tree: Component::default(),
            names,
            numbers: VecDeque::new(),
            held: Vec::new(),
            mounts: MountTable::open().ok(),
        })
    }

    /// Asks for the keys anew if anything was mounted or unmounted since the last call. Costs one system call when not.
    pub fn refresh(&mut self) -> Result<bool, InstallError> {
        if self.mounts.as_ref().is_some_and(MountTable::changed) {
            self.rekey()?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Replaces all watches at once.
    pub fn install(&mut self, interest: &Interest) -> Result<(), InstallError> {
        let tree = Component::tree(&interest.watches, &mut self.next_set);
        let before = (
            std::mem::replace(&mut self.tree, tree),
            std::mem::replace(&mut self.generation, interest.generation),
        );
        // The decoder must know the numbers before the kernel uses them.
        let mut tree = Vec::new();
        let mut add = |component: &Component| tree.extend(component.here.clone());
        add(&self.tree);
        self.tree.walk(&mut Vec::new(), &mut |_, component| add(component));
        self.numbers.push_back(Vec::new());
        self.learn(&tree);
        if let Err(error) = self.rekey() {
            (self.tree, self.generation) = before;
            return Err(error);
        }
        self.forget();
        Ok(())
    }

    /// Asks for the keys anew: after mounts, or when a watched path leads elsewhere.
    pub fn rekey(&mut self) -> Result<(), InstallError> {
        let mut paths = vec![Vec::new()];
        self.tree
            .walk(&mut Vec::new(), &mut |path, _| paths.push(path.to_vec()));
        let Keys { found, held } = keys(&self.iterator, paths).map_err(failed("reading the kernel's keys"))?;
        let mut plan = Plan::new(&self.tree, &found, &mut self.next_set);
        let shared = std::mem::take(&mut plan.shared);
        self.learn(&shared);
        let slot = self.slot ^ 1;
        plan.rules.generation = self.generation;
        plan.rules.slot = slot;

        let objects = hash::<lw_key, lw_watch>("lw_objects", plan.objects.len() + SLACK)?;
        fill(&objects, &plan.objects)?;
        let entries = hash::<lw_entry_key, lw_watch>("lw_entries", plan.entries.len() + SLACK / 4)?;
        fill(&entries, &plan.entries)?;
        let nodes = hash::<u32, lw_node>("lw_nodes", plan.nodes.len() + 1)?;
        let numbered: Vec<_> = (1u32..).zip(plan.nodes.iter().copied()).collect();
        fill(&nodes, &numbered)?;
        let rules = create(
            "lw_rules",
            MapType::Array,
            size_of::<u32>(),
            size_of::<lw_file_rules>(),
            1,
        )?;
        fill(&rules, &[(0u32, plan.rules)])?;

        hang(&self.objects, slot, &objects)?;
        hang(&self.entries, slot, &entries)?;
        hang(&self.nodes, slot, &nodes)?;
        hang(&self.rules, 0, &rules)?;
        self.slot = slot;
        self.held = held;
        Ok(())
    }

    /// Adds the numbers of `heres` to the decoder's table.
    fn learn(&mut self, heres: &[Here]) {
        if let Some(newest) = self.numbers.back_mut() {
            newest.extend(heres.iter().map(|here| here.set));
        }
        let mut names = self.names.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        names.extend(heres.iter().map(|here| (here.set, here.names.as_slice().into())));
    }

    /// Drops numbers that no record can name any more.
    fn forget(&mut self) {
        while self.numbers.len() > GENERATIONS {
            let old = self.numbers.pop_front().unwrap_or_default();
            let mut names = self.names.write().unwrap_or_else(|poisoned| poisoned.into_inner());
            for number in old {
                names.remove(&number);
            }
        }
    }
}

fn failed(doing: &'static str) -> impl Fn(libbpf_rs::Error) -> InstallError {
    move |source| InstallError { doing, source }
}

fn hash<K: Plain, V: Plain>(name: &'static str, entries: usize) -> Result<MapHandle, InstallError> {
    create(name, MapType::Hash, size_of::<K>(), size_of::<V>(), entries)
}

fn create(
    name: &'static str,
    kind: MapType,
    key: usize,
    value: usize,
    entries: usize,
) -> Result<MapHandle, InstallError> {
    let options = bpf_map_create_opts {
        sz: size_of::<bpf_map_create_opts>() as _,
        ..Default::default()
    };
    MapHandle::create(kind, Some(name), key as u32, value as u32, entries as u32, &options)
        .map_err(failed("making a map"))
}

fn fill<K: Plain, V: Plain>(map: &MapHandle, contents: &[(K, V)]) -> Result<(), InstallError> {
    for (key, value) in contents {
        map.update(bytes_of(key), bytes_of(value), MapFlags::ANY)
            .map_err(failed("filling a map"))?;
    }
    Ok(())
}

fn hang(outer: &MapHandle, slot: u32, inner: &MapHandle) -> Result<(), InstallError> {
    let fd = inner.as_fd().as_raw_fd() as u32;
    outer
        .update(&slot.to_ne_bytes(), &fd.to_ne_bytes(), MapFlags::ANY)
        .map_err(failed("swapping a map"))
}

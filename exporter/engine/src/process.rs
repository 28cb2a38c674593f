//! The process table: who did it, and who made that process.
//!
//! Identity is pid and start time; lineage is by the parent that made a process, not the one it was later given to. The table is bounded:
//! ended processes go first, living ones only when nothing else is left, and every eviction is counted.

mod lineage;
mod order;

use std::collections::HashMap;

use foldhash::fast::RandomState;

use serde::{Deserialize, Serialize};

use crate::event::{Body, BootTime, Bytes, Event, Exec, ExitReason, Fork, ProcessKey, ProcessSnapshot, Value};

use order::Order;

/// Most ancestors that [`Table::ancestors`] gives.
pub const MAX_ANCESTORS: usize = 64;

/// The bounds of a [`Table`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most processes that are remembered, ended ones included.
    pub max_processes: usize,
    /// Nanoseconds for which an ended process is remembered (longer while descendants of it are).
    pub keep_ended: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_processes: 65_536,
            keep_ended: 60_000_000_000,
        }
    }
}

/// The program that a process ran before its last exec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// `comm`.
    pub name: Bytes,
    /// The executable.
    pub executable: Value<Bytes>,
}

/// One process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Identity.
    pub key: ProcessKey,
    /// What it is as of now; `parent` is the one that made it.
    pub snapshot: ProcessSnapshot,
    /// When and how it ended, once it did.
    pub exit: Option<(BootTime, ExitReason)>,
    /// What it ran before its last exec.
    pub previous: Option<Image>,
    /// False for a process of which only the key is known, because the events that described it were lost.
    known: bool,
    /// When it was gone: its exit, or the moment when its pid turned up with another start time.
    ended: Option<BootTime>,
    /// Entries of the table that it is the parent of.
    children: u32,
    /// The process that stands for its lineage.
    root: ProcessKey,
}

/// What the table could not keep or was never told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TableCounters {
    /// Entries of ended processes that had to go before their time.
    pub evicted_ended: u64,
    /// Entries of living processes that had to go.
    pub evicted_living: u64,
    /// Processes that did something but whose beginning was not seen.
    pub unknown: u64,
    /// Processes whose pid turned up again although their exit was not seen.
    pub lost_exits: u64,
}

/// The bounded process table.
#[derive(Debug)]
pub struct Table {
    limits: Limits,
    /// Boxed, so that the free half of the hash table costs little.
    entries: HashMap<ProcessKey, Box<Process>, RandomState>,
    /// The newest start time of each pid in `entries`.
    starts: HashMap<u32, u64, RandomState>,
    order: Order,
    counters: TableCounters,
}

impl Table {
    /// An empty table.
    pub fn new(limits: Limits) -> Table {
        Table {
            limits: Limits {
                max_processes: limits.max_processes.max(1),
                ..limits
            },
            entries: HashMap::default(),
            starts: HashMap::default(),
            order: Order::default(),
            counters: TableCounters::default(),
        }
    }

    /// Takes other bounds; entries beyond them go with the next event.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = Limits {
            max_processes: limits.max_processes.max(1),
            ..limits
        };
    }

    /// The process, living or lately ended. None when nothing but its key is known.
    pub fn get(&self, key: &ProcessKey) -> Option<&Process> {
        self.entries.get(key).map(Box::as_ref).filter(|process| process.known)
    }

    /// The processes that made it, nearest first: at most [`MAX_ANCESTORS`], and never in a loop.
    pub fn ancestors(&self, key: &ProcessKey) -> impl Iterator<Item = &Process> {
        let mut parent = self.get(key).map(|process| process.snapshot.parent);
        std::iter::from_fn(move || {
            let process = self.get(&parent?)?;
            // A parent starts before its child: what claims otherwise is a loop or a reused key.
            parent =
                Some(process.snapshot.parent).filter(|next| *next != process.key && next.start <= process.key.start);
            Some(process)
        })
        .take(MAX_ANCESTORS)
    }

    /// The process that stands for the lineage of `key`: see `process/lineage.rs`. A process that is not known stands for itself.
    pub fn lineage_root(&self, key: &ProcessKey) -> ProcessKey {
        self.entries.get(key).map_or(*key, |process| process.root)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What was lost so far.
    pub fn counters(&self) -> TableCounters {
        self.counters
    }

    /// Takes over what the event tells. After this, [`Table::get`] gives the process as it is after the event.
    pub fn update(&mut self, event: &Event) {
        let (time, key) = (event.header.time, event.header.process);
        match &event.body {
            Body::Fork(fork) => self.fork(time, key, fork),
            Body::Exec(exec) => self.exec(time, key, exec),
            Body::Snapshot(snapshot) => self.seed(time, key, snapshot),
            Body::Credentials(change) => {
                if let Some(process) = self.touch(time, key) {
                    process.snapshot.credentials = change.after;
                }
            }
            Body::Exit(exit) => {
                self.touch(time, key);
                self.end(key, time, Some(exit.reason));
            }
            Body::ExecFailure(_) | Body::File(_) => {
                self.touch(time, key);
            }
            // A socket whose owner is not known says nothing of a process.
            Body::Flow(_) if key.pid == 0 => {}
            Body::Flow(_) => {
                self.touch(time, key);
            }
            // There are many of them, and its flow has told of the process.
            Body::Segment(_) | Body::Tls(_) | Body::Traffic(_) => {}
        }
    }

    /// Forgets the processes that ended long enough ago and have no descendants in the table.
    pub fn expire(&mut self, now: BootTime) {
        while let Some(key) = self.order.expired(now.0.saturating_sub(self.limits.keep_ended)) {
            self.remove(&key);
        }
    }

    /// The entry of a process that did something; an empty one, counted, when its beginning was not seen. None when it is empty.
    fn touch(&mut self, time: BootTime, key: ProcessKey) -> Option<&mut Process> {
        if !self.entries.contains_key(&key) {
            self.counters.unknown += 1;
            self.insert(time, key, ProcessSnapshot::default(), false);
        }
        self.entries
            .get_mut(&key)
            .map(Box::as_mut)
            .filter(|process| process.known)
    }

    fn fork(&mut self, time: BootTime, parent: ProcessKey, fork: &Fork) {
        let mut snapshot = fork.snapshot.clone();
        if parent.pid != 0 {
            snapshot.parent = parent;
            if let Some(process) = self.touch(time, parent) {
                inherit(&mut snapshot, &process.snapshot);
                lineage::learn_from_child(process, &snapshot);
            }
            self.place(&parent);
        }
        match self.entries.get(&fork.child) {
            // The fork came late: only the parent is news.
            Some(child) if child.known => self.adopt(&fork.child, snapshot.parent),
            _ => self.describe(time, fork.child, snapshot),
        }
    }

    fn exec(&mut self, time: BootTime, key: ProcessKey, exec: &Exec) {
        let mut snapshot = exec.snapshot.clone();
        let Some(process) = self.entries.get_mut(&key).filter(|process| process.known) else {
            self.counters.unknown += u64::from(!self.entries.contains_key(&key));
            return self.describe(time, key, snapshot);
        };
        // The kernel tells the parent of now; lineage goes by the one that made it.
        snapshot.parent = process.snapshot.parent;
        if snapshot.cgroup == Value::Missing {
            snapshot.cgroup = process.snapshot.cgroup.clone();
        }
        let before = std::mem::replace(&mut process.snapshot, snapshot);
        process.previous = Some(Image {
            name: before.name,
            executable: before.executable,
        });
        self.place(&key);
    }

    /// What the task iterator tells is older than what events told: it only fills what is not known.
    fn seed(&mut self, time: BootTime, key: ProcessKey, snapshot: &ProcessSnapshot) {
        if self.get(&key).is_none() {
            self.describe(time, key, snapshot.clone());
        }
    }

    /// Enters a process that was not known; that it has already ended stays so.
    fn describe(&mut self, time: BootTime, key: ProcessKey, snapshot: ProcessSnapshot) {
        let before = self
            .entries
            .get(&key)
            .and_then(|process| Some((process.ended?, process.exit)));
        self.insert(time, key, snapshot, true);
        if let Some((ended, exit)) = before {
            self.end(key, ended, exit.map(|(_, reason)| reason));
        }
    }

    fn adopt(&mut self, key: &ProcessKey, parent: ProcessKey) {
        let Some(process) = self.entries.get_mut(key) else {
            return;
        };
        let before = std::mem::replace(&mut process.snapshot.parent, parent);
        if before != parent && parent != *key {
            self.count_child(&before, false);
            self.count_child(&parent, true);
            self.place(key);
        }
    }

    fn insert(&mut self, time: BootTime, key: ProcessKey, snapshot: ProcessSnapshot, known: bool) {
        let newest = self.starts.entry(key.pid).or_insert(key.start);
        if *newest < key.start {
            let start = std::mem::replace(newest, key.start);
            self.lost_exit(ProcessKey { pid: key.pid, start }, time);
        }
        let parent = snapshot.parent;
        let mut process = Box::new(Process {
            key,
            snapshot,
            exit: None,
            previous: None,
            known,
            ended: None,
            children: 0,
            root: key,
        });
        if let Some(old) = self.entries.get(&key) {
            process.children = old.children;
            self.order.remove(old);
        } else {
            self.make_room(&parent);
        }
        if known && parent != key {
            self.count_child(&parent, true);
        }
        self.order.add(&process);
        self.entries.insert(key, process);
        self.place(&key);
    }

    /// Works out anew which process stands for the lineage of `key`.
    fn place(&mut self, key: &ProcessKey) {
        let Some(process) = self.entries.get(key).filter(|process| process.known) else {
            return;
        };
        let root = match self.get(&process.snapshot.parent) {
            Some(parent) if parent.key != *key && lineage::same(parent, process) => parent.root,
            _ => *key,
        };
        if let Some(process) = self.entries.get_mut(key) {
            process.root = root;
        }
    }

    fn lost_exit(&mut self, key: ProcessKey, time: BootTime) {
        if self.entries.get(&key).is_some_and(|process| process.ended.is_none()) {
            self.counters.lost_exits += 1;
            self.end(key, time, None);
        }
    }

    fn end(&mut self, key: ProcessKey, time: BootTime, reason: Option<ExitReason>) {
        let Some(process) = self.entries.get_mut(&key) else {
            return;
        };
        self.order.remove(process);
        process.ended = Some(time);
        process.exit = reason.map(|reason| (time, reason)).or(process.exit);
        self.order.add(process);
    }

    /// Makes room for one entry, sparing `parent`, which the new one is about to name.
    fn make_room(&mut self, parent: &ProcessKey) {
        while self.entries.len() >= self.limits.max_processes {
            let Some(key) = self.order.first_but(parent) else {
                return;
            };
            match self.entries.get(&key) {
                Some(process) if process.ended.is_some() => self.counters.evicted_ended += 1,
                _ => self.counters.evicted_living += 1,
            }
            self.remove(&key);
        }
    }

    fn remove(&mut self, key: &ProcessKey) {
        let Some(process) = self.entries.remove(key) else {
            return;
        };
        self.order.remove(&process);
        if self.starts.get(&key.pid) == Some(&key.start) {
            self.starts.remove(&key.pid);
        }
        if process.known && process.snapshot.parent != *key {
            self.count_child(&process.snapshot.parent, false);
        }
    }

    fn count_child(&mut self, parent: &ProcessKey, born: bool) {
        let Some(process) = self.entries.get_mut(parent) else {
            return;
        };
        let children = if born {
            process.children + 1
        } else {
            process.children.saturating_sub(1)
        };
        // Only the first and the last child change the parent's rank.
        let ranked = (children > 0) != (process.children > 0);
        if ranked {
            self.order.remove(process);
        }
        process.children = children;
        if ranked {
            self.order.add(process);
        }
    }
}

/// What the fork's record does not say, the child has from its parent.
fn inherit(child: &mut ProcessSnapshot, parent: &ProcessSnapshot) {
    if child.name.is_empty() {
        child.name = parent.name.clone();
    }
    if child.executable == Value::Missing {
        child.executable = parent.executable.clone();
        child.executable_key = child.executable_key.or(parent.executable_key);
    }
    if child.args == Value::Missing {
        child.args = parent.args.clone();
    }
    for (mine, theirs) in [
        (&mut child.cwd, &parent.cwd),
        (&mut child.tty, &parent.tty),
        (&mut child.cgroup, &parent.cgroup),
    ] {
        if *mine == Value::Missing {
            *mine = theirs.clone();
        }
    }
}

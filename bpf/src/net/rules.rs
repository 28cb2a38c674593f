//! What the network rules need, as maps; and the sockets that were there before.

use std::{collections::BTreeSet, io::Read as _};

use lapwing_engine::interest::{Appetite, NetworkInterest, Processes, Selector, Sides};
use libbpf_rs::{Iter, MapCore as _, MapFlags};

use crate::{
    base::Base,
    loader,
    wire::{
        bytes_of, lw_direction, lw_net_budget, lw_net_flag, lw_net_mode, lw_net_name, lw_net_path, lw_net_rules,
        lw_net_side,
    },
};

const ITERATOR: &str = "lw_net_existing";
/// Room of the kernel's maps of selectors, for two generations.
const SELECTORS: usize = 1024;

/// The rules in force.
pub(crate) struct NetworkRules {
    rules: lw_net_rules,
    names: Vec<lw_net_name>,
    paths: Vec<lw_net_path>,
}

impl NetworkRules {
    pub fn new() -> NetworkRules {
        NetworkRules {
            rules: lw_net_rules {
                generation: 0,
                mode: 0,
                flags: 0,
                slot: 0,
                request: 0,
                response: 0,
                foreign_total: 0,
                unused: 0,
                sides: [side(&Appetite::default()); 4],
            },
            names: Vec::new(),
            paths: Vec::new(),
        }
    }

    /// Replaces the rules. Connections that are known already are judged anew by [`NetworkRules::seed`] or when their process next uses them.
    pub fn install(&mut self, base: &Base, interest: &NetworkInterest, generation: u32) -> libbpf_rs::Result<()> {
        let slot = self.rules.slot ^ 1;
        let (mode, selectors) = match &interest.only {
            Processes::All => (lw_net_mode::LW_NET_ALL, &[][..]),
            Processes::Only(selectors) => (lw_net_mode::LW_NET_ONLY, &selectors[..]),
            Processes::Except(selectors) => (lw_net_mode::LW_NET_EXCEPT, &selectors[..]),
        };
        if selectors.len() > SELECTORS {
            let why = format!(
                "the network sensor can tell {SELECTORS} processes, not {}",
                selectors.len()
            );
            return Err(std::io::Error::other(why).into());
        }
        let names = selectors.iter().filter_map(|s| name(slot, s)).collect::<Vec<_>>();
        let paths = selectors.iter().filter_map(|s| path(slot, s)).collect::<Vec<_>>();
        let one = 1u32.to_ne_bytes();
        for name in &names {
            update(base, "lw_net_names", bytes_of(name), &one)?;
        }
        for path in &paths {
            update(base, "lw_net_paths", bytes_of(path), &one)?;
        }
        let flag = |on: bool, flag: lw_net_flag| if on { flag.0 } else { 0 };
        self.rules = lw_net_rules {
            generation,
            mode: mode.0,
            flags: flag(interest.payload, lw_net_flag::LW_NET_PAYLOAD)
                | flag(!names.is_empty(), lw_net_flag::LW_NET_NAMES)
                | flag(!paths.is_empty(), lw_net_flag::LW_NET_PATHS)
                | self.rules.flags & lw_net_flag::LW_NET_SEEDED.0,
            slot,
            request: interest.request_budget,
            response: interest.response_budget,
            foreign_total: interest.foreign_bytes,
            unused: 0,
            sides: sides(&interest.sides),
        };
        self.write(base)?;
        for name in std::mem::replace(&mut self.names, names) {
            delete(base, "lw_net_names", bytes_of(&name));
        }
        for path in std::mem::replace(&mut self.paths, paths) {
            delete(base, "lw_net_paths", bytes_of(&path));
        }
        Ok(())
    }

    /// Forgets all connections: for hooks that are attached again, and did not see what happened in between.
    pub fn clear(base: &Base) {
        for map in ["lw_conns", "lw_late", "lw_early", "lw_listeners", "lw_self_ends"] {
            let keys: Vec<_> = base.map(map).iter().flat_map(|map| map.keys()).collect();
            keys.iter().for_each(|key| delete(base, map, key));
        }
    }

    /// Tells of the sockets that processes hold and that are not known yet: who listens first, since that says which way the others came.
    pub fn seed(&mut self, base: &Base) -> Result<(), String> {
        let object = loader::load(base, "net_iter", &BTreeSet::from([ITERATOR]))?;
        let program = object
            .progs_mut()
            .find(|p| p.name() == ITERATOR)
            .ok_or("no program lw_net_existing")?;
        let link = program.attach().map_err(|error| error.to_string())?;
        self.rules.flags &= !lw_net_flag::LW_NET_SEEDED.0;
        for pass in [lw_net_flag::LW_NET_LISTENERS.0, 0] {
            self.rules.flags |= pass;
            self.write(base).map_err(|error| error.to_string())?;
            self.rules.flags &= !pass;
            Iter::new(&link)
                .map_err(|error| error.to_string())?
                .read_to_end(&mut Vec::new())
                .map_err(|error| error.to_string())?;
        }
        self.rules.flags |= lw_net_flag::LW_NET_SEEDED.0;
        self.write(base).map_err(|error| error.to_string())
    }

    fn write(&self, base: &Base) -> libbpf_rs::Result<()> {
        update(base, "lw_net_rules", &0u32.to_ne_bytes(), bytes_of(&self.rules))
    }
}

/// By the number of the direction; the last is spare.
fn sides(sides: &Sides) -> [lw_net_side; 4] {
    let mut by_direction = [side(&sides.unknown); 4];
    by_direction[lw_direction::LW_INCOMING.0 as usize] = side(&sides.incoming);
    by_direction[lw_direction::LW_OUTGOING.0 as usize] = side(&sides.outgoing);
    by_direction
}

fn side(appetite: &Appetite) -> lw_net_side {
    let budget = |request, response| lw_net_budget { request, response };
    lw_net_side {
        any: budget(appetite.request, appetite.response),
        foreign: budget(appetite.foreign_request, appetite.foreign_response),
        statuses: appetite.statuses.0,
    }
}

/// The kernel's names end with a NUL in 16 bytes.
fn name(slot: u32, selector: &Selector) -> Option<lw_net_name> {
    let Selector::Name(text) = selector else { return None };
    let mut name = [0; 16];
    let length = text.len().min(name.len() - 1);
    name[..length].copy_from_slice(&text[..length]);
    Some(lw_net_name { slot, name })
}

/// A path that is longer than the kernel compares matches nothing.
fn path(slot: u32, selector: &Selector) -> Option<lw_net_path> {
    let Selector::Path(text) = selector else { return None };
    let mut path = [0; 252];
    if text.len() >= path.len() {
        tracing::warn!(
            path = %String::from_utf8_lossy(text),
            "the network sensor compares paths of at most 251 bytes: this one matches no process"
        );
        return None;
    }
    path[..text.len()].copy_from_slice(text);
    Some(lw_net_path { slot, path })
}

fn update(base: &Base, map: &str, key: &[u8], value: &[u8]) -> libbpf_rs::Result<()> {
    match base.map(map) {
        Some(map) => map.update(key, value, MapFlags::ANY),
        None => Ok(()), // no rule ever needed the sensor
    }
}

fn delete(base: &Base, map: &str, key: &[u8]) {
    if let Some(map) = base.map(map) {
        let _ = map.delete(key); // it was there, or another one equal to it was deleted
    }
}

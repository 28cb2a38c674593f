//! What the probes cost, and what was lost.

use std::{
    collections::BTreeMap,
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    sync::atomic::Ordering,
};

use lapwing_engine::event::Sensor;
use libbpf_rs::{
    MapCore as _, MapFdInfo, MapFlags, MapInfo,
    libbpf_sys::{self, BPF_STATS_RUN_TIME, bpf_prog_info},
};

use crate::{
    loader::Loaded,
    net::AGAIN,
    sensors::Sensors,
    wire::{lw_sensor, lw_stage},
};

/// The kernel counts runs and time of all BPF programs while this lives.
pub(crate) struct Stats {
    _fd: OwnedFd,
}

impl Stats {
    pub fn enable() -> io::Result<Stats> {
        // SAFETY: the call takes a number and gives a new file descriptor or an error.
        let fd = unsafe { libbpf_sys::bpf_enable_stats(BPF_STATS_RUN_TIME) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel just gave it, so nobody else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Stats { _fd: fd })
    }
}

/// What one program did so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramCost {
    /// Its name in `c/`.
    pub name: String,
    /// Runs; 0 unless [`crate::Options::stats`].
    pub runs: u64,
    /// Time of all runs; 0 unless [`crate::Options::stats`].
    pub nanoseconds: u64,
    /// Runs that the kernel skipped because the program was running already.
    pub recursion_misses: u64,
}

/// Records of one sensor that did not arrive, by where they ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Whose records.
    pub sensor: Sensor,
    /// `ring_full`, `busy`, `read_failed`, `no_memory`, `killed` (of the network), `recursion`, `decode`, and `self`: the agent's own actions, which are not a loss.
    pub stage: &'static str,
    /// How many since the start.
    pub count: u64,
}

const STAGES: &[(lw_stage, &str)] = &[
    (lw_stage::LW_RING_FULL, "ring_full"),
    (lw_stage::LW_BUSY, "busy"),
    (lw_stage::LW_READ_FAILED, "read_failed"),
    (lw_stage::LW_NO_MEMORY, "no_memory"),
    (lw_stage::LW_SELF, "self"),
];

impl Sensors {
    /// What was lost or excluded, by sensor and stage, since the start. Every pair is there, from 0 on.
    pub fn losses(&self) -> Vec<Loss> {
        let mut losses = Vec::new();
        let recursion = self.recursion();
        for (sensor, number) in [
            (Sensor::Process, lw_sensor::LW_PROCESS),
            (Sensor::File, lw_sensor::LW_FILES),
            (Sensor::Network, lw_sensor::LW_NETWORK),
        ] {
            let mut add = |stage, count| losses.push(Loss { sensor, stage, count });
            for (stage, name) in STAGES {
                let evicted = match (sensor, *stage) {
                    (Sensor::Network, lw_stage::LW_NO_MEMORY) => self.census.evicted(),
                    _ => 0,
                };
                add(name, self.base.count(number, *stage) + evicted);
            }
            if sensor == Sensor::Network {
                add("killed", self.base.count(number, lw_stage::LW_KILLED));
            }
            add("recursion", recursion.get(&sensor).copied().unwrap_or(0));
            add("decode", self.undecoded(sensor));
        }
        losses
    }

    /// Records that the hooks of a sensor wanted to send since the start: delivered plus lost in the kernel.
    pub fn tried(&self, sensor: Sensor) -> u64 {
        match sensor {
            Sensor::Process => self.base.count(lw_sensor::LW_PROCESS, lw_stage::LW_TRIED),
            Sensor::File => self.base.count(lw_sensor::LW_FILES, lw_stage::LW_TRIED),
            Sensor::Network => self.base.count(lw_sensor::LW_NETWORK, lw_stage::LW_TRIED) + self.census.evicted(),
        }
    }

    /// Each attached program's runs and time.
    pub fn programs(&self) -> Vec<ProgramCost> {
        self.loaded
            .iter()
            .flat_map(Loaded::programs)
            .chain(self.tls_programs().filter_map(|(name, fd)| Some((name, info(fd)?))))
            .map(|(name, info)| ProgramCost {
                name: name.to_owned(),
                runs: info.run_cnt,
                nanoseconds: info.run_time_ns,
                recursion_misses: info.recursion_misses,
            })
            .collect()
    }

    /// Bytes of kernel memory in all maps.
    pub fn map_memory(&self) -> u64 {
        let mut maps: BTreeMap<u32, u64> = BTreeMap::new();
        let mut add = |fd: BorrowedFd<'_>| {
            if let (Ok(info), Ok(memory)) = (MapInfo::new(fd), MapFdInfo::from_fd(fd)) {
                maps.insert(info.info.id, memory.memlock.unwrap_or(0));
            }
        };
        self.base.maps().for_each(|map| add(map.as_fd()));
        self.base.rings.iter().for_each(|(_, ring)| add(ring.as_fd()));
        self.loaded
            .iter()
            .flat_map(|l| l.object.maps())
            .for_each(|map| add(map.as_fd()));
        maps.values().sum()
    }

    fn recursion(&self) -> BTreeMap<Sensor, u64> {
        let mut misses = BTreeMap::new();
        for loaded in &self.loaded {
            let sensor = match loaded.source {
                source if source.starts_with("file") => Sensor::File,
                source if source.starts_with("net") || source.starts_with("tls") => Sensor::Network,
                _ => Sensor::Process,
            };
            *misses.entry(sensor).or_default() += loaded.missed();
        }
        misses
    }
}

impl Loaded {
    /// Runs that the kernel skipped and nothing made good. Never less than it was before.
    fn missed(&self) -> u64 {
        let missed: BTreeMap<_, _> = self
            .programs()
            .map(|(name, info)| (name, info.recursion_misses))
            .collect();
        let of = |program: &str| missed.get(program).copied().unwrap_or(0);
        let mut lost = missed.values().sum::<u64>();
        for (first, second, made_good) in AGAIN {
            // Read after the kernel's own count, so that it may be ahead of that, never behind.
            lost -= of(second) + of(first).min(self.counter(made_good));
        }
        self.most_missed.fetch_max(lost, Ordering::Relaxed).max(lost)
    }

    /// A counter of the object's own, summed over the CPUs; 0 if it has none of this name.
    fn counter(&self, map: &str) -> u64 {
        let per_cpu = self
            .object
            .maps()
            .find(|counter| counter.name() == map)
            .and_then(|counter| counter.lookup_percpu(&0u32.to_ne_bytes(), MapFlags::ANY).ok().flatten());
        sum(&per_cpu.unwrap_or_default())
    }

    /// Name and kernel's account of each attached program.
    pub fn programs(&self) -> impl Iterator<Item = (&'static str, bpf_prog_info)> {
        self.object.progs().filter_map(|program| {
            let (name, _) = self.links.iter().find(|(name, _)| program.name() == **name)?;
            Some((*name, info(program.as_fd())?))
        })
    }
}

/// Of a counter's values, one for each CPU.
pub(crate) fn sum(per_cpu: &[Vec<u8>]) -> u64 {
    per_cpu
        .iter()
        .filter_map(|value| Some(u64::from_ne_bytes(value.get(..8)?.try_into().ok()?)))
        .sum()
}

fn info(program: BorrowedFd<'_>) -> Option<bpf_prog_info> {
    let mut info = bpf_prog_info::default();
    let mut size = size_of::<bpf_prog_info>() as u32;
    // SAFETY: `info` is valid for writes of `size` bytes, of which the kernel writes at most that many.
    let failed = unsafe { libbpf_sys::bpf_prog_get_info_by_fd(program.as_raw_fd(), &mut info, &mut size) };
    (failed == 0).then_some(info)
}

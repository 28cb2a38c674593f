//! What the probes cost, and what was lost.

use std::{
    collections::BTreeMap,
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use lapwing_engine::event::Sensor;
use libbpf_rs::{
    MapCore as _, MapFdInfo, MapFlags, MapInfo,
    libbpf_sys::{self, BPF_STATS_RUN_TIME, bpf_prog_info},
};

use crate::{
    hooks::served,
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
    /// How many since the start. Of `recursion` the most that it can be: a run that was skipped counts for each sensor that its program serves,
    /// and may have been for a call that nobody asked about.
    pub count: u64,
}

const STAGES: &[(lw_stage, &str)] = &[
    (lw_stage::LW_RING_FULL, "ring_full"),
    (lw_stage::LW_BUSY, "busy"),
    (lw_stage::LW_READ_FAILED, "read_failed"),
    (lw_stage::LW_NO_MEMORY, "no_memory"),
    (lw_stage::LW_SELF, "self"),
];

/// Skipped runs by sensor, since the start: what an object that is gone by now skipped is still in it.
#[derive(Default)]
pub(crate) struct Skipped(Mutex<BTreeMap<Sensor, u64>>);

impl Skipped {
    /// Charges `runs` to each of `sensors`: nobody knows which of them a skipped run was for.
    fn charge(&self, sensors: impl IntoIterator<Item = Sensor>, runs: u64) {
        let mut by_sensor = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for sensor in sensors {
            *by_sensor.entry(sensor).or_default() += runs;
        }
    }

    fn of(&self, sensor: Sensor) -> u64 {
        let by_sensor = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        by_sensor.get(&sensor).copied().unwrap_or(0)
    }
}

/// The most that a count was seen at.
#[derive(Default)]
pub(crate) struct Most(AtomicU64);

impl Most {
    /// How far `count` is beyond all that were seen before. Each step is told to one caller only.
    fn step(&self, count: u64) -> u64 {
        count.saturating_sub(self.0.fetch_max(count, Ordering::Relaxed))
    }
}

impl Sensors {
    /// What was lost or excluded, by sensor and stage, since the start. Every pair is there, from 0 on.
    pub fn losses(&self) -> Vec<Loss> {
        let mut losses = Vec::new();
        self.charge_skipped();
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
            add("recursion", self.skipped.of(sensor));
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

    /// Ends of connections that were told late, since the kernel ran no hook when they ended. Not a loss. What the kernel says that it skipped is
    /// counted as lost all the same (`recursion`): it may have been such an end, and nobody knows.
    pub fn ended_late(&self) -> u64 {
        self.base.count(lw_sensor::LW_NETWORK, lw_stage::LW_ENDED_LATE)
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

    /// Charges the runs that were skipped since the last call to the sensors whose hooks are attached now: to be called before that changes.
    pub(crate) fn charge_skipped(&self) {
        for loaded in &self.loaded {
            let runs = loaded.most_missed.step(loaded.missed());
            self.skipped.charge(served(loaded.source, &self.states), runs);
        }
        if let Some(tls) = &self.tls {
            let missed = tls
                .programs()
                .filter_map(|(_, program)| Some(info(program)?.recursion_misses));
            self.skipped
                .charge([Sensor::Network], tls.most_missed.step(missed.sum()));
        }
    }
}

impl Loaded {
    /// Runs that the kernel skipped and nothing made good, those of programs that are detached by now too. What was made good may be known
    /// before the run that was skipped, so that this can be less than it was.
    fn missed(&self) -> u64 {
        let member = |name: &str| self.members.contains(name);
        let missed: BTreeMap<_, _> = self
            .object
            .progs()
            .filter_map(|program| {
                let name = program.name().to_str().filter(|name| member(name))?.to_owned();
                Some((name, info(program.as_fd())?.recursion_misses))
            })
            .collect();
        let of = |program: &str| missed.get(program).copied().unwrap_or(0);
        let mut lost = missed.values().sum::<u64>();
        for (first, second, made_good) in AGAIN {
            // Read after the kernel's own count, so that it may be ahead of that, never behind.
            lost -= of(second) + of(first).min(self.counter(made_good));
        }
        lost
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

/// The kernel's account of one program.
pub(crate) fn info(program: BorrowedFd<'_>) -> Option<bpf_prog_info> {
    let mut info = bpf_prog_info::default();
    let mut size = size_of::<bpf_prog_info>() as u32;
    // SAFETY: `info` is valid for writes of `size` bytes, of which the kernel writes at most that many.
    let failed = unsafe { libbpf_sys::bpf_prog_get_info_by_fd(program.as_raw_fd(), &mut info, &mut size) };
    (failed == 0).then_some(info)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skipped_run_is_charged_to_each_sensor_and_once() {
        let (skipped, most) = (Skipped::default(), Most::default());
        for seen in [3, 3, 2, 5] {
            skipped.charge([Sensor::Process, Sensor::File], most.step(seen));
        }
        let sensors = [Sensor::Process, Sensor::File, Sensor::Network];
        assert_eq!(sensors.map(|sensor| skipped.of(sensor)), [5, 5, 0]);
    }
}

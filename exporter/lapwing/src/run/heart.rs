//! Whether the sensors still deliver: proven, not guessed from silence, since on a quiet host there is nothing to tell.
//!
//! * Files: every ten seconds the agent opens a file of its own in `agent.state_dir` for writing. A watch of its own makes the kernel notice, and count
//!   it as the agent's doing. A sensor that noticed before and misses it twice is silent.
//! * Processes: when the kernel has told of none for a minute, /proc is asked whether one began in that time.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use lapwing_bpf::Sensors;
use lapwing_engine::{
    event::{Access, BootTime, FileOp, Sensor},
    interest::{Interest, WatchPoint},
    rule::RuleSet,
};

use crate::{pipeline::boot_now, state_dir::StateDir};

/// Its brackets keep it apart from the ids of rules.
const WATCH: &str = "(heartbeat)";
const FILE: &str = "heartbeat";
const EVERY: Duration = Duration::from_secs(10);
/// Beats in a row that go unnoticed: one may be under way while a reload swaps the watches.
const MISSES: u32 = 2;
/// Without a fork, exec or exit for so long, /proc is asked.
const QUIET: u64 = 60_000_000_000;
/// What began at the edge of the quiet time may have been told before or after it.
const EDGE: u64 = 1_000_000_000;

/// The heartbeat.
#[derive(Debug)]
pub struct Heart {
    file: Option<PathBuf>,
    next: Instant,
    files: Beats,
    processes: Quiet,
}

impl Heart {
    /// Without a directory nothing can be proven of the file sensor.
    pub fn new(state: Option<&StateDir>) -> Heart {
        let file = state.map(|state| state.path(FILE)).filter(|file| touch(file));
        Heart {
            file,
            next: Instant::now(),
            files: Beats::default(),
            processes: Quiet::default(),
        }
    }

    /// What the rules need of the kernel, and the watch on the heartbeat where they need opening for writing to be watched anyway.
    pub fn interest(&mut self, rules: &RuleSet, generation: u32) -> Interest {
        let mut interest = rules.interest(generation);
        let armed = interest
            .watches
            .iter()
            .any(|watch| watch.access.contains(FileOp::Write));
        self.files = Beats {
            armed,
            ..Beats::default()
        };
        if let Some(file) = self.file.as_ref().filter(|_| armed) {
            interest.watches.push(WatchPoint {
                id: WATCH.into(),
                path: file.as_os_str().as_encoded_bytes().to_vec(),
                recursive: false,
                access: [FileOp::Write].into_iter().collect::<Access>(),
                success: true,
                failure: false,
            });
        }
        interest
    }

    /// Beats and looks, every ten seconds; call it more often than that.
    pub fn beat(&mut self, sensors: &Sensors) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        self.next = now + EVERY;
        let is_own = |loss: &lapwing_bpf::Loss| loss.sensor == Sensor::File && loss.stage == "self";
        let noticed = sensors.losses().into_iter().filter(is_own).map(|loss| loss.count).sum();
        self.files.count(noticed);
        self.files.beaten = self.files.armed && self.file.as_deref().is_some_and(touch);
        self.processes
            .count(sensors.tried(Sensor::Process), boot_now(), |from, to| {
                began(Path::new("/proc"), from, to)
            });
    }

    /// Whether the sensor is attached and does not deliver.
    pub fn is_silent(&self, sensor: Sensor) -> bool {
        match sensor {
            Sensor::File => self.files.missed >= MISSES,
            Sensor::Process => self.processes.silent,
            Sensor::Network => false,
        }
    }
}

/// Opens for writing, and writes nothing.
fn touch(file: &Path) -> bool {
    let opened = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(file);
    opened.is_ok()
}

#[derive(Debug, Default)]
struct Beats {
    armed: bool,
    /// Since the last count.
    beaten: bool,
    counted: u64,
    /// One was noticed since the watch is there: keys of this file system can be trusted.
    proven: bool,
    missed: u32,
}

impl Beats {
    fn count(&mut self, noticed: u64) {
        if self.beaten && noticed > self.counted {
            (self.proven, self.missed) = (true, 0);
        } else if self.beaten && self.proven {
            self.missed = self.missed.saturating_add(1);
        }
        self.counted = noticed;
    }
}

#[derive(Debug, Default)]
struct Quiet {
    told: u64,
    since: BootTime,
    silent: bool,
}

impl Quiet {
    fn count(&mut self, told: u64, now: BootTime, began: impl FnOnce(u64, u64) -> bool) {
        if told != self.told || self.since == BootTime(0) {
            *self = Quiet {
                told,
                since: now,
                silent: false,
            };
        } else if now.0 - self.since.0 >= QUIET {
            self.silent |= began(self.since.0 + EDGE, now.0 - EDGE);
            self.since = now;
        }
    }
}

/// Whether a process that is there now began between two boot times.
fn began(proc: &Path, from: u64, to: u64) -> bool {
    let tick = 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1);
    let start = |pid: &Path| {
        let stat = fs::read_to_string(pid.join("stat")).ok()?;
        // The name, in parentheses, may hold anything; 20 fields follow it up to starttime.
        let ticks: u64 = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()?;
        Some(ticks * tick)
    };
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    let is_process = |name: &std::ffi::OsStr| name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    entries
        .filter(|entry| is_process(&entry.file_name()))
        .any(|entry| start(&entry.path()).is_some_and(|start| (from..to).contains(&start)))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_heartbeat_that_is_no_longer_noticed_is_silence_and_one_that_never_was_is_not() {
        let mut beats = Beats {
            armed: true,
            ..Beats::default()
        };
        let mut after = |noticed| {
            beats.beaten = true;
            beats.count(noticed);
            beats.missed
        };
        assert_eq!(
            [0, 0, 0].map(&mut after),
            [0, 0, 0],
            "never noticed: nothing is claimed"
        );
        assert_eq!([1, 2, 2, 2, 3].map(&mut after), [0, 0, 1, 2, 0]);
        beats.beaten = false;
        beats.count(3);
        assert_eq!(beats.missed, 0, "a beat that could not be made proves nothing");
    }

    #[test]
    fn a_process_that_nobody_told_of_is_silence_and_a_quiet_host_is_not() {
        let mut quiet = Quiet::default();
        let at = |minutes: u64| BootTime(1 + minutes * QUIET);
        let unasked = |_, _| panic!("told of processes, so /proc is not asked");
        quiet.count(5, at(0), unasked);
        quiet.count(6, at(3), unasked);
        quiet.count(6, at(4), |from, to| {
            assert_eq!((from, to), (at(3).0 + EDGE, at(4).0 - EDGE));
            false
        });
        assert!(!quiet.silent);
        quiet.count(6, at(5), |_, _| true);
        assert!(quiet.silent);
        quiet.count(7, at(5), unasked);
        assert!(!quiet.silent);
    }

    #[test]
    fn proc_tells_when_a_process_began() {
        let before = boot_now().0 - EDGE;
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let after = boot_now().0 + EDGE;
        assert!(began(Path::new("/proc"), before, after));
        assert!(!began(Path::new("/proc"), after + EDGE, after + 60 * EDGE));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn the_heartbeat_file_is_made_and_is_nobody_elses() {
        let home = tempfile::tempdir().unwrap();
        let state = StateDir::open(&home.path().join("state")).unwrap();
        let heart = Heart::new(Some(&state));
        let file = heart.file.unwrap();
        assert_eq!(fs::metadata(&file).unwrap().len(), 0);
        assert!(Heart::new(None).file.is_none());
    }
}

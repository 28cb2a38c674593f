//! How long nobody watched: from the last sign of life of the agent before to the moment when this one's sensors were attached.
//!
//! The sign is one small file in `agent.state_dir`, written in place every ten seconds and when the agent ends. It is not forced to the disk but
//! at the end: a killed agent's survives in the page cache, and after a power failure an older one makes the gap longer, never shorter.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
    time::{Duration, Instant},
};

use lapwing_engine::{
    alert::{ActionResult, Alert},
    event::{BootTime, Sensor},
    spec::Severity,
};
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use crate::{
    outputs::{WallClock, rfc3339},
    state_dir::{StateDir, StateError},
};

const NAME: &str = "alive";
/// Of this layout.
const FORMAT: u32 = 1;
/// Every sign is as long: written in place, a shorter one would leave the end of a longer one.
const SIZE: usize = 256;
const EVERY: Duration = Duration::from_secs(10);
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// How the run before ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// It was asked to.
    Clean,
    /// Without a word: killed, crashed, or the power failed.
    Killed,
}

impl End {
    /// The label's value.
    pub fn name(self) -> &'static str {
        match self {
            End::Clean => "clean",
            End::Killed => "killed",
        }
    }
}

/// A time in which nobody watched.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unwatched {
    /// How long; the host's own being off is in it.
    pub seconds: f64,
    /// So much of it may still have been watched.
    pub uncertain_seconds: f64,
    /// The last sign of life, RFC 3339.
    pub from: String,
    /// When this agent's sensors were attached, RFC 3339.
    pub until: String,
    /// How the run before ended.
    pub end: End,
    /// Whether the host started anew in between.
    pub reboot: bool,
}

impl Unwatched {
    /// From the last sign of life until now; `unix` is the same moment as `now`.
    fn since(last: &Sign, boot: &str, now: BootTime, unix: u64) -> Unwatched {
        let reboot = last.boot != boot;
        let nanoseconds = match reboot {
            // Somebody may have set the clock: nobody watched since the host is up at least.
            true => unix.saturating_sub(last.unix).max(now.0),
            false => now.0.saturating_sub(last.up),
        };
        let (end, uncertain) = match last.ended {
            true => (End::Clean, 0.0),
            false => (End::Killed, EVERY.as_secs_f64()),
        };
        let seconds = nanoseconds as f64 / 1e9;
        Unwatched {
            seconds,
            uncertain_seconds: seconds.min(uncertain),
            from: rfc3339(unix.saturating_sub(nanoseconds)),
            until: rfc3339(unix),
            end,
            reboot,
        }
    }

    /// A killed agent may be the beginning of an attack.
    fn severity(&self) -> Severity {
        match (self.end, self.reboot) {
            (End::Clean, _) => Severity::Info,
            (End::Killed, true) => Severity::Low,
            (End::Killed, false) => Severity::High,
        }
    }

    fn message(&self) -> String {
        let (at_most, how) = match self.end {
            End::Clean => ("", "was asked to end"),
            End::Killed => ("at most ", "ended without a word: killed or crashed"),
        };
        let reboot = if self.reboot { ", and the host started anew" } else { "" };
        format!(
            "Nobody watched this host for {at_most}{:.1} s: the agent before {how}{reboot}",
            self.seconds
        )
    }

    /// The record that leaves by the outputs. It is of no rule and no sensor.
    pub fn alert(&self, now: BootTime) -> Alert {
        Alert {
            time: now,
            id: format!("unwatched-{:x}", now.0),
            rule: "agent.unwatched".into(),
            ruleset: "agent".into(),
            severity: self.severity(),
            // Not told: `AlertRecord::sensor` says "agent".
            sensor: Sensor::Process,
            event: "agent.unwatched",
            result: match self.end {
                End::Clean => ActionResult::Success,
                End::Killed => ActionResult::Failure,
            },
            errno: None,
            message: self.message(),
            tags: match (self.end, self.reboot) {
                (End::Killed, false) => vec!["T1562.001".into()],
                _ => Vec::new(),
            },
            count: 1,
            objects: None,
            process: None,
            lineage: Vec::new(),
            file: None,
            network: None,
            http: None,
            container: None,
            score: None,
            partial: Vec::new(),
            masked: None,
        }
    }
}

/// What the file holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sign {
    format: u32,
    /// The kernel's name for this boot.
    boot: String,
    /// Nanoseconds of boot time.
    up: u64,
    /// Nanoseconds since 1970.
    unix: u64,
    /// The last one of its run.
    ended: bool,
}

/// The sign of life of this run.
#[derive(Debug)]
pub struct Alive {
    file: File,
    boot: String,
    next: Option<Instant>,
    trouble: bool,
}

impl Alive {
    /// Takes the file over, and says how long nobody watched until `now` where an earlier run left a sign. Nothing is written yet: an agent
    /// that does not come to watch leaves the gap open. What cannot be used is told in the log.
    pub fn take(state: &StateDir, now: BootTime) -> (Option<Alive>, Option<Unwatched>) {
        let boot = fs::read_to_string(BOOT_ID).unwrap_or_default().trim().to_owned();
        let unix = WallClock::now().unix_nanoseconds(now);
        let unwatched = match read(state) {
            Ok(last) => last.map(|last| Unwatched::since(&last, &boot, now, unix)),
            Err(error) => {
                tracing::warn!("how long nobody watched before this start is not known: {error}");
                None
            }
        };
        let alive = match open(&state.path(NAME)) {
            Ok(file) => Some(Alive {
                file,
                boot,
                next: None,
                trouble: false,
            }),
            Err(error) => {
                tracing::warn!("the next start will not know since when nobody watches: {error}");
                None
            }
        };
        (alive, unwatched)
    }

    /// Writes the sign, if the last one is old enough; call it often, and only while the agent does see and judge.
    pub fn sign(&mut self, up: BootTime, now: Instant) {
        if self.next.is_some_and(|next| now < next) {
            return;
        }
        self.next = Some(now + EVERY);
        self.write(up, false);
    }

    /// The last one: the agent ends as it was asked to.
    pub fn end(mut self, up: BootTime) {
        self.write(up, true);
        // It is in the page cache; only a power failure right now would lose it.
        let _ = self.file.sync_data();
    }

    fn write(&mut self, up: BootTime, ended: bool) {
        let sign = Sign {
            format: FORMAT,
            boot: self.boot.clone(),
            up: up.0,
            unix: WallClock::now().unix_nanoseconds(up),
            ended,
        };
        // Numbers and a short text: there is nothing in it that JSON cannot say.
        let mut text = serde_json::to_vec(&sign).unwrap_or_default();
        text.resize(SIZE - 1, b' ');
        text.push(b'\n');
        let written = self.file.write_all_at(&text, 0);
        match written {
            Ok(()) => self.trouble = false,
            Err(error) if !self.trouble => {
                self.trouble = true;
                tracing::error!("the next start will take the agent for dead since now: {NAME}: {error}");
            }
            Err(_) => {}
        }
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
        .open(path)
}

/// Why the last run's sign is not used.
#[derive(Debug, thiserror::Error)]
enum SignError {
    #[error("{0}")]
    State(#[from] StateError),
    #[error("{path} is refused: {why}; it is written anew")]
    Damaged { path: String, why: String },
}

fn read(state: &StateDir) -> Result<Option<Sign>, SignError> {
    let Some(bytes) = state.read(NAME, SIZE as u64)?.filter(|bytes| !bytes.is_empty()) else {
        return Ok(None);
    };
    let damaged = |why: String| SignError::Damaged {
        path: state.path(NAME).display().to_string(),
        why,
    };
    let sign: Sign = serde_json::from_slice(&bytes).map_err(|error| damaged(format!("it is damaged ({error})")))?;
    match sign.format {
        FORMAT => Ok(Some(sign)),
        other => Err(damaged(format!("its format is {other}, not {FORMAT}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn sign(boot: &str, up: u64, unix: u64, ended: bool) -> Sign {
        Sign {
            format: FORMAT,
            boot: boot.into(),
            up: up * SECOND,
            unix: unix * SECOND,
            ended,
        }
    }

    fn gap(last: &Sign, up: u64, unix: u64) -> Unwatched {
        Unwatched::since(last, "this", BootTime(up * SECOND), unix * SECOND)
    }

    #[test]
    fn within_a_boot_its_clock_counts_and_over_a_reboot_the_wall_clock() {
        // The wall clock was set forward by an hour meanwhile.
        let clean = gap(&sign("this", 100, 5_000, true), 103, 8_603);
        assert_eq!((clean.seconds, clean.end, clean.reboot), (3.0, End::Clean, false));
        assert_eq!(clean.severity(), Severity::Info);
        let killed = gap(&sign("this", 100, 5_000, false), 103, 5_003);
        assert_eq!((killed.seconds, killed.uncertain_seconds), (3.0, 3.0));
        assert_eq!((killed.end, killed.severity()), (End::Killed, Severity::High));
        assert!(killed.message().contains("at most 3.0 s"), "{}", killed.message());
        let reboot = gap(&sign("other", 900_000, 5_000, true), 20, 5_100);
        assert_eq!((reboot.seconds, reboot.reboot), (100.0, true));
        let power = gap(&sign("other", 900_000, 5_000, false), 20, 5_100);
        assert_eq!((power.severity(), power.uncertain_seconds), (Severity::Low, 10.0));
        // The wall clock was set back: the host is up for 20 seconds all the same.
        assert_eq!(gap(&sign("other", 900_000, 5_000, true), 20, 4_000).seconds, 20.0);
        // No clock makes it negative.
        assert_eq!(gap(&sign("this", 100, 5_000, true), 90, 4_000).seconds, 0.0);
    }

    #[test]
    fn the_sign_of_a_run_is_read_by_the_next_and_a_damaged_one_is_none() {
        let home = tempfile::tempdir().unwrap();
        let state = StateDir::open(home.path()).unwrap();
        let start = Instant::now();
        let (alive, unwatched) = Alive::take(&state, BootTime(100 * SECOND));
        assert_eq!(unwatched, None, "the first run");
        let mut alive = alive.unwrap();
        alive.sign(BootTime(101 * SECOND), start);
        alive.sign(BootTime(102 * SECOND), start + Duration::from_secs(1));
        let next = |up: u64| Alive::take(&state, BootTime(up * SECOND)).1.unwrap();
        assert_eq!(next(105).seconds, 4.0, "one second after the first nothing was written");
        alive.sign(BootTime(112 * SECOND), start + EVERY);
        assert_eq!((next(115).seconds, next(115).end), (3.0, End::Killed));
        alive.end(BootTime(120 * SECOND));
        assert_eq!((next(121).seconds, next(121).end), (1.0, End::Clean));
        assert_eq!(fs::metadata(state.path(NAME)).unwrap().len(), SIZE as u64);
        for damaged in [&b"{"[..], b"{}", &[b' '; 1_000], b"\xff\xff"] {
            fs::write(state.path(NAME), damaged).unwrap();
            let (alive, unwatched) = Alive::take(&state, BootTime(0));
            assert!(alive.is_some() && unwatched.is_none());
        }
    }
}

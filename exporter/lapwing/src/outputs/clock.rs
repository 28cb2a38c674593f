//! Boot time to dates.

use std::time::Duration;

use lapwing_engine::event::BootTime;
use rustix::time::{ClockId, clock_gettime};

/// A difference from the real clock that is followed; below, dates keep their distance, so that a process has one start time in all alerts.
const TOLERANCE: i64 = 10_000_000;

/// The distance between the boot-time clock and the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WallClock {
    /// Nanoseconds since 1970 at boot time 0.
    pub boot: i64,
}

impl WallClock {
    /// As the two clocks stand now.
    pub fn now() -> WallClock {
        // The wall clock is read between two readings of the other.
        let before = nanoseconds(ClockId::Boottime);
        let wall = nanoseconds(ClockId::Realtime);
        let after = nanoseconds(ClockId::Boottime);
        WallClock {
            boot: wall - (before + (after - before) / 2),
        }
    }

    /// Takes over what changed since, when somebody set the clock or it drifted noticeably.
    pub fn follow(&mut self) {
        let now = WallClock::now();
        if now.boot.abs_diff(self.boot) > TOLERANCE.unsigned_abs() {
            *self = now;
        }
    }

    /// Nanoseconds since 1970 (0 for times before).
    pub fn unix_nanoseconds(&self, time: BootTime) -> u64 {
        u64::try_from(self.boot.saturating_add_unsigned(time.0)).unwrap_or(0)
    }

    /// RFC 3339 in UTC with nanoseconds.
    pub fn rfc3339(&self, time: BootTime) -> String {
        rfc3339(self.unix_nanoseconds(time))
    }
}

/// How long ago `time` was.
pub(super) fn age(time: BootTime) -> Duration {
    let now = u64::try_from(nanoseconds(ClockId::Boottime)).unwrap_or(0);
    Duration::from_nanos(now.saturating_sub(time.0))
}

/// Now, in nanoseconds since 1970.
pub(crate) fn unix_now() -> u64 {
    u64::try_from(nanoseconds(ClockId::Realtime)).unwrap_or(0)
}

fn nanoseconds(clock: ClockId) -> i64 {
    let now = clock_gettime(clock);
    now.tv_sec.saturating_mul(1_000_000_000).saturating_add(now.tv_nsec)
}

/// Nanoseconds since 1970 as RFC 3339 in UTC.
pub(crate) fn rfc3339(unix: u64) -> String {
    let (seconds, nanoseconds) = (unix / 1_000_000_000, unix % 1_000_000_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanoseconds:09}Z")
}

/// The Gregorian date of a day counted from 1970-01-01.
fn date(mut days: u64) -> (u64, u64, u64) {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    // 400 years have 146,097 days; at most 400 rounds of the loop remain.
    year += days / 146_097 * 400;
    days %= 146_097;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    (year, month as u64 + 1, days + 1)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn dates_are_those_of_coreutils() {
        // Leap days, ends of centuries, and a spread in between.
        let mut times = vec![
            0,
            951_782_399,
            951_782_400,
            951_868_800,
            1_709_164_800,
            4_107_542_399,
            4_107_542_400,
            13_574_563_200,
        ];
        times.extend((0..40).map(|i| i * 97_654_321));
        for seconds in times {
            let output = Command::new("date")
                .args(["-u", "-d", &format!("@{seconds}"), "+%Y-%m-%dT%H:%M:%S.000000007Z"])
                .output()
                .unwrap();
            assert_eq!(
                rfc3339(seconds * 1_000_000_000 + 7),
                String::from_utf8(output.stdout).unwrap().trim()
            );
        }
    }

    #[test]
    fn the_clock_follows_steps_but_not_jitter() {
        let now = WallClock::now();
        let mut jitter = WallClock {
            boot: now.boot + TOLERANCE / 2,
        };
        let before = jitter;
        jitter.follow();
        assert_eq!(jitter, before);
        let mut stepped = WallClock {
            boot: now.boot - 3_600_000_000_000,
        };
        stepped.follow();
        assert!(stepped.boot.abs_diff(now.boot) < TOLERANCE.unsigned_abs());
        let at = BootTime(u64::try_from(nanoseconds(ClockId::Boottime)).unwrap());
        assert!(now.unix_nanoseconds(at).abs_diff(unix_now()) < 1_000_000_000);
        assert!(age(at) < Duration::from_secs(1));
    }
}

use std::fs;

use super::*;

const SECOND: u64 = 1_000_000_000;
/// The moment of boot time 0.
const BOOT: u64 = 1_700_000_000 * SECOND;
const HOLD: Duration = Duration::from_secs(300);

fn series(rule: &str) -> AlertSeries {
    AlertSeries {
        rule: rule.into(),
        severity: Severity::High,
        sensor: Sensor::File,
    }
}

fn told(rule: &str, last: Option<u64>, active: bool) -> ActiveSeries {
    ActiveSeries {
        series: series(rule),
        active,
        last: last.map(|seconds| BootTime(seconds * SECOND)),
    }
}

fn date(time: BootTime) -> u64 {
    BOOT + time.0
}

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Home {
        Home(tempfile::tempdir().unwrap())
    }

    /// As of `seconds` after boot.
    fn load(&self, seconds: u64) -> LastAlerts {
        let state = StateDir::open(&self.0.path().join("state")).unwrap();
        LastAlerts::load(Some(state), BootTime(seconds * SECOND), BOOT + seconds * SECOND)
    }

    fn active(&self, seconds: u64) -> Vec<(AlertSeries, BootTime)> {
        self.load(seconds).active(BOOT + seconds * SECOND, HOLD).collect()
    }

    /// "a" is active since 50 s, "b" was long ago, "c" is masked.
    fn save(&self) {
        let mut last = self.load(10);
        let now = Instant::now();
        last.follow(
            &[
                told("a", Some(50), true),
                told("b", Some(20), false),
                told("c", Some(60), false),
                told("d", None, false),
            ],
            date,
            now,
        );
        last.save(now);
    }
}

#[test]
fn what_is_active_is_active_after_a_restart_as_long_as_it_was_to_be() {
    let home = Home::new();
    home.save();
    assert_eq!(home.active(70), [(series("a"), BootTime(50 * SECOND))]);
    assert_eq!(home.active(349).len(), 1);
    assert_eq!(home.active(351), []);
    let last = home.load(70);
    let seconds = |rule| last.seconds(&series(rule));
    assert_eq!(
        (seconds("a"), seconds("b"), seconds("d")),
        (1_700_000_050.0, 1_700_000_020.0, 0.0)
    );
}

#[test]
fn over_a_reboot_the_time_is_kept_and_what_is_active_stays_it() {
    let home = Home::new();
    home.save();
    // The host is up again for 5 s, 100 s after the match.
    let (state, unix) = (
        StateDir::open(&home.0.path().join("state")).unwrap(),
        BOOT + 150 * SECOND,
    );
    let mut last = LastAlerts::load(Some(state), BootTime(5 * SECOND), unix);
    let active: Vec<_> = last.active(unix, HOLD).collect();
    assert_eq!(active, [(series("a"), BootTime(0))]);
    // The engine tells what was restored: that is no new match.
    last.follow(
        &[told("a", Some(0), true)],
        |_| panic!("not dated anew"),
        Instant::now(),
    );
    assert_eq!(last.seconds(&series("a")), 1_700_000_050.0);
    last.follow(
        &[told("a", Some(6), true)],
        |time| unix + time.0 - 5 * SECOND,
        Instant::now(),
    );
    assert_eq!(last.seconds(&series("a")), 1_700_000_151.0);
}

#[test]
fn a_clock_that_was_set_back_does_not_hold_for_ever() {
    let home = Home::new();
    home.save();
    let state = StateDir::open(&home.0.path().join("state")).unwrap();
    let unix = BOOT - 1_000_000 * SECOND;
    let last = LastAlerts::load(Some(state), BootTime(80 * SECOND), unix);
    assert_eq!(
        last.active(unix, HOLD).collect::<Vec<_>>(),
        [(series("a"), BootTime(80 * SECOND))]
    );
}

#[test]
fn a_series_that_becomes_active_is_written_soon_and_one_that_stays_it_later() {
    let home = Home::new();
    let mut last = home.load(0);
    let start = Instant::now();
    let quiet = [told("a", None, false)];
    last.follow(&quiet, date, start);
    assert!(!last.is_due(start + LATER));
    last.follow(&[told("a", Some(5), true)], date, start);
    assert!(!last.is_due(start) && last.is_due(start + SOON));
    last.save(start);
    last.follow(&[told("a", Some(5), true)], date, start);
    assert!(!last.is_due(start + LATER), "nothing has changed");
    last.follow(&[told("a", Some(6), true)], date, start);
    assert!(!last.is_due(start + SOON) && last.is_due(start + LATER));
    last.save(start);
    assert!(!last.is_due(start + LATER));
    // A rule that a reload took away is forgotten.
    last.follow(&[], date, start);
    last.save(start + LATER);
    drop(last);
    assert_eq!(home.load(7).seconds(&series("a")), 0.0);
}

#[test]
fn a_damaged_file_is_refused_and_written_anew() {
    let home = Home::new();
    home.save();
    let path = home.0.path().join("state").join(NAME);
    let whole = fs::read_to_string(&path).unwrap();
    for text in [
        &whole[..whole.len() / 2],
        "",
        "[]",
        &whole.replace("\"format\":1", "\"format\":2"),
        &whole.replace("high", "highest"),
    ] {
        fs::write(&path, text).unwrap();
        let state = StateDir::open(&home.0.path().join("state")).unwrap();
        let error = read(&state).err().unwrap().to_string();
        assert!(
            error.contains("last-alerts.json is refused") && error.contains("written anew"),
            "{error}"
        );
        drop(state);
        assert_eq!(home.active(70), []);
    }
    home.save();
    assert_eq!(home.active(70).len(), 1);
}

#[test]
fn without_a_directory_it_works_until_the_end() {
    let mut last = LastAlerts::load(None, BootTime(0), BOOT);
    last.follow(&[told("a", Some(5), true)], date, Instant::now());
    last.save(Instant::now());
    assert_eq!(last.seconds(&series("a")), 1_700_000_005.0);
}

//! The line and its writer.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    time::Duration,
};

use serde_json::Value;

use super::*;
use crate::{
    metrics::Metrics,
    outputs::{Host, WallClock, test_alerts as alerts},
};

fn record(number: u64) -> Arc<AlertRecord> {
    let host = Arc::new(Host {
        name: "box".into(),
        ..Host::default()
    });
    Arc::new(AlertRecord {
        alert: alerts::alert(number),
        wall: WallClock::now(),
        host,
        unwatched: None,
    })
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

#[test]
fn the_line_has_every_key_of_the_alert_in_the_documented_order() {
    let record = AlertRecord {
        wall: WallClock { boot: 0 },
        ..(*record(7)).clone()
    };
    let text = line(&record);
    assert!(!text.contains('\n'));
    let parsed: Value = serde_json::from_str(&text).unwrap();
    // Whatever the engine says of an alert is in the line with the same value; the line has only times and the host on top.
    let mut theirs = serde_json::to_value(&record.alert).unwrap();
    theirs["time"] = record.wall.rfc3339(record.alert.time).into();
    theirs["host"] = "box".into();
    theirs["process"]["start_time"] = "1970-01-01T00:03:20.000000000Z".into();
    theirs["lineage"][0]["start_time"] = "1970-01-01T00:01:40.000000000Z".into();
    theirs["lineage"][1]["start_time"] = "1970-01-01T00:00:01.000000000Z".into();
    // Ids of the engine are hexadecimal; the one of this test is not, and gets no command.
    assert_eq!(parsed, theirs);
    let keys = [
        "time", "id", "rule", "severity", "sensor", "event", "result", "errno", "message", "tags", "count", "process",
        "lineage",
    ];
    let positions: Vec<_> = keys
        .iter()
        .map(|key| text.find(&format!("\"{key}\":")).unwrap())
        .collect();
    assert!(positions.is_sorted(), "{text}");
}

#[test]
fn an_alert_says_how_it_is_masked_or_by_what_it_is() {
    let mut record = (*record(7)).clone();
    record.alert.id = "1a2b-0-3c-0badf00d".into();
    let parsed: Value = serde_json::from_str(&line(&record)).unwrap();
    assert_eq!(parsed["mask"], "lapwing mask add --alert 1a2b-0-3c-0badf00d --for 2h");
    assert_eq!(parsed["masked"], Value::Null);
    record.alert.masked = Some(lapwing_engine::alert::MaskView {
        silence: "s".into(),
        author: "alice".into(),
        comment: "because".into(),
        until: "2026-11-21T12:00:00Z".into(),
    });
    let parsed: Value = serde_json::from_str(&line(&record)).unwrap();
    assert_eq!(parsed["mask"], Value::Null);
    assert_eq!(
        parsed["masked"],
        serde_json::json!({"silence": "s", "author": "alice", "comment": "because", "until": "2026-11-21T12:00:00Z"})
    );
}

#[tokio::test]
async fn a_file_is_private_appended_to_and_reopened() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("var/log/alerts.json");
    let counters = Metrics::new(1).output("json", 10);
    let json = Json::start(&path, 10, counters.clone()).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o7777, 0o700);
    json.send(record(1));
    while counters.total_sent() < 1 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let rotated = directory.path().join("rotated");
    fs::rename(&path, &rotated).unwrap();
    json.reopen().unwrap();
    json.send(record(2));
    json.shutdown(soon()).await;
    // A second run appends.
    let json = Json::start(&path, 10, counters.clone()).unwrap();
    json.send(record(3));
    json.shutdown(soon()).await;
    let ids = |path| -> Vec<String> {
        let text = fs::read_to_string(path).unwrap();
        text.lines()
            .map(|l| {
                serde_json::from_str::<Value>(l).unwrap()["id"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    };
    assert_eq!(
        (ids(&rotated), ids(&path)),
        (vec!["id-1".to_owned()], vec!["id-2".to_owned(), "id-3".to_owned()])
    );
    assert_eq!((counters.total_sent(), counters.waiting()), (3, 0));
}

#[test]
fn paths_that_cannot_work_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let start = |path: &Path| {
        Json::start(path, 1, Metrics::new(1).output("json", 1))
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    let fifo = directory.path().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert!(start(&fifo).contains("cannot open"), "{}", start(&fifo));
    assert!(start(directory.path()).contains("cannot open"));
    fs::write(directory.path().join("file"), "").unwrap();
    assert!(start(&directory.path().join("file/below")).contains("standard output"));
    let kept = directory.path().join("kept");
    fs::write(&kept, "").unwrap();
    fs::set_permissions(&kept, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(Json::start(&kept, 1, Metrics::new(1).output("json", 1)).is_ok());
    assert_eq!(fs::metadata(&kept).unwrap().mode() & 0o7777, 0o640);
}

/// A full disk: the device that refuses every write.
#[tokio::test]
async fn what_cannot_be_written_is_counted() {
    let counters = Metrics::new(1).output("json", 10);
    let json = Json::start(Path::new("/dev/full"), 10, counters.clone()).unwrap();
    (0..5).for_each(|n| json.send(record(n)));
    json.shutdown(soon()).await;
    assert_eq!(
        (
            counters.total_sent(),
            counters.total_lost(LostReason::WriteError),
            counters.waiting()
        ),
        (0, 5, 0)
    );
    assert_eq!(counters.total_errors(), 5);
}

/// A pipe that nobody empties, then a reader that goes away.
#[tokio::test]
async fn a_blocked_reader_blocks_nobody_and_everything_is_accounted_for() {
    let (reader, pipe) = std::io::pipe().unwrap();
    let counters = Metrics::new(1).output("json", 16);
    let json = over(File::from(std::os::fd::OwnedFd::from(pipe)), 16, counters.clone());
    // Until the pipe is full and then the queue.
    let mut sent = 0;
    while counters.total_lost(LostReason::QueueFull) == 0 || counters.waiting() < 16 {
        json.send(record(sent));
        sent += 1;
        assert!(sent < 5000, "nothing blocks: {counters:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let start = std::time::Instant::now();
    (0..1000).for_each(|n| json.send(record(n)));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    let refused = counters.total_lost(LostReason::QueueFull);
    assert!(refused > 1000, "{refused}");
    json.shutdown(Instant::now() + Duration::from_millis(200)).await;
    let shutdown = counters.total_lost(LostReason::Shutdown);
    assert_eq!(shutdown, 16);
    assert_eq!(counters.total_sent() + refused + shutdown, sent + 1000);
    // The writer comes free now; what it still does is not counted twice.
    drop(reader);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(counters.total_sent() + refused + shutdown, sent + 1000);
    assert_eq!(
        (counters.waiting(), counters.total_lost(LostReason::WriteError)),
        (0, 0)
    );
}

#[tokio::test]
async fn a_reader_that_is_gone_is_counted_and_the_writer_lives_on() {
    let (reader, pipe) = std::io::pipe().unwrap();
    drop(reader);
    let counters = Metrics::new(1).output("json", 16);
    let json = over(File::from(std::os::fd::OwnedFd::from(pipe)), 16, counters.clone());
    (0..10).for_each(|n| json.send(record(n)));
    json.shutdown(soon()).await;
    assert_eq!(
        (counters.total_lost(LostReason::WriteError), counters.total_sent()),
        (10, 0)
    );
}

/// Half a line was written before the disk was full: the next line starts on a line of its own.
#[tokio::test]
async fn a_cut_line_does_not_spoil_the_next() {
    use std::io::Read;
    let (mut reader, pipe) = std::io::pipe().unwrap();
    let file = Arc::new(File::from(std::os::fd::OwnedFd::from(pipe)));
    let mut writer = Writer {
        name: "pipe".into(),
        file: Arc::new(Mutex::new(file)),
        account: Account::new(Metrics::new(1).output("json", 1), 1),
        trouble: Trouble::default(),
        broken_line: true,
    };
    writer.write(&record(1)).unwrap();
    writer.write(&record(2)).unwrap();
    drop(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert!(text.starts_with('\n') && text.ends_with('\n'));
    assert_eq!(
        text.lines()
            .filter(|l| serde_json::from_str::<Value>(l).is_ok())
            .count(),
        2
    );
}

fn over(file: File, capacity: usize, counters: Arc<OutputCounters>) -> Json {
    Json::over(Target::Stdout, file, capacity, counters).unwrap()
}

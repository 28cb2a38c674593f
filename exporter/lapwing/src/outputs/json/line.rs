//! The keys of an alert's line and their order.

use lapwing_engine::{
    alert::{ActionResult, Alert, ContainerView, FileView, HttpView, MaskView, NetworkView, ProcessView, ScoreView},
    spec::Severity,
};
use serde::Serialize;

use crate::{
    outputs::{AlertRecord, WallClock},
    unwatched::Unwatched,
};

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    host: &'a str,
    id: &'a str,
    rule: &'a str,
    ruleset: &'a str,
    severity: Severity,
    sensor: &'static str,
    event: &'static str,
    result: ActionResult,
    #[serde(skip_serializing_if = "Option::is_none")]
    errno: Option<&'a str>,
    message: &'a str,
    tags: &'a [String],
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    objects: Option<u64>,
    process: Option<Process<'a>>,
    lineage: Vec<Process<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a FileView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<&'a NetworkView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<&'a HttpView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<&'a ContainerView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<&'a ScoreView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unwatched: Option<&'a Unwatched>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    partial: &'a [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    masked: Option<&'a MaskView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mask: Option<String>,
}

#[derive(Serialize)]
struct Process<'a> {
    start_time: String,
    #[serde(flatten)]
    view: &'a ProcessView,
}

/// Without the line feed.
pub(in crate::outputs) fn line(record: &AlertRecord) -> String {
    let alert: &Alert = &record.alert;
    let process = |view| process(view, &record.wall);
    let line = Line {
        time: record.wall.rfc3339(alert.time),
        host: &record.host.name,
        id: &alert.id,
        rule: &alert.rule,
        ruleset: &alert.ruleset,
        severity: alert.severity,
        sensor: record.sensor(),
        event: alert.event,
        result: alert.result,
        errno: alert.errno.as_deref(),
        message: &alert.message,
        tags: &alert.tags,
        count: alert.count,
        objects: alert.objects,
        process: alert.process.as_ref().map(process),
        lineage: alert.lineage.iter().map(process).collect(),
        file: alert.file.as_ref(),
        network: alert.network.as_ref(),
        http: alert.http.as_ref(),
        container: alert.container.as_ref(),
        score: alert.score.as_ref(),
        unwatched: record.unwatched.as_ref(),
        partial: &alert.partial,
        masked: alert.masked.as_ref(),
        mask: record.mask(),
    };
    // Text, numbers and maps with text keys only: there is nothing in it that JSON cannot say.
    serde_json::to_string(&line).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
}

fn process<'a>(view: &'a ProcessView, wall: &WallClock) -> Process<'a> {
    Process {
        start_time: wall.rfc3339(lapwing_engine::event::BootTime(view.key.start)),
        view,
    }
}

//! An alert as a log record, by OpenTelemetry's semantic conventions 1.44; what they have no name for is under `lapwing.`.

mod connection;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use lapwing_engine::{
    alert::{ActionResult, Alert, FileView, ProcessView, ScoreView},
    event::BootTime,
    spec,
};
use opentelemetry::logs::{LogRecord, Severity};

use super::attributes::Attributes;
use crate::{
    outputs::{AlertRecord, WallClock},
    unwatched::Unwatched,
};

/// Writes an alert into an empty record.
pub(super) fn fill(record: &mut impl LogRecord, alert: &AlertRecord) {
    let mask = alert.mask();
    let sensor = alert.sensor();
    let AlertRecord {
        alert, wall, unwatched, ..
    } = alert;
    record.set_event_name(event_name(alert.event));
    record.set_severity_number(severity(alert.severity));
    record.set_severity_text(alert.severity.name());
    record.set_timestamp(SystemTime::UNIX_EPOCH + Duration::from_nanos(wall.unix_nanoseconds(alert.time)));
    record.set_observed_timestamp(SystemTime::now());
    record.set_body(alert.message.clone().into());
    let mut attributes = attributes(alert, wall);
    attributes.text("lapwing.sensor", sensor);
    attributes.maybe_text("lapwing.mask", mask);
    if let Some(unwatched) = unwatched {
        about_gap(&mut attributes, unwatched);
    }
    record.add_attributes(attributes.0);
}

/// OpenTelemetry's names of events live forever, as those of our alerts do: each of these few is made once.
fn event_name(event: &'static str) -> &'static str {
    static NAMES: Mutex<BTreeMap<&str, &str>> = Mutex::new(BTreeMap::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    names.entry(event).or_insert_with(|| format!("lapwing.{event}").leak())
}

fn severity(severity: spec::Severity) -> Severity {
    match severity {
        spec::Severity::Info => Severity::Info,
        spec::Severity::Low => Severity::Warn,
        spec::Severity::Medium => Severity::Warn3,
        spec::Severity::High => Severity::Error,
        spec::Severity::Critical => Severity::Fatal,
    }
}

fn attributes(alert: &Alert, wall: &WallClock) -> Attributes {
    let mut a = Attributes::default();
    about_alert(&mut a, alert);
    if let Some(process) = &alert.process {
        about_process(&mut a, process, wall);
        a.maybe_int("process.parent_pid", alert.lineage.first().map(|parent| parent.pid));
    }
    a.groups(
        "lapwing.lineage",
        alert.lineage.iter().map(|ancestor| {
            let mut a = Attributes::default();
            about_process(&mut a, ancestor, wall);
            a
        }),
    );
    if let Some(file) = &alert.file {
        about_file(&mut a, file);
    }
    if let Some(network) = &alert.network {
        connection::about_network(&mut a, network, alert.http.as_ref());
    }
    if let Some(http) = &alert.http {
        connection::about_http(&mut a, http);
    }
    a.maybe_text(
        "container.id",
        alert.container.as_ref().map(|container| container.id.as_str()),
    );
    if let Some(score) = &alert.score {
        about_score(&mut a, score);
    }
    if let Some(mask) = &alert.masked {
        a.text("lapwing.masked.silence", &*mask.silence);
        a.text("lapwing.masked.author", &*mask.author);
        a.text("lapwing.masked.comment", &*mask.comment);
        a.text("lapwing.masked.until", &*mask.until);
    }
    a
}

fn about_alert(a: &mut Attributes, alert: &Alert) {
    a.text("lapwing.alert.id", &*alert.id);
    a.text("lapwing.rule.id", &*alert.rule);
    a.text("lapwing.rule.ruleset", &*alert.ruleset);
    a.texts("lapwing.rule.tags", &alert.tags);
    a.text("lapwing.event", alert.event);
    a.text(
        "lapwing.result",
        match alert.result {
            ActionResult::Success => "success",
            ActionResult::Failure => "failure",
        },
    );
    a.maybe_text("error.type", alert.errno.as_deref());
    a.int("lapwing.count", alert.count);
    a.maybe_int("lapwing.objects", alert.objects);
    a.texts("lapwing.partial", &alert.partial);
}

fn about_process(a: &mut Attributes, process: &ProcessView, wall: &WallClock) {
    a.int("process.pid", process.pid);
    a.text("process.creation.time", wall.rfc3339(BootTime(process.key.start)));
    a.text("lapwing.process.name", &*process.name);
    a.maybe_text("process.executable.path", process.executable.as_deref());
    a.maybe_text("process.executable.name", process.executable.as_deref().and_then(name));
    if let Some(args) = &process.args {
        a.maybe_text("process.command", args.first().map(String::as_str));
        a.texts("process.command_args", args);
    }
    a.maybe_text("process.working_directory", process.cwd.as_deref());
    a.maybe_int("process.real_user.id", process.uid);
    a.maybe_int("process.user.id", process.euid);
    a.maybe_int("lapwing.process.group.id", process.gid);
    a.maybe_int("lapwing.process.loginuid", process.loginuid);
    a.maybe_text("lapwing.process.tty", process.tty.as_deref());
    a.texts("lapwing.process.capabilities", &process.capabilities);
    a.maybe_text("process.linux.cgroup", process.cgroup.as_deref());
    if let Some(namespaces) = process.namespaces {
        a.int("lapwing.process.namespace.pid", namespaces.pid);
        a.int("lapwing.process.namespace.mnt", namespaces.mnt);
        a.int("lapwing.process.namespace.net", namespaces.net);
        a.int("lapwing.process.namespace.user", namespaces.user);
    }
    a.maybe_int("process.exit.code", process.exit_code);
    a.maybe_text("lapwing.process.exit.signal", process.exit_signal.as_deref());
}

fn about_file(a: &mut Attributes, file: &FileView) {
    a.text("file.path", &*file.path);
    a.maybe_text("file.name", name(&file.path));
    let path = Path::new(&file.path);
    a.maybe_text("file.directory", path.parent().and_then(Path::to_str));
    a.maybe_text("file.extension", path.extension().and_then(|e| e.to_str()));
    a.maybe_text("file.mode", file.mode.as_deref());
    a.maybe_text("lapwing.file.target", file.target.as_deref());
    a.maybe_text("lapwing.file.key", file.key.as_deref());
    a.maybe_text("lapwing.file.owner", file.owner.as_deref());
    a.texts("lapwing.file.flags", &file.flags);
}

fn about_gap(a: &mut Attributes, unwatched: &Unwatched) {
    a.double("lapwing.unwatched.seconds", unwatched.seconds);
    a.double("lapwing.unwatched.uncertain_seconds", unwatched.uncertain_seconds);
    a.text("lapwing.unwatched.from", &*unwatched.from);
    a.text("lapwing.unwatched.until", &*unwatched.until);
    a.text("lapwing.unwatched.end", unwatched.end.name());
    a.text(
        "lapwing.unwatched.reboot",
        if unwatched.reboot { "true" } else { "false" },
    );
}

fn about_score(a: &mut Attributes, score: &ScoreView) {
    a.text("lapwing.score.subject_kind", score.subject_kind);
    a.text("lapwing.score.subject", &*score.subject);
    a.double("lapwing.score.points", score.points);
    a.int("lapwing.score.threshold", score.threshold);
    a.groups(
        "lapwing.score.contributions",
        score.contributions.iter().map(|c| {
            let mut a = Attributes::default();
            a.text("rule", &*c.rule);
            a.int("points", c.points);
            a.maybe_text("alert", c.alert.as_deref());
            a.double("seconds_ago", c.seconds_ago);
            a.text("object", &*c.object);
            a
        }),
    );
}

fn name(path: &str) -> Option<&str> {
    Path::new(path).file_name().and_then(|name| name.to_str())
}

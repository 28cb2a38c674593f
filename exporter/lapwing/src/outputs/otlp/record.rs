//! An alert as a log record, by OpenTelemetry's semantic conventions 1.44; what they have no name for is under `lapwing.`.

use std::path::Path;

use lapwing_engine::{
    alert::{ActionResult, Alert, FileView, ProcessView, ScoreView},
    event::BootTime,
    spec::Severity,
};
use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::{InstrumentationScope, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber},
    resource::v1::Resource,
};

use super::attributes::{Attributes, any};
use crate::outputs::{AlertRecord, WallClock, clock, host::Host};

const SCHEMA: &str = "https://opentelemetry.io/schemas/1.44.0";

/// What all records have in common: who sends them.
#[derive(Debug)]
pub(super) struct Envelope {
    resource: Resource,
    scope: InstrumentationScope,
}

impl Envelope {
    pub(super) fn new(host: &Host) -> Envelope {
        let version = env!("CARGO_PKG_VERSION");
        let mut a = Attributes::default();
        a.text("service.name", "lapwing");
        a.text("service.version", version);
        a.text("service.instance.id", &*host.instance);
        a.text("host.name", &*host.name);
        a.maybe_text("host.id", host.id.as_deref());
        a.text("host.arch", &*host.arch);
        a.text("os.type", "linux");
        a.maybe_text("os.name", host.os_name.as_deref());
        a.maybe_text("os.version", host.os_version.as_deref());
        a.maybe_text("os.description", host.os_description.as_deref());
        a.text("lapwing.kernel.release", &*host.kernel);
        Envelope {
            resource: Resource {
                attributes: a.0,
                ..Resource::default()
            },
            scope: InstrumentationScope {
                name: "lapwing".into(),
                version: version.into(),
                ..InstrumentationScope::default()
            },
        }
    }

    /// The request that carries `records`.
    pub(super) fn request(&self, records: Vec<LogRecord>) -> ExportLogsServiceRequest {
        let scope = ScopeLogs {
            scope: Some(self.scope.clone()),
            log_records: records,
            schema_url: SCHEMA.into(),
        };
        let resource = ResourceLogs {
            resource: Some(self.resource.clone()),
            scope_logs: vec![scope],
            schema_url: SCHEMA.into(),
        };
        ExportLogsServiceRequest {
            resource_logs: vec![resource],
        }
    }
}

/// The record of an alert.
pub(super) fn log_record(record: &AlertRecord) -> LogRecord {
    let AlertRecord { alert, wall, .. } = record;
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
    a.maybe_text(
        "container.id",
        alert.container.as_ref().map(|container| container.id.as_str()),
    );
    if let Some(score) = &alert.score {
        about_score(&mut a, score);
    }
    LogRecord {
        time_unix_nano: wall.unix_nanoseconds(alert.time),
        observed_time_unix_nano: clock::unix_now(),
        severity_number: severity(alert.severity) as i32,
        severity_text: alert.severity.name().into(),
        body: Some(any(Value::StringValue(alert.message.clone()))),
        attributes: a.0,
        event_name: format!("lapwing.{}", alert.event),
        ..LogRecord::default()
    }
}

fn severity(severity: Severity) -> SeverityNumber {
    match severity {
        Severity::Info => SeverityNumber::Info,
        Severity::Low => SeverityNumber::Warn,
        Severity::Medium => SeverityNumber::Warn3,
        Severity::High => SeverityNumber::Error,
        Severity::Critical => SeverityNumber::Fatal,
    }
}

fn about_alert(a: &mut Attributes, alert: &Alert) {
    a.text("lapwing.alert.id", &*alert.id);
    a.text("lapwing.rule.id", &*alert.rule);
    a.text("lapwing.rule.ruleset", &*alert.ruleset);
    a.texts("lapwing.rule.tags", &alert.tags);
    a.text("lapwing.sensor", alert.sensor.name());
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

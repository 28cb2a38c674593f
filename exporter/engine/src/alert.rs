//! What leaves the engine. The JSON line is these structures with their keys; OTLP carries the same under its conventions' names.

use serde::Serialize;

use crate::{
    event::{BootTime, Direction, ProcessKey, Sensor},
    spec::Severity,
};

/// Whether the kernel let the action through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ActionResult {
    /// It happened.
    Success,
    /// It was refused; or it is the end of a program that failed.
    Failure,
}

/// One alert. Text is for people: bytes that were not UTF-8 are replaced.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alert {
    /// Boot time of the event; the program writes it as RFC 3339 (`time`).
    #[serde(skip)]
    pub time: BootTime,
    /// Deterministic and unique: made from the rule, the event's time, CPU and sequence number.
    pub id: String,
    /// The rule's id; `score.lineage` and the like for score alerts.
    pub rule: String,
    /// The ruleset that the rule came from.
    pub ruleset: String,
    /// How bad.
    pub severity: Severity,
    /// The sensor of the event.
    pub sensor: Sensor,
    /// Static name: `file.create`, `process.exec`, `process.escalation`, `process.exit`, `score`.
    pub event: &'static str,
    /// The outcome.
    pub result: ActionResult,
    /// Name of the errno (`EACCES`) when refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errno: Option<String>,
    /// One sentence.
    pub message: String,
    /// The rule's tags.
    pub tags: Vec<String>,
    /// How many matches this stands for; above 1 in a fold's summary.
    pub count: u64,
    /// For a summary: how many different objects were folded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objects: Option<u64>,
    /// The process.
    pub process: Option<ProcessView>,
    /// Its ancestors, nearest first.
    pub lineage: Vec<ProcessView>,
    /// The file, for the file sensor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<FileView>,
    /// The connection, for the network sensor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkView>,
    /// The HTTP request and its response, where the event is one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpView>,
    /// The container of the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerView>,
    /// The score that this match raised the most, or that reached its threshold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<ScoreView>,
    /// Names of the fields that are known only in part.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub partial: Vec<&'static str>,
    /// The silence that masks it; absent when none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub masked: Option<MaskView>,
}

/// Why an alert is masked: what the silence in Alertmanager says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MaskView {
    /// Its id.
    pub silence: String,
    /// `createdBy`.
    pub author: String,
    /// `comment`.
    pub comment: String,
    /// `endsAt`, RFC 3339.
    pub until: String,
}

/// A connection, for people.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NetworkView {
    /// `incoming`, `outgoing`, `unknown`.
    pub direction: Direction,
    /// This host's end: `address:port`, IPv6 in brackets; absent when not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local: Option<String>,
    /// The other end; absent for a listening socket, and when not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// Inode number of the network namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<u32>,
    /// Whether it was read from a TLS library.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub tls: bool,
    /// Payload bytes sent so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_sent: Option<u64>,
    /// Payload bytes received so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_received: Option<u64>,
    /// Segments sent again, when there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retransmits: Option<u32>,
    /// Seconds since it was opened, when known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    /// The first bytes of the body, or of the payload, that the rule was asked about; only with `[network] excerpts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
}

/// An HTTP request, with its response where the event is that. What looks like a secret by its name is redacted; texts are bounded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct HttpView {
    /// The request line; absent for a response whose request is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// `GET`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Who was asked, with the port where it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The path, percent-decoded once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The query as sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// `1.1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The request's headers as `name: value`, at most 32.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// Bytes of the request's body that passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_bytes: Option<u64>,
    /// `404`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The response's headers, in the same manner.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub response_headers: Vec<String>,
    /// Bytes of the response's body that passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_body_bytes: Option<u64>,
    /// What is wrong with the message.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub oddities: Vec<&'static str>,
}

/// A process, for people.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ProcessView {
    /// Pid in the host's namespace.
    pub pid: u32,
    /// Identity; the program writes it as RFC 3339.
    #[serde(skip)]
    pub key: ProcessKey,
    /// `comm`.
    pub name: String,
    /// As the kernel resolved it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executable: Option<String>,
    /// Arguments, secrets redacted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<String>>,
    /// Working directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Controlling terminal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tty: Option<String>,
    /// Real user id; absent when the process is known by its key only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Real group id; absent when the process is known by its key only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
    /// Effective user id; absent when the process is known by its key only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub euid: Option<u32>,
    /// The user that logged in; absent when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loginuid: Option<u32>,
    /// Effective capabilities by name; `["all"]` when full, `["all", "-CAP_X"]` when few are lacking. Not said of ancestors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<String>,
    /// Path of the cgroup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<String>,
    /// `pid`, `mnt`, `net`, `user` namespace inode numbers. Not said of ancestors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<NamespacesView>,
    /// How it ended, when it did: `{code}` or `{signal}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u8>,
    /// Name of the signal that ended it (`SIGSEGV`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_signal: Option<String>,
}

/// Namespaces of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct NamespacesView {
    /// PID namespace.
    pub pid: u32,
    /// Mount namespace.
    pub mnt: u32,
    /// Network namespace.
    pub net: u32,
    /// User namespace.
    pub user: u32,
}

/// A file, for people.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct FileView {
    /// Its path.
    pub path: String,
    /// New name of a rename, other end of a link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// `device:inode:generation[:layer]`, the kernel's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Octal permissions with type, as `stat -c %a` plus a word for the type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Owner set by a chown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Flags of the open by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<&'static str>,
}

/// A container, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContainerView {
    /// The runtime's id: 64 hexadecimal digits.
    pub id: String,
}

/// A score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScoreView {
    /// `lineage`, `container`, `host`, `transaction`, `remote`.
    pub subject_kind: &'static str,
    /// Which: `sshd[812]`, a container id, the host.
    pub subject: String,
    /// Points after this match, decayed to now.
    pub points: f64,
    /// At which it alerts.
    pub threshold: u32,
    /// What raised it, newest last (in a score alert: every contribution still counted, bounded at 100).
    pub contributions: Vec<Contribution>,
}

/// One match that raised a score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contribution {
    /// The rule.
    pub rule: String,
    /// Points added.
    pub points: u32,
    /// Id of the alert of that match; absent for `alert = "score"` rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    /// Seconds before this alert.
    pub seconds_ago: f64,
    /// What was matched: a path or an executable.
    pub object: String,
}

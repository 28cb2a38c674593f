//! The configuration as meant: typed, validated, with every default. How it is read is in the files below.

mod defaults;
mod draft;
mod layers;
mod lists;
mod load;
mod parse;
mod position;
mod problem;
mod report;
mod rules;
pub mod schema;
mod section;
mod source;
pub(crate) mod suggest;
mod tables;
mod tls_only;
mod unmatched;
pub mod value;

use std::{collections::BTreeMap, fmt, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use lapwing_engine::{rule::RuleSet, spec::Specs};

use crate::cli::Profile;
pub use load::load;
pub use parse::{Input, parse};
pub use problem::Problem;
pub use schema::{KEYS, Key};
pub use source::Source;
use value::{as_duration, as_size};

/// The newest `config_version` that this binary knows.
pub const CONFIG_VERSION: u32 = 1;
/// The configuration file that is read when no `--config` says otherwise; it need not exist.
pub const DEFAULT_PATH: &str = "/etc/lapwing/lapwing.toml";

/// What loading gives: the configuration, the rules, and where they came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Everything but the rules.
    pub config: Config,
    /// The rules and scores as written.
    pub specs: Specs,
    /// The rules, compiled.
    pub rules: Arc<RuleSet>,
    /// Of the meaning, not of the text: comments and order of keys do not change it.
    pub hash: String,
    /// The same of the rules and scores alone.
    pub rules_hash: String,
    /// What is doubtful but no error.
    pub warnings: Vec<Problem>,
    /// The files that were read.
    pub sources: Vec<PathBuf>,
}

/// Everything but the rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Which keys the file may use.
    pub config_version: u32,
    /// Whether the built-in rules are loaded.
    pub defaults: bool,
    /// Which built-in rules.
    pub profile: Profile,
    /// The agent itself.
    pub agent: Agent,
    /// Its own log.
    pub log: Log,
    /// `/metrics`.
    pub metrics: Metrics,
    /// Alerts to an OpenTelemetry collector.
    pub otlp: Otlp,
    /// Alerts as JSON lines.
    pub json: Json,
    /// Silences of Alertmanager as masks.
    pub alertmanager: Alertmanager,
    /// Scores and folding.
    pub score: Score,
    /// The process sensor.
    pub process: Process,
    /// The file sensor.
    pub file: Switch,
    /// The network sensor.
    pub network: Network,
}

/// `[agent]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// The unix socket that `lapwing status` asks; root only.
    pub socket: PathBuf,
    /// Held by the agent that runs: another with the same lock leaves at once.
    pub lock: PathBuf,
    /// What outlives the agent: counters, silences, recent alerts. 0700.
    pub state_dir: PathBuf,
    /// Where the host's root is mounted, when the agent runs in a container of its own.
    pub host_root: PathBuf,
    /// Bytes of the ring of fork, exec, exit and credential records; a power of two.
    #[serde(with = "as_size")]
    pub lifecycle_ring: u32,
    /// Bytes of the ring of file records; a power of two.
    #[serde(with = "as_size")]
    pub file_ring: u32,
    /// Bytes of the ring of network records, payload among them; a power of two. Made once a network rule is enabled.
    #[serde(with = "as_size")]
    pub network_ring: u32,
    /// How often the rings are drained.
    #[serde(with = "as_duration")]
    pub drain_interval: Duration,
    /// Most alerts that wait for one output.
    pub alert_queue: usize,
    /// Let the kernel measure each BPF program (costs 45 to 60 ns for each run).
    pub bpf_stats: bool,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Log {
    /// Level, or directives as `lapwing=debug,hyper=warn`.
    pub level: String,
    /// How lines look.
    pub format: LogFormat,
}

/// How lines of the agent's own log look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// `[metrics]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Whether `/metrics` is served.
    pub enabled: bool,
    /// Address and port.
    pub listen: SocketAddr,
    /// Allows a listener that is not loopback without TLS and authentication.
    pub insecure: bool,
    /// TLS, client certificates and users, in the format that Prometheus' exporters share; absent means none of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web_config_file: Option<PathBuf>,
    /// Most rules that get series of their own; the rest is counted under its ruleset.
    pub max_rules: usize,
    /// How long `lapwing_alerts_active` is 1 after an alert.
    #[serde(with = "as_duration")]
    pub active_for: Duration,
}

/// `[otlp]`
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Otlp {
    /// The collector; absent means off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// How it is spoken to.
    pub protocol: OtlpProtocol,
    /// Sent with every request; often credentials, so `Debug` shows the names only.
    pub headers: BTreeMap<String, String>,
    /// Certificates (PEM) that an https collector's must lead to; absent: those of the public web.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// For one request.
    #[serde(with = "as_duration")]
    pub timeout: Duration,
}

impl fmt::Debug for Otlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Otlp")
            .field("endpoint", &self.endpoint)
            .field("protocol", &self.protocol)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("ca_file", &self.ca_file)
            .field("timeout", &self.timeout)
            .finish()
    }
}

/// OTLP's transports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OtlpProtocol {
    /// gRPC, usually port 4317.
    #[serde(rename = "grpc")]
    Grpc,
    /// HTTP with protobuf bodies, usually port 4318.
    #[serde(rename = "http/protobuf")]
    HttpProtobuf,
}

/// `[json]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Json {
    /// Whether alerts are written as JSON lines.
    pub enabled: bool,
    /// The file (reopened on SIGHUP); `-` is standard output.
    pub path: PathBuf,
}

/// `[alertmanager]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alertmanager {
    /// The peers of one cluster; none: there are no masks.
    pub urls: Vec<String>,
    /// How often one of them is asked, with some jitter.
    #[serde(with = "as_duration")]
    pub poll_interval: Duration,
    /// For one request.
    #[serde(with = "as_duration")]
    pub timeout: Duration,
    /// Certificates (PEM) that an https peer's must lead to; absent: those of the public web.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// The certificate (PEM) that the agent shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert_file: Option<PathBuf>,
    /// Its key (PEM); nobody but its owner may read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// For basic authentication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Holds its password, read at each request; nobody but its owner may read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// Holds a bearer token, read at each request; nobody but its owner may read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer_token_file: Option<PathBuf>,
    /// Allows credentials to be sent over http:// to another host.
    pub insecure: bool,
    /// Labels that this host's alerts have in Alertmanager besides Lapwing's own.
    pub labels: BTreeMap<String, String>,
    /// What becomes of a masked alert.
    pub mask_action: MaskAction,
    /// Critical rules that a silence may mask: ids or globs.
    pub maskable_critical: Vec<String>,
    /// Rules that no silence masks: ids or globs.
    pub never_mask: Vec<String>,
}

/// What becomes of a masked alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MaskAction {
    /// Written, marked as masked.
    Mark,
    /// Only counted.
    Drop,
}

/// `[score]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Points at which a subject alerts, unless its kind has its own.
    pub threshold: u32,
    /// After which half of the points are left.
    #[serde(with = "as_duration")]
    pub half_life: Duration,
    /// Threshold of a lineage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage_threshold: Option<u32>,
    /// Threshold of a container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_threshold: Option<u32>,
    /// Threshold of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_threshold: Option<u32>,
    /// Most subjects of one kind that are remembered.
    pub max_subjects: usize,
    /// In which repeats are folded.
    #[serde(with = "as_duration")]
    pub fold_window: Duration,
    /// Different objects of one rule and subject in the window before further ones join one summary.
    pub fold_after: u32,
}

/// `[process]`, the rules apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// Whether process rules are matched.
    pub enabled: bool,
    /// Most processes that are remembered, those that ended recently included.
    pub max_processes: usize,
    /// How long a process is remembered after its end.
    #[serde(with = "as_duration")]
    pub keep_exited: Duration,
}

/// A sensor's switch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Switch {
    /// Whether the sensor is on.
    pub enabled: bool,
}

/// `[network]`, the rules apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// Whether network rules are matched, and any network hook is attached.
    pub enabled: bool,
    /// Whose connections the kernel looks at.
    pub mode: ProcessMode,
    /// The processes of `mode`: names (`comm`) or absolute paths of executables.
    pub processes: Vec<String>,
    /// Whether plaintext is taken from TLS libraries.
    pub https: OnOff,
    /// Globs over ids: the rules that apply to connections that others opened to us.
    pub incoming_rules: Vec<String>,
    /// Globs over ids: the rules that apply to connections that we opened.
    pub outgoing_rules: Vec<String>,
    /// Globs over ids: rules that never match.
    pub ignored_rules: Vec<String>,
    /// Networks that are never a subject; their X-Forwarded-For is believed.
    pub proxies: Vec<IpNet>,
    /// Most bytes that the kernel copies, and the engine reads, of one message.
    pub max_bytes_per_message: MessageBytes,
    /// Threshold of transactions and remote addresses on connections that others opened; absent: the score's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incoming_threshold: Option<u32>,
    /// The same on connections that we opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outgoing_threshold: Option<u32>,
    /// Whether alerts quote what a connection carried.
    pub excerpts: bool,
    /// Most connections that are remembered.
    pub max_flows: usize,
    /// Most bytes of all connections together that wait to become messages.
    #[serde(with = "as_size")]
    pub max_buffered: u32,
}

/// `max_bytes_per_message`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageBytes {
    /// Of a request.
    #[serde(with = "as_size")]
    pub request: u32,
    /// Of a response.
    #[serde(with = "as_size")]
    pub response: u32,
}

/// Which processes `processes` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProcessMode {
    /// Everybody's connections.
    All,
    /// Those of `processes`.
    Only,
    /// Those of others.
    Except,
}

/// A switch with two names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnOff {
    /// Not done.
    Off,
    /// Done.
    On,
}

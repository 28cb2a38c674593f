//! `[network]` and `[[network.rule]]`.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Common, Severity};
use crate::interest::Processes;

/// What a network rule reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkProtocol {
    /// Connections, and the bytes that they carry.
    Tcp,
    /// HTTP, plain or by TLS.
    Http,
    /// HTTP by TLS only.
    Https,
}

/// When a network rule is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkEvent {
    /// `connect` was called.
    Open,
    /// Both ends agreed.
    Established,
    /// A connection never came to be.
    Refused,
    /// A connection ended: its counts are complete.
    Close,
    /// A socket accepts connections from now on.
    Listen,
    /// Bytes of a connection, in their order.
    Payload,
    /// A request was read.
    Request,
    /// A response was read; the request that it answers is known.
    Response,
    /// What is read of a stream may not be what the program got.
    Desynchronised,
}

impl NetworkEvent {
    /// All of them.
    pub const ALL: [NetworkEvent; 9] = [
        NetworkEvent::Open,
        NetworkEvent::Established,
        NetworkEvent::Refused,
        NetworkEvent::Close,
        NetworkEvent::Listen,
        NetworkEvent::Payload,
        NetworkEvent::Request,
        NetworkEvent::Response,
        NetworkEvent::Desynchronised,
    ];

    /// The name in configuration.
    pub fn name(self) -> &'static str {
        match self {
            NetworkEvent::Open => "open",
            NetworkEvent::Established => "established",
            NetworkEvent::Refused => "refused",
            NetworkEvent::Close => "close",
            NetworkEvent::Listen => "listen",
            NetworkEvent::Payload => "payload",
            NetworkEvent::Request => "request",
            NetworkEvent::Response => "response",
            NetworkEvent::Desynchronised => "desynchronised",
        }
    }

    /// Whether it is HTTP's.
    pub fn is_http(self) -> bool {
        matches!(self, NetworkEvent::Request | NetworkEvent::Response)
    }
}

/// Whose connections a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleDirection {
    /// Those that others opened to us.
    Incoming,
    /// Those that we opened.
    Outgoing,
    /// All, also those that were there before the agent.
    #[default]
    Both,
}

/// Whom a match of a network rule is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Holds {
    /// The HTTP request with its response.
    Transaction,
    /// The process' lineage, its container and the host, as for the other sensors.
    Lineage,
    /// The remote address; of IPv6 its /64.
    Remote,
}

/// `[[network.rule]]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NetworkRule {
    /// The shared part.
    pub common: Common,
    /// What it reads.
    pub protocol: NetworkProtocol,
    /// When it is asked; None: by the fields that `when` uses.
    pub event: Option<NetworkEvent>,
    /// Whose connections.
    pub direction: RuleDirection,
    /// How bad.
    pub severity: Severity,
    /// Against whom matches are held; None: the transaction for HTTP, the lineage otherwise.
    pub subjects: Option<Vec<Holds>>,
    /// Executables (kernel-resolved; a directory covers what is below) that the rule never matches.
    pub skip_paths: Vec<String>,
}

/// What holds for all network rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NetworkSettings {
    /// Whose connections the kernel looks at.
    pub processes: Processes,
    /// Whether plaintext is taken from TLS libraries.
    pub https: bool,
    /// Globs over ids: the rules that apply to connections that others opened to us.
    pub incoming_rules: Vec<String>,
    /// Globs over ids: the rules that apply to connections that we opened.
    pub outgoing_rules: Vec<String>,
    /// Globs over ids: rules that never match.
    pub ignored_rules: Vec<String>,
    /// Addresses that are never a subject, and whose X-Forwarded-For is believed.
    pub proxies: Vec<IpNet>,
    /// Most bytes read of one request.
    pub request_bytes: u32,
    /// Most bytes read of one response.
    pub response_bytes: u32,
    /// Whether alerts quote what a connection carried.
    pub excerpts: bool,
    /// Most connections that are remembered.
    pub max_flows: usize,
    /// Most bytes of all connections together that wait to become messages.
    pub max_buffered: usize,
}

impl Default for NetworkSettings {
    fn default() -> Self {
        NetworkSettings {
            processes: Processes::All,
            https: false,
            incoming_rules: vec!["*".to_owned()],
            outgoing_rules: vec!["*".to_owned()],
            ignored_rules: Vec::new(),
            proxies: Vec::new(),
            request_bytes: 128 << 10,
            response_bytes: 512 << 10,
            excerpts: false,
            max_flows: 65_536,
            max_buffered: 64 << 20,
        }
    }
}

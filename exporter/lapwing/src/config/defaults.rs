//! What holds where no file, variable or flag says otherwise; config.example.toml says why.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use super::{
    Agent, Alertmanager, CONFIG_VERSION, Config, Json, Log, LogFormat, MaskAction, MessageBytes, Metrics, Network,
    OnOff, Otlp, OtlpProtocol, Process, ProcessMode, Score, Switch,
};
use crate::cli::Profile;

impl Default for Config {
    fn default() -> Self {
        Config {
            config_version: CONFIG_VERSION,
            defaults: true,
            profile: Profile::Production,
            agent: Agent {
                socket: "/run/lapwing/lapwing.sock".into(),
                lock: "/run/lapwing/agent.lock".into(),
                state_dir: "/var/lib/lapwing".into(),
                host_root: "/".into(),
                lifecycle_ring: 8 << 20,
                file_ring: 16 << 20,
                network_ring: 16 << 20,
                drain_interval: Duration::from_millis(8),
                alert_queue: 4_096,
                bpf_stats: false,
            },
            log: Log {
                level: "info".into(),
                format: LogFormat::Auto,
            },
            metrics: Metrics {
                enabled: true,
                listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 19754)),
                insecure: false,
                web_config_file: None,
                max_rules: 300,
                active_for: Duration::from_secs(300),
            },
            otlp: Otlp {
                endpoint: None,
                protocol: OtlpProtocol::Grpc,
                headers: BTreeMap::new(),
                ca_file: None,
                timeout: Duration::from_secs(10),
            },
            json: Json {
                enabled: true,
                path: "-".into(),
            },
            alertmanager: Alertmanager {
                urls: Vec::new(),
                poll_interval: Duration::from_secs(60),
                timeout: Duration::from_secs(10),
                ca_file: None,
                cert_file: None,
                key_file: None,
                username: None,
                password_file: None,
                bearer_token_file: None,
                insecure: false,
                labels: BTreeMap::new(),
                mask_action: MaskAction::Mark,
                maskable_critical: Vec::new(),
                never_mask: Vec::new(),
            },
            score: Score {
                threshold: 100,
                half_life: Duration::from_secs(600),
                lineage_threshold: None,
                container_threshold: None,
                host_threshold: None,
                max_subjects: 10_000,
                fold_window: Duration::from_secs(60),
                fold_after: 5,
            },
            process: Process {
                enabled: true,
                max_processes: 65_536,
                keep_exited: Duration::from_secs(60),
            },
            file: Switch { enabled: true },
            network: Network {
                enabled: false,
                mode: ProcessMode::All,
                processes: Vec::new(),
                https: OnOff::Off,
                incoming_rules: vec!["*".into()],
                outgoing_rules: vec!["*".into()],
                ignored_rules: Vec::new(),
                proxies: Vec::new(),
                max_bytes_per_message: MessageBytes {
                    request: 128 << 10,
                    response: 512 << 10,
                },
                incoming_threshold: None,
                outgoing_threshold: None,
                excerpts: false,
                max_flows: 65_536,
                max_buffered: 64 << 20,
            },
        }
    }
}

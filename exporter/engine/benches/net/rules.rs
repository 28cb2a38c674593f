//! The network rules that the program ships, as the engine takes them.

use std::sync::Arc;

use lapwing_engine::{
    rule::RuleSet,
    spec::{
        AlertMode, Common, Holds, NetworkEvent, NetworkProtocol, NetworkRule, NetworkSettings, RuleDirection, Severity,
        Specs,
    },
};
use serde::Deserialize;

const TEXT: &str = include_str!("../../../lapwing/rules/network.toml");

#[derive(Deserialize)]
struct File {
    network: Network,
}

#[derive(Deserialize)]
struct Network {
    rule: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    protocol: NetworkProtocol,
    event: Option<NetworkEvent>,
    #[serde(default)]
    direction: RuleDirection,
    severity: Severity,
    points: Option<u32>,
    subjects: Option<Vec<Holds>>,
    #[serde(default)]
    alert: AlertMode,
    message: Option<String>,
    when: Option<String>,
    except: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
}

/// All of them.
pub fn default() -> Arc<RuleSet> {
    match RuleSet::compile(&specs()) {
        Ok(rules) => Arc::new(rules),
        Err(errors) => panic!("{errors:#?}"),
    }
}

/// As written.
pub fn specs() -> Specs {
    let file: File = match toml::from_str(TEXT) {
        Ok(file) => file,
        Err(error) => panic!("{error}"),
    };
    Specs {
        network: file.network.rule.into_iter().map(rule).collect(),
        network_settings: NetworkSettings::default(),
        ..Specs::default()
    }
}

fn rule(row: Row) -> NetworkRule {
    NetworkRule {
        common: Common {
            id: row.id,
            enabled: true,
            points: row.points,
            message: row.message,
            tags: row.tags,
            when: row.when,
            except: row.except,
            alert: row.alert,
            ruleset: "default".into(),
        },
        protocol: row.protocol,
        event: row.event,
        direction: row.direction,
        severity: row.severity,
        subjects: row.subjects,
        skip_paths: Vec::new(),
    }
}

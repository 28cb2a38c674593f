//! Rules about the network that never match: while it is not watched, or while nothing tells what programs encrypt.

use std::collections::{BTreeMap, HashMap};

use lapwing_engine::spec::{NetworkProtocol, Specs};

use super::{Config, OnOff, position::Place, report::Report, section::Places};

/// The ruleset of files.
const OWN: &str = "local";

/// Warns of what was written for the network by somebody who did not switch it on. Who wrote `enabled = false` knows.
pub fn warn_off(report: &mut Report<'_>, config: &Config, specs: &Specs, keys: Keys<'_>) {
    if config.network.enabled || keys.origins.contains_key("network.enabled") {
        return;
    }
    let help = "write enabled = true in [network]";
    if config.network.https == OnOff::On
        && let Some(place) = keys.origins.get("network.https")
    {
        report.warning(
            place,
            "https = \"on\" has no effect while [network] enabled = false",
            help,
        );
    }
    // One warning: what helps is the same for all.
    let mut own = specs.network.iter().filter(|rule| rule.common.ruleset == OWN);
    let Some(first) = own.next() else { return };
    let Some(place) = place(keys.places, &first.common.id, "id") else {
        return;
    };
    let others = match own.count() {
        0 => String::new(),
        others => format!(" (and {others} more)"),
    };
    let id = &first.common.id;
    let message = format!("rule {id:?}{others} matches nothing while [network] enabled = false");
    report.warning(place, message, help);
}

/// Where things are written.
#[derive(Clone, Copy)]
pub struct Keys<'a> {
    /// Keys of rules, by the rule's id.
    pub places: &'a BTreeMap<String, Places>,
    /// Keys of sections.
    pub origins: &'a HashMap<String, Place>,
}

fn place<'a>(places: &'a BTreeMap<String, Places>, id: &str, key: &str) -> Option<&'a Place> {
    let keys = places.get(id)?;
    Some(&keys.get(key).or_else(|| keys.get("id"))?.first()?.1)
}

/// Warns of rules about HTTPS: they never match.
pub fn warn(report: &mut Report<'_>, specs: &Specs, places: &BTreeMap<String, Places>) {
    if specs.network_settings.https {
        return;
    }
    // With the sensor switched off no rule is enabled, and none is expected to match.
    let rules = specs.network.iter();
    for rule in rules.filter(|rule| rule.common.enabled && rule.protocol == NetworkProtocol::Https) {
        if let Some(place) = place(places, &rule.common.id, "protocol") {
            let message = format!(
                "rule {:?}: protocol = \"https\" matches nothing while [network] https = \"off\"",
                rule.common.id
            );
            report.warning(place, message, "write https = \"on\" in [network]");
        }
    }
}

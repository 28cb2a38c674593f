//! Rules about HTTPS while nothing tells what programs encrypt.

use std::collections::BTreeMap;

use lapwing_engine::spec::{NetworkProtocol, Specs};

use super::{report::Report, section::Places};

/// Warns of them: they never match.
pub fn warn(report: &mut Report<'_>, specs: &Specs, places: &BTreeMap<String, Places>) {
    if specs.network_settings.https {
        return;
    }
    // With the sensor switched off no rule is enabled, and none is expected to match.
    let rules = specs.network.iter();
    for rule in rules.filter(|rule| rule.common.enabled && rule.protocol == NetworkProtocol::Https) {
        let keys = places.get(&rule.common.id);
        let place = keys.and_then(|keys| Some(&keys.get("protocol").or_else(|| keys.get("id"))?.first()?.1));
        if let Some(place) = place {
            let message = format!(
                "rule {:?}: protocol = \"https\" matches nothing while [network] https = \"off\"",
                rule.common.id
            );
            report.warning(place, message, "write https = \"on\" in [network]");
        }
    }
}

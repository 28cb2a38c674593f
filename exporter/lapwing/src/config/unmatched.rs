//! Names of rules in `[alertmanager]` and `[network]` that no rule has.

use std::collections::HashMap;

use lapwing_engine::{event::Sensor, predicate::Glob, rule::RuleSet, score::SubjectKind};

use super::{Config, position::Place, report::Report};

/// Warns of them: who wrote `never_mask = ["ssh-keyz"]` believes that a rule is protected.
pub fn warn(report: &mut Report<'_>, config: &Config, rules: &RuleSet, origins: &HashMap<String, Place>) {
    let of = |sensor: Option<Sensor>| {
        let all = rules.rules().iter();
        let wanted = all.filter(move |rule| sensor.is_none_or(|sensor| rule.sensor == sensor));
        wanted.map(|rule| rule.id.as_str()).collect::<Vec<_>>()
    };
    let mut list = |section: &str, key: &str, names: &[String], ids: &[&str], what: &str| {
        for name in names.iter().filter(|name| *name != "*") {
            let Ok(glob) = Glob::new(name.as_bytes()) else {
                continue;
            };
            if ids.iter().any(|id| glob.matches(id.as_bytes())) {
                continue;
            }
            let path = format!("{section}.{key}");
            let place = origins.get(&path).cloned().unwrap_or(Place::Named(path));
            let message = format!("{key}: no {what} is called {name:?}");
            report.warning(&place, message, "`lapwing rules list` shows what they are called");
        }
    };
    let mut maskable = of(None);
    maskable.extend(SubjectKind::ALL.iter().map(|kind| kind.rule()));
    let masking = &config.alertmanager;
    list(
        "alertmanager",
        "maskable_critical",
        &masking.maskable_critical,
        &maskable,
        "rule",
    );
    list("alertmanager", "never_mask", &masking.never_mask, &maskable, "rule");
    let (network, ids) = (&config.network, of(Some(Sensor::Network)));
    list(
        "network",
        "incoming_rules",
        &network.incoming_rules,
        &ids,
        "rule about the network",
    );
    list(
        "network",
        "outgoing_rules",
        &network.outgoing_rules,
        &ids,
        "rule about the network",
    );
    list(
        "network",
        "ignored_rules",
        &network.ignored_rules,
        &ids,
        "rule about the network",
    );
}

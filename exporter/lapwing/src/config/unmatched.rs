//! Names in `[alertmanager]` that no rule has.

use std::collections::HashMap;

use lapwing_engine::{predicate::Glob, rule::RuleSet, score::SubjectKind};

use super::{Config, position::Place, report::Report};

/// Warns of them: who wrote `never_mask = ["ssh-keyz"]` believes that a rule is protected.
pub fn warn(report: &mut Report<'_>, config: &Config, rules: &RuleSet, origins: &HashMap<String, Place>) {
    let settings = &config.alertmanager;
    let lists = [
        ("maskable_critical", &settings.maskable_critical),
        ("never_mask", &settings.never_mask),
    ];
    for (key, names) in lists {
        for name in names {
            let Ok(glob) = Glob::new(name.as_bytes()) else {
                continue;
            };
            let ids = rules.rules().iter().map(|rule| rule.id.as_str());
            let scores = SubjectKind::ALL.iter().map(|kind| kind.rule());
            if ids.chain(scores).any(|id| glob.matches(id.as_bytes())) {
                continue;
            }
            let path = format!("alertmanager.{key}");
            let place = origins.get(&path).cloned().unwrap_or(Place::Named(path));
            let message = format!("{key}: no rule is called {name:?}");
            report.warning(&place, message, "`lapwing rules list` shows what they are called");
        }
    }
}

//! At most `metrics.max_rules` rules have their id in the label `rule`; further ones are told under their ruleset.

use std::collections::HashMap;

use lapwing_engine::mask::rule_label;

use super::super::snapshot::RuleCount;

/// Rules past the bound, by id, with their ruleset.
pub(in crate::metrics) struct RuleLabels<'a>(HashMap<&'a str, &'a str>);

impl<'a> RuleLabels<'a> {
    /// By the order of the rule set.
    pub fn new(rules: &'a [RuleCount], max_rules: usize) -> RuleLabels<'a> {
        let label = |(index, rule): (usize, &'a RuleCount)| {
            let label = rule_label(index, &rule.id, &rule.ruleset, max_rules);
            (*label != *rule.id).then_some((&*rule.id, label))
        };
        RuleLabels(rules.iter().enumerate().filter_map(label).collect())
    }

    /// What stands in the label for a rule, or for the name of a score's alerts.
    pub fn of<'b>(&self, id: &'b str) -> &'b str
    where
        'a: 'b,
    {
        self.0.get(id).copied().unwrap_or(id)
    }
}

//! Holds the place of the compiled rule set until matching arrives, so that what stands on it can be built. It refuses to compile anything.

use super::{Finding, Matches, RuleError, RuleInfo};
use crate::{event::Event, interest::Interest, process::Table, spec::Specs};

/// Compiled rules.
#[derive(Debug, Default)]
pub struct RuleSet {
    rules: Vec<RuleInfo>,
}

impl RuleSet {
    /// Compiles rules; all errors, not the first.
    pub fn compile(specs: &Specs) -> Result<RuleSet, Vec<RuleError>> {
        let ids = specs.process.iter().map(|rule| &rule.common.id).chain(specs.watches.iter().map(|watch| &watch.common.id));
        let errors: Vec<RuleError> = ids
            .map(|id| RuleError {
                rule: id.clone(),
                key: "id",
                offset: None,
                message: "rules cannot be compiled yet".to_owned(),
                help: "wait for the rule compiler".to_owned(),
            })
            .collect();
        if errors.is_empty() { Ok(RuleSet::default()) } else { Err(errors) }
    }

    /// What the rules need from the kernel.
    pub fn interest(&self, generation: u32) -> Interest {
        Interest { generation, ..Interest::default() }
    }

    /// All rules; a [`RuleId`](super::RuleId) is the index.
    pub fn rules(&self) -> &[RuleInfo] {
        &self.rules
    }

    /// What matches.
    pub fn evaluate(&self, _event: &Event, _table: &Table, _out: &mut Matches) {}

    /// The sentence for people.
    pub fn message(&self, _finding: &Finding, _event: &Event, _table: &Table) -> String {
        String::new()
    }
}

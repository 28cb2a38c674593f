//! Rules, compiled: from [`Specs`](crate::spec::Specs) to what matches events.

mod types;

pub use types::{Finding, Matches, RuleError, RuleId, RuleInfo};
mod pending;
pub use pending::RuleSet;

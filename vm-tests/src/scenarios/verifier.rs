//! No program costs the verifier more than its budget, on any kernel.

use crate::{
    error::{Error, Result},
    scenarios::Check,
    verifier::{Cost, within_budget},
    world::Need,
};

/// So many programs at least are measured where everything is refused that can be.
const FEWEST: usize = 10;

pub fn checks() -> Vec<Check> {
    // All programs are measured, those of the other flavour too.
    vec![Check::new("verifier-cost-is-within-its-budget", budget).needs(&[Need::OneFlavour])]
}

fn budget() -> Result<()> {
    let costs = Cost::here()?;
    costs.iter().for_each(|cost| println!("{}", cost.print()));
    let measured = costs.iter().filter(|cost| cost.instructions.is_some()).count();
    if measured < FEWEST {
        return Err(Error(format!(
            "only {measured} of {} programs were measured",
            costs.len()
        )));
    }
    within_budget(&costs)
}

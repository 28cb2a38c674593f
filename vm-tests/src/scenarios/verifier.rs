//! No program costs the verifier more than its budget, on any kernel.

use crate::{
    error::{Error, Result},
    scenarios::Check,
    verdict::Verdict,
    verifier::{Cost, within_budget},
    world::World,
};

/// So many programs at least are measured where everything is refused that can be.
const FEWEST: usize = 10;

pub fn checks() -> Vec<Check> {
    vec![Check::judged("verifier-cost-is-within-its-budget", budget)]
}

fn budget(world: &World) -> Result<Verdict> {
    let costs = Cost::here()?;
    costs.iter().for_each(|cost| println!("{}", cost.print()));
    let measured = costs.iter().filter(|cost| cost.instructions.is_some()).count();
    if measured < FEWEST {
        return Err(Error(format!(
            "only {measured} of {} programs were measured",
            costs.len()
        )));
    }
    let known = within_budget(&costs, world.at_least(5, 17))?;
    match known.is_empty() {
        true => Ok(Verdict::Seen),
        false => Ok(Verdict::Partial(known.join("; "))),
    }
}

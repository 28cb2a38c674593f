//! What the kernel's verifier has to do for each program: a number that is tracked, with a budget.

use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::{
    agent::program,
    error::{Context, Error, Result, output_of},
};

/// Instructions that the verifier may walk through for one program; it gives up at a million.
pub const BUDGET: u64 = 100_000;

/// One program on one kernel, as `lapwing probes --verifier --json` tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Its name in `bpf/c/`.
    pub program: String,
    /// The file that it is in.
    pub object: String,
    /// Instructions that the verifier walked through; nothing where the kernel refused the program or does not have what it hooks.
    pub instructions: Option<u64>,
    /// Microseconds that this took.
    pub microseconds: Option<u64>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub refused: String,
}

const MARK: &str = "@verifier ";

impl Cost {
    /// All programs, on this kernel.
    pub fn here() -> Result<Vec<Cost>> {
        let text = output_of(Command::new(program()?).args(["probes", "--verifier", "--json"]))?;
        serde_json::from_str(&text).context(format!("not as expected: {text}"))
    }

    /// As the runner prints it.
    pub fn print(&self) -> String {
        // Strings and numbers: it cannot fail.
        format!("{MARK}{}", serde_json::to_string(self).unwrap_or_default())
    }

    /// Those of a console.
    pub fn all(console: &str) -> Vec<Cost> {
        let parse = |line: &str| serde_json::from_str(&line[line.find(MARK)? + MARK.len()..]).ok();
        console.lines().filter_map(parse).collect()
    }
}

/// An error that names each program above the budget.
pub fn within_budget(costs: &[Cost]) -> Result<()> {
    let over: Vec<_> = costs
        .iter()
        .filter_map(|cost| Some((&cost.program, cost.instructions.filter(|n| *n > BUDGET)?)))
        .map(|(program, instructions)| format!("{program} takes {instructions} instructions, the budget is {BUDGET}"))
        .collect();
    match over.is_empty() {
        true => Ok(()),
        false => Err(Error(over.join("\n"))),
    }
}

#[cfg(test)]
mod tests {
    use super::{BUDGET, Cost, within_budget};

    fn cost(instructions: Option<u64>) -> Cost {
        Cost {
            program: "lw_x".into(),
            object: "file".into(),
            instructions,
            microseconds: Some(7),
            refused: String::new(),
        }
    }

    #[test]
    fn the_budget_is_one_program_s() {
        let good = [cost(Some(BUDGET)), cost(None), cost(Some(BUDGET))];
        within_budget(&good).unwrap();
        let over = within_budget(&[cost(Some(BUDGET + 1))]).unwrap_err();
        assert!(over.0.contains("lw_x takes 100001"), "{over}");
    }

    #[test]
    fn a_line_is_read_back() {
        let costs = [cost(Some(5)), cost(None)];
        let console = format!("x\n[1] {}\n{}\n", costs[0].print(), costs[1].print());
        assert_eq!(Cost::all(&console), costs);
    }
}

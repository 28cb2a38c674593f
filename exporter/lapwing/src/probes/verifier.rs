//! `lapwing probes --verifier`: what each program costs the kernel's verifier, which is a tracked number (docs/kernels.md).

use lapwing_bpf::{Options, Verified};
use serde::Serialize;

use crate::commands::{Failure, other};

/// One program, for scripts.
#[derive(Debug, Serialize)]
struct Row<'a> {
    program: &'a str,
    object: &'a str,
    instructions: Option<u64>,
    microseconds: Option<u64>,
    #[serde(skip_serializing_if = "str::is_empty")]
    refused: &'a str,
}

/// Loads every program on this kernel, attaches none, and shows what the verifier said.
///
/// # Errors
/// When this host cannot load BPF programs at all.
pub fn show(json: bool) -> Result<(), Failure> {
    let programs = lapwing_bpf::verify(&Options::default())?;
    match json {
        true => println!("{}", serde_json::to_string_pretty(&rows(&programs)).map_err(other)?),
        false => print!("{}", table(&programs)),
    }
    Ok(())
}

fn rows(programs: &[Verified]) -> Vec<Row<'_>> {
    programs.iter().map(row).collect()
}

fn row(cost: &Verified) -> Row<'_> {
    Row {
        program: &cost.program,
        object: cost.object,
        instructions: cost.instructions,
        microseconds: cost.microseconds,
        refused: &cost.refused,
    }
}

fn table(programs: &[Verified]) -> String {
    let mut text = format!(
        "{:<14} {:<28} {:>12} {:>10}\n",
        "OBJECT", "PROGRAM", "INSTRUCTIONS", "TIME, MS"
    );
    for program in programs {
        let time = program.microseconds.map(|time| format!("{:.1}", time as f64 / 1000.0));
        text += &match program.instructions {
            Some(instructions) => format!(
                "{:<14} {:<28} {instructions:>12} {:>10}\n",
                program.object,
                program.program,
                time.as_deref().unwrap_or("-")
            ),
            None => format!(
                "{:<14} {:<28} refused: {}\n",
                program.object, program.program, program.refused
            ),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_numbers_or_a_reason() {
        let program = |instructions, microseconds, refused: &str| Verified {
            object: "file",
            program: "lw_x".into(),
            instructions,
            microseconds,
            refused: refused.into(),
        };
        let text = table(&[
            program(Some(70_000), Some(1500), ""),
            program(Some(9), None, ""),
            program(None, None, "EPERM"),
        ]);
        let lines: Vec<_> = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            lines[1..],
            ["file lw_x 70000 1.5", "file lw_x 9 -", "file lw_x refused: EPERM"]
        );
    }
}

//! The figures, for people.

use crate::{
    agent::Memory,
    load::{Load, Sample},
};

const MEMORY_AIM_MB: f64 = 60.0;

/// One load over all rounds.
pub struct Row {
    name: String,
    aim: Option<f64>,
    /// Without and with the agent, for each round.
    pub rounds: Vec<(Sample, Sample)>,
}

impl Row {
    /// Nothing measured yet.
    pub fn new(load: &Load) -> Row {
        Row {
            name: load.name.clone(),
            aim: load.aim,
            rounds: Vec::new(),
        }
    }
}

/// Median, and the quartiles around it.
pub fn spread(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        values
            .get(((values.len().max(1) - 1) as f64 * share).round() as usize)
            .copied()
            .unwrap_or(f64::NAN)
    };
    (at(0.25), at(0.5), at(0.75))
}

/// One line for each load, then memory.
pub fn print<'a>(rows: impl Iterator<Item = &'a Row>, memory: &Memory) {
    println!(
        "{:<40} {:>12} {:>12} {:>22} {:>10}  aim",
        "load", "without ns", "with ns", "ratio (quartiles)", "CPU ratio"
    );
    for row in rows {
        let column = |pick: fn(&(Sample, Sample)) -> f64| spread(row.rounds.iter().map(pick).collect()).1;
        let (low, ratio, high) = spread(
            row.rounds
                .iter()
                .map(|(without, with)| with.wall / without.wall)
                .collect(),
        );
        let cpu: Vec<f64> = row
            .rounds
            .iter()
            .filter_map(|(without, with)| Some(with.cpu? / without.cpu?))
            .collect();
        let cpu = (!cpu.is_empty()).then(|| spread(cpu).1);
        println!(
            "{:<40} {:>12.0} {:>12.0} {:>22} {:>10}  {}",
            row.name,
            column(|(without, _)| without.wall),
            column(|(_, with)| with.wall),
            format!("{ratio:.3} ({low:.3}-{high:.3})"),
            cpu.map_or("-".into(), |cpu| format!("{cpu:.3}")),
            row.aim.map_or("-".into(), |aim| format!(
                "{aim:.2} {}",
                verdict(cpu.unwrap_or(ratio) <= aim)
            )),
        );
    }
    let (resident, peak) = (memory.resident as f64 * 1.024e-3, memory.peak as f64 * 1.024e-3);
    println!(
        "memory: {resident:.1} MB resident after the loads, {peak:.1} MB at most; aim {MEMORY_AIM_MB:.0} MB {}",
        verdict(peak < MEMORY_AIM_MB)
    );
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

/// Runs and time of each BPF program, from `/metrics`.
pub fn print_programs(metrics: &str) {
    let sample = |line: &str, name: &str| -> Option<(String, f64)> {
        let rest = line.strip_prefix(name)?.strip_prefix('{')?;
        let (labels, value) = rest.rsplit_once("} ")?;
        let program = labels.split("program=\"").nth(1)?.split('"').next()?;
        Some((program.to_owned(), value.trim().parse().ok()?))
    };
    let all = |name: &str| {
        metrics
            .lines()
            .filter_map(|line| sample(line, name))
            .collect::<Vec<_>>()
    };
    let seconds = all("lapwing_bpf_program_seconds_total");
    println!("{:<40} {:>12} {:>12}", "program", "runs", "ns each");
    for (program, runs) in all("lapwing_bpf_program_runs_total")
        .into_iter()
        .filter(|(_, runs)| *runs > 0.0)
    {
        let time = seconds
            .iter()
            .find(|(name, _)| *name == program)
            .map_or(f64::NAN, |(_, seconds)| *seconds);
        println!("{program:<40} {runs:>12.0} {:>12.0}", time * 1e9 / runs);
    }
}

/// What the agent says that it lost; nothing when it lost nothing.
pub fn print_losses(metrics: &str) {
    metrics
        .lines()
        .filter(|line| line.starts_with("lapwing_events_lost_total{") && !line.ends_with(" 0"))
        .for_each(|line| println!("{line}"));
}

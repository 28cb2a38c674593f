//! A recording through the rules: what each matches, before scores and folding.

use std::io::{Read, Write};

use lapwing_engine::{
    event::{Event, Header},
    net::{self, Flows},
    process::{Limits, Table},
    rule::Matches,
};

use super::RulesError;
use crate::{
    config::Loaded,
    recording::{Item, Reader},
};

/// Counts the matches of each rule; with `only`, of that rule, whose matches are shown one a line.
pub(super) fn run<R: Read>(
    loaded: &Loaded,
    recording: Reader<R>,
    only: Option<&str>,
    out: &mut dyn Write,
) -> Result<(), RulesError> {
    let rules = &loaded.rules;
    let process = &loaded.config.process;
    let mut table = Table::new(Limits {
        max_processes: process.max_processes,
        keep_ended: u64::try_from(process.keep_exited.as_nanos()).unwrap_or(u64::MAX),
    });
    let mut flows = Flows::new(net::Limits::of(&loaded.specs.network_settings), rules.needs());
    let mut made = Vec::new();
    let mut matches = Matches::default();
    let mut counts = vec![(0u64, 0u64); rules.rules().len()];
    let mut events = 0u64;
    for item in recording {
        let event = match item? {
            Item::Event(event) => event,
            Item::Tick(now) => {
                table.expire(now);
                continue;
            }
            _ => continue,
        };
        events += 1;
        table.update(&event);
        let owner = flows.observe(&event, None, &mut made);
        // What a connection carried is judged before what became of it; a segment itself is judged by nobody.
        made.push(Event {
            header: Header {
                process: owner,
                ..event.header.clone()
            },
            body: event.body,
        });
        for event in made.drain(..) {
            rules.evaluate(&event, &table, &mut matches);
            for rule in &matches.skipped {
                counts[rule.index()].1 += 1;
            }
            for finding in &matches.findings {
                counts[finding.rule.index()].0 += 1;
                if rules
                    .rule(finding.rule)
                    .is_some_and(|rule| Some(rule.id.as_str()) == only)
                {
                    let seconds = event.header.time.0 as f64 / 1e9;
                    writeln!(
                        out,
                        "{seconds:.6}  {}  {}",
                        finding.severity.name(),
                        rules.message(finding, &event, &table)
                    )?;
                }
            }
        }
    }
    let shown = || {
        rules
            .rules()
            .iter()
            .zip(&counts)
            .filter(|(rule, _)| only.is_none_or(|id| rule.id == id))
    };
    let width = shown().map(|(rule, _)| rule.id.len()).max().unwrap_or(0).max(4);
    writeln!(out, "{:width$}  MATCHES  SKIPPED", "RULE")?;
    for (rule, (matched, skipped)) in shown() {
        writeln!(out, "{:width$}  {matched:7}  {skipped:7}", rule.id)?;
    }
    Ok(writeln!(out, "{events} events")?)
}

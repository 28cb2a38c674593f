//! From what sensors and engine say to the metrics' snapshot.

use lapwing_bpf::{Sensors, State as HookStatus};
use lapwing_engine::event::Flavour;

use crate::{
    cli::Profile,
    config::{Config, Loaded},
    metrics::{
        ConfigInfo, Snapshot,
        snapshot::{
            AlertCount, EventCount, HookInfo, IncompleteCount, LossCount, ProgramCount, QueueDepth, RuleCount,
            TableSize,
        },
    },
    pipeline::{CAPACITY, State},
    probes::{flavour_name, state_name},
};

/// Everything that is counted, now.
pub fn snapshot(state: &State, sensors: &Sensors) -> Snapshot {
    let counters = &state.counters;
    Snapshot {
        events: counters
            .events
            .iter()
            .map(|(sensor, kind, count)| EventCount { sensor, kind, count })
            .collect(),
        self_excluded: sensors
            .losses()
            .iter()
            .filter(|loss| loss.stage == "self")
            .map(|loss| loss.count)
            .sum(),
        losses: losses(sensors),
        rules: counters
            .rules
            .iter()
            .map(|rule| RuleCount {
                id: rule.id.clone(),
                ruleset: rule.ruleset.clone(),
                matches: rule.matches,
                skipped: rule.skipped,
            })
            .collect(),
        alerts: counters
            .alerts
            .iter()
            .map(|(series, &count)| AlertCount {
                rule: series.rule.clone(),
                severity: series.severity,
                sensor: series.sensor,
                count,
            })
            .collect(),
        folded: counters.folded,
        late: state.reorder.late,
        incomplete: incomplete(state),
        queues: vec![QueueDepth {
            name: "reorder",
            length: state.held as u64,
            capacity: CAPACITY as u64,
        }],
        tables: state
            .tables
            .iter()
            .map(|table| TableSize {
                name: table.name,
                entries: table.entries,
                capacity: table.capacity,
                evicted: table.evicted,
            })
            .collect(),
        hooks: sensors
            .hooks()
            .into_iter()
            .map(|hook| HookInfo {
                sensor: hook.sensor,
                hook: hook.hook.to_owned(),
                flavour: flavour_name(hook.flavour),
                state: state_name(&hook.state),
            })
            .collect(),
        programs: sensors
            .programs()
            .into_iter()
            .map(|program| ProgramCount {
                name: program.name,
                runs: program.runs,
                nanoseconds: program.nanoseconds,
                recursion_misses: program.recursion_misses,
            })
            .collect(),
        map_memory: sensors.map_memory(),
    }
}

/// What was lost, by sensor and stage; what the agent did itself is not.
pub fn losses(sensors: &Sensors) -> Vec<LossCount> {
    let losses = sensors.losses().into_iter().filter(|loss| loss.stage != "self");
    losses
        .map(|loss| LossCount {
            sensor: loss.sensor,
            stage: loss.stage,
            count: loss.count,
        })
        .collect()
}

fn incomplete(state: &State) -> Vec<IncompleteCount> {
    [
        ("process_unknown", state.counters.table.unknown),
        ("exit_unseen", state.counters.table.lost_exits),
        ("path_unresolved", state.unresolved_paths),
    ]
    .map(|(reason, count)| IncompleteCount { reason, count })
    .to_vec()
}

/// What is loaded.
pub fn config_info(loaded: &Loaded) -> ConfigInfo {
    ConfigInfo {
        hash: loaded.hash.clone(),
        profile: profile(&loaded.config),
    }
}

/// The profile's name.
pub fn profile(config: &Config) -> &'static str {
    match config.profile {
        Profile::Production => "production",
        Profile::Demo => "demo",
    }
}

/// Says which hooks are not the best that they could be; `lapwing probes` has the same in full.
pub fn say_hooks(sensors: &Sensors) {
    let hooks = sensors.hooks();
    for hook in &hooks {
        match &hook.state {
            HookStatus::Refused { why } => {
                tracing::debug!(hook = hook.hook, flavour = flavour_name(hook.flavour), why, "refused")
            }
            HookStatus::Attached if !hook.unseen.is_empty() => {
                tracing::warn!(
                    hook = hook.hook,
                    flavour = flavour_name(hook.flavour),
                    "not seen: {}",
                    hook.unseen
                )
            }
            _ => {}
        }
    }
    let lesser = hooks
        .iter()
        .filter(|hook| hook.flavour == Flavour::Syscall && hook.state == HookStatus::Attached)
        .count();
    if lesser > 0 {
        tracing::warn!(hooks = lesser, "on the system-call flavour: `lapwing probes` says why");
    }
}

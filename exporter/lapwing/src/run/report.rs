//! From what sensors and engine say to the metrics' snapshot.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, UNIX_EPOCH},
};

use lapwing_bpf::{HookState, Sensors, State as HookStatus};
use lapwing_engine::{
    engine::AlertSeries,
    event::{Flavour, Sensor},
};

use super::heart::Heart;
use crate::{
    alertmanager::PollState,
    cli::Profile,
    config::{Config, Loaded},
    last_alerts::LastAlerts,
    metrics::{
        ConfigInfo, Snapshot,
        snapshot::{
            AlertCount, AlertRef, EventCount, HookInfo, IncompleteCount, LossCount, NetworkTotals, ProgramCount,
            QueueDepth, RuleCount, ScoreMax, SensorInfo, SensorState, Silences, TableSize,
        },
    },
    outputs::WallClock,
    pipeline::{CAPACITY, State},
    probes::{flavour_name, state_name, unattached},
};

/// Everything that is counted, now.
pub fn snapshot(
    state: &State,
    sensors: &Sensors,
    alertmanager: PollState,
    last: &LastAlerts,
    heart: &Heart,
) -> Snapshot {
    let counters = &state.counters;
    let hooks = sensors.hooks();
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
                masked: rule.masked,
                evaluation: rule.evaluation,
            })
            .collect(),
        alerts: alerts(state, &WallClock::now(), last),
        scores: state
            .scores
            .iter()
            .map(|(kind, points)| ScoreMax {
                subject_kind: kind.name(),
                points: *points,
            })
            .collect(),
        silences: silences(state, &alertmanager),
        folded: counters.folded,
        unwatched: None,
        ended_late: sensors.ended_late(),
        late: state.reorder.late,
        incomplete: incomplete(state, sensors),
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
        kernel_tables: Vec::new(),
        unattached: unattached(&hooks).len() as u64,
        network: network(state, sensors),
        sensors: sensor_states(&hooks, heart),
        hooks: hooks
            .iter()
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
        alertmanager,
        map_memory: sensors.map_memory(),
    }
}

fn network(state: &State, sensors: &Sensors) -> NetworkTotals {
    let streams = &state.streams;
    NetworkTotals {
        bytes: vec![
            ("read", streams.bytes),
            ("repeated", streams.repeated_bytes),
            ("not_copied", streams.uncopied_bytes),
            ("missing", streams.gap_bytes),
            ("not_kept", streams.refused_bytes),
        ],
        messages: vec![("request", streams.requests), ("response", streams.responses)],
        tls_objects: sensors.tls_objects().len() as u64,
    }
}

fn silences(state: &State, alertmanager: &PollState) -> Silences {
    let succeeded = alertmanager.polls.get("success").copied().unwrap_or(0);
    Silences {
        peers: alertmanager.peers,
        active: alertmanager.active,
        pending: alertmanager.pending,
        refused: alertmanager
            .refused
            .iter()
            .map(|(reason, count)| (*reason, *count))
            .collect(),
        hiding_critical: state.hiding_critical,
        polls: succeeded,
        poll_failures: alertmanager.polls.values().sum::<u64>() - succeeded,
        last_poll: alertmanager.last_success.unwrap_or(0.0),
        poll_seconds: alertmanager.last_duration,
    }
}

fn alerts(state: &State, wall: &WallClock, last: &LastAlerts) -> Vec<AlertCount> {
    let counters = &state.counters;
    let count = |counts: &BTreeMap<AlertSeries, u64>, series| counts.get(series).copied().unwrap_or(0);
    let each = state.active.iter().map(|state| {
        let series = &state.series;
        AlertCount {
            rule: series.rule.clone(),
            severity: series.severity,
            sensor: series.sensor,
            count: count(&counters.alerts, series),
            masked: count(&counters.alerts_masked, series),
            active: state.active,
            last: last.seconds(series),
            exemplar: counters.last_alerts.get(series).map(|(time, id)| AlertRef {
                id: id.clone(),
                at: UNIX_EPOCH + Duration::from_nanos(wall.unix_nanoseconds(*time)),
            }),
        }
    });
    each.collect()
}

/// From the hooks' states to those of the sensors.
fn sensor_states(hooks: &[HookState], heart: &Heart) -> Vec<SensorInfo> {
    let state = |sensor| {
        let hooks = || hooks.iter().filter(move |hook| hook.sensor == sensor);
        let attached = |hook: &HookState| hook.state == HookStatus::Attached;
        let missing = hooks().any(|hook| {
            let refused = matches!(hook.state, HookStatus::Refused { .. });
            refused && !hooks().any(|variant| variant.hook == hook.hook && attached(variant))
        });
        match (missing, hooks().any(attached)) {
            (true, _) => SensorState::Degraded,
            (false, true) if heart.is_silent(sensor) => SensorState::Silent,
            (false, true) => SensorState::Ok,
            (false, false) => SensorState::Off,
        }
    };
    let flavours = |sensor| {
        let attached = hooks
            .iter()
            .filter(|hook| hook.sensor == sensor && hook.state == HookStatus::Attached);
        let names: BTreeSet<_> = attached.map(|hook| flavour_name(hook.flavour)).collect();
        names.into_iter().collect()
    };
    let info = |sensor| SensorInfo {
        sensor,
        state: state(sensor),
        flavours: flavours(sensor),
    };
    [Sensor::Process, Sensor::File, Sensor::Network].map(info).to_vec()
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

fn incomplete(state: &State, sensors: &Sensors) -> Vec<IncompleteCount> {
    [
        ("process_unknown", state.counters.table.unknown),
        ("exit_unseen", state.counters.table.lost_exits),
        ("path_unresolved", state.unresolved_paths),
        ("stream_gap", state.streams.gaps),
        ("stream_conflict", state.streams.conflicts),
        ("stream_desynchronised", state.streams.desynchronised),
        ("http_malformed", state.streams.malformed),
        ("http_partial", state.streams.partial),
        ("http_unpaired", state.streams.unpaired),
        ("http2_unread", state.streams.http2),
        ("upgrade_unread", state.streams.upgraded),
        ("tls_unread", state.streams.tls_unread),
        ("tls_peer_unknown", state.streams.unknown_peers),
        ("tls_untold", sensors.tls_untold()),
    ]
    .map(|(reason, count)| IncompleteCount { reason, count })
    .to_vec()
}

/// What is loaded.
pub fn config_info(loaded: &Loaded) -> ConfigInfo {
    ConfigInfo {
        hash: loaded.hash.clone(),
        rules_hash: loaded.rules_hash.clone(),
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
    for (hook, why) in unattached(&hooks) {
        let unseen = hooks
            .iter()
            .find(|state| state.hook == hook)
            .map_or("", |state| &state.unseen);
        tracing::error!(hook, why, "not attached, the other hooks work; not seen: {unseen}");
    }
    let lesser = hooks
        .iter()
        .filter(|hook| hook.flavour == Flavour::Syscall && hook.state == HookStatus::Attached)
        .count();
    if lesser > 0 {
        tracing::warn!(hooks = lesser, "on the system-call flavour: `lapwing probes` says why");
    }
}

//! Masked matches: no points, alerts of their own that say so, counters of their own, and what is active.

mod active;
#[path = "../common/mod.rs"]
mod common;
mod marks;
mod reach;

use std::sync::Arc;

use common::{Run, SECOND, common, shell, watch, watch_points};
use lapwing_engine::{
    engine::{AlertSeries, MAX_DETAILS, Settings},
    event::{BootTime, Direction, FileOp, FlowChange, Sensor, Value},
    mask::{Action, Masks, Matcher, Settings as MaskSettings, Silence},
    rule::RuleSet,
    spec::{AlertMode, NetworkProtocol, NetworkRule, RuleDirection, Severity, Specs},
};

const END: BootTime = BootTime(u64::MAX);

fn equal(name: &str, value: &str) -> Matcher {
    Matcher {
        name: name.to_owned(),
        value: value.to_owned(),
        is_regex: false,
        is_equal: true,
    }
}

fn silence(matchers: &[(&str, &str)], starts: BootTime, ends: BootTime) -> Silence {
    Silence {
        id: "s1".to_owned(),
        author: "ada".to_owned(),
        comment: "upgrade".to_owned(),
        starts,
        ends,
        until: "2026-01-01T00:00:00Z".to_owned(),
        matchers: matchers.iter().map(|(name, value)| equal(name, value)).collect(),
    }
}

fn mask_with(run: &mut Run, silences: Vec<Silence>, settings: &MaskSettings) {
    let (masks, refused) = Masks::new(silences, settings);
    assert!(refused.is_empty(), "{refused:?}");
    run.engine.set_masks(Arc::new(masks), BootTime(0));
}

fn mask(run: &mut Run, matchers: &[(&str, &str)]) {
    mask_with(run, vec![silence(matchers, BootTime(0), END)], &MaskSettings::default());
}

fn etc_and_tmp() -> Specs {
    Specs {
        watches: vec![
            watch("etc", "/etc", Severity::High),
            watch("tmp", "/tmp", Severity::High),
        ],
        ..Specs::default()
    }
}

fn counts(run: &Run, rule: &str) -> (u64, u64) {
    let counters = run.engine.counters();
    let sum = |map: &std::collections::BTreeMap<AlertSeries, u64>| {
        map.iter()
            .filter(|(series, _)| &*series.rule == rule)
            .map(|(_, count)| count)
            .sum()
    };
    (sum(&counters.alerts), sum(&counters.alerts_masked))
}

fn active(run: &Run, rule: &str, now: BootTime) -> bool {
    run.engine
        .active(now)
        .any(|state| &*state.series.rule == rule && state.active)
}

fn after(time: BootTime, seconds: u64) -> BootTime {
    BootTime(time.0 + seconds * SECOND)
}

//! What silences cost: events of which each matches one rule and is folded, the dearest steady case.

use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput};
use lapwing_engine::{
    engine::{Engine, Settings},
    event::{BootTime, Event, FileOp},
    mask::{self, Masks, Matcher, Silence},
    synthetic::Synthetic,
};

fn matcher(name: &str, value: String, is_regex: bool) -> Matcher {
    Matcher {
        name: name.to_owned(),
        value,
        is_regex,
        is_equal: true,
    }
}

fn masks(count: usize, matchers: impl Fn(usize) -> Vec<Matcher>) -> Arc<Masks> {
    let silences = (0..count).map(|number| Silence {
        id: number.to_string(),
        author: "bench".to_owned(),
        comment: String::new(),
        starts: BootTime(0),
        ends: BootTime(u64::MAX),
        until: String::new(),
        matchers: matchers(number),
    });
    let (masks, refused) = Masks::new(silences.collect(), &mask::Settings::default());
    assert!(refused.is_empty(), "{refused:?}");
    Arc::new(masks)
}

fn events() -> Vec<Event> {
    let mut stream = Synthetic::new();
    stream.snapshot(1, 0, "/sbin/init").snapshot(10, 1, "/bin/bash");
    for _ in 0..10_000 {
        stream.file(10, FileOp::Write, "/etc/app/0/x");
    }
    stream.take()
}

pub fn masking(criterion: &mut Criterion) {
    let (rules, events) = (super::rules(100), events());
    let other = |number| vec![matcher("rule", format!("other-{number}"), false)];
    let details = |number| {
        vec![
            matcher("rule", "rule-.*".to_owned(), true),
            matcher("path", format!("/srv/{number}/.+"), true),
        ]
    };
    let cases = [
        ("no silences", masks(0, other)),
        ("100 silences on other rules", masks(100, other)),
        ("100 silences on details of this rule", masks(100, details)),
        (
            "masked",
            masks(1, |_| vec![matcher("rule", "rule-.*".to_owned(), true)]),
        ),
    ];
    let mut group = criterion.benchmark_group("matching event");
    group.throughput(Throughput::Elements(events.len() as u64));
    for (name, masks) in cases {
        group.bench_function(name, |bencher| {
            let engine = || {
                let mut engine = Engine::new(rules.clone(), Settings::default());
                engine.set_masks(masks.clone(), BootTime(0));
                (engine, Vec::new())
            };
            bencher.iter_batched(
                engine,
                |(mut engine, mut alerts)| {
                    events.iter().for_each(|event| engine.observe(event, &mut alerts));
                    assert!(!alerts.is_empty());
                    (engine, alerts)
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

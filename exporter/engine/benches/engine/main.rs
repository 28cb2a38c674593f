//! What an event costs the engine, by number of rules.
//!
//! `match` is [`RuleSet::evaluate`] alone, on a process table that knows every process. `observe` is the whole of [`Engine::observe`]:
//! process table, rules, scores, folding, alerts. `decode+observe` starts from bytes, as a replay does; the kernel's records are cheaper
//! to decode than these. `matching event` is `observe` where each event matches, by the silences that are known. One criterion element is one event.

mod load;
mod masks;

use std::{
    hint::black_box,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use lapwing_engine::{
    engine::{Engine, Settings},
    event::Event,
    process::{Limits, Table},
    rule::{Matches, RuleSet},
};

const RULES: [usize; 3] = [10, 100, 1000];

fn rules(count: usize) -> Arc<RuleSet> {
    match RuleSet::compile(&load::specs(count)) {
        Ok(rules) => Arc::new(rules),
        Err(errors) => panic!("{errors:#?}"),
    }
}

fn matching(criterion: &mut Criterion) {
    let events = load::events();
    let mut table = Table::new(Limits::default());
    events.iter().for_each(|event| table.update(event));
    let mut group = criterion.benchmark_group("match");
    group.throughput(Throughput::Elements(events.len() as u64));
    for count in RULES {
        let rules = rules(count);
        let mut matches = Matches::default();
        group.bench_function(format!("{count} rules"), |bencher| {
            bencher.iter(|| {
                for event in &events {
                    rules.evaluate(event, &table, &mut matches);
                    black_box(&matches.findings);
                }
            });
        });
    }
    group.finish();
}

fn observing(criterion: &mut Criterion) {
    let events = load::events();
    let mut group = criterion.benchmark_group("observe");
    group.throughput(Throughput::Elements(events.len() as u64));
    for count in RULES {
        let rules = rules(count);
        for (name, timed) in [("rules", false), ("rules, a sample timed", true)] {
            group.bench_function(format!("{count} {name}"), |bencher| {
                let engine = || (engine(&rules, timed), Vec::new());
                bencher.iter_batched(
                    engine,
                    |(mut engine, mut alerts)| {
                        events.iter().for_each(|event| engine.observe(event, &mut alerts));
                        (engine, alerts)
                    },
                    BatchSize::LargeInput,
                );
            });
        }
    }
    group.finish();
}

/// As the agent has it: what rules cost is estimated by timing some of the events.
fn engine(rules: &Arc<RuleSet>, timed: bool) -> Engine {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let mut engine = Engine::new(rules.clone(), Settings::default());
    if timed {
        engine.measure(|| START.elapsed().as_nanos() as u64);
    }
    engine
}

fn decoding(criterion: &mut Criterion) {
    let events = load::events();
    let encoded: Vec<Vec<u8>> = events
        .iter()
        .filter_map(|event| postcard::to_stdvec(event).ok())
        .collect();
    assert_eq!(encoded.len(), events.len());
    let rules = rules(100);
    let mut group = criterion.benchmark_group("decode+observe");
    group.throughput(Throughput::Elements(events.len() as u64));
    group.bench_function("100 rules", |bencher| {
        bencher.iter_batched(
            || (Engine::new(rules.clone(), Settings::default()), Vec::new()),
            |(mut engine, mut alerts)| {
                for bytes in &encoded {
                    if let Ok(event) = postcard::from_bytes::<Event>(bytes) {
                        engine.observe(&event, &mut alerts);
                    }
                }
                (engine, alerts)
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(4)).sample_size(20);
    targets = matching, observing, masks::masking, decoding
}
criterion_main!(benches);

//! The reorder buffer: in order, bounded, and nothing lost.

use lapwing_engine::{
    event::{BootTime, Event, FileOp},
    reorder::Reorder,
    synthetic::Synthetic,
};

const MS: u64 = 1_000_000;

fn event(at_ms: u64) -> Event {
    let mut event = Synthetic::new().file(1, FileOp::Write, "/x").take().remove(0);
    event.header.time = BootTime(at_ms * MS);
    event
}

fn drain(reorder: &mut Reorder, now_ms: u64) -> Vec<u64> {
    std::iter::from_fn(|| reorder.pop_ready(BootTime(now_ms * MS)))
        .map(|event| event.header.time.0 / MS)
        .collect()
}

#[test]
fn events_leave_in_order_once_they_were_held_long_enough() {
    let mut reorder = Reorder::new(100, 20 * MS);
    for at in [30, 10, 20, 40] {
        reorder.push(event(at));
    }
    assert_eq!(drain(&mut reorder, 29), [0; 0]);
    assert_eq!(drain(&mut reorder, 40), [10, 20]);
    assert_eq!(reorder.watermark(BootTime(40 * MS)), BootTime(20 * MS));
    assert_eq!(drain(&mut reorder, 60), [30, 40]);
    assert_eq!(reorder.counters().late, 0);
}

#[test]
fn of_equal_times_the_first_that_came_goes_first() {
    let mut reorder = Reorder::new(100, 0);
    for seq in 0..50 {
        let mut event = event(5);
        event.header.seq = seq;
        reorder.push(event);
    }
    let order: Vec<u64> = std::iter::from_fn(|| reorder.pop_ready(BootTime(5 * MS)))
        .map(|event| event.header.seq)
        .collect();
    assert_eq!(order, (0..50).collect::<Vec<_>>());
}

#[test]
fn a_late_event_is_counted_and_let_through() {
    let mut reorder = Reorder::new(100, 10 * MS);
    reorder.push(event(50));
    assert_eq!(drain(&mut reorder, 60), [50]);
    reorder.push(event(20));
    assert_eq!(drain(&mut reorder, 60), [20]);
    assert_eq!(reorder.counters().late, 1);
}

#[test]
fn past_the_bound_the_oldest_leaves_early() {
    let mut reorder = Reorder::new(3, 1000 * MS);
    for at in [5, 4, 3, 2, 1] {
        reorder.push(event(at));
    }
    assert_eq!(drain(&mut reorder, 10), [1, 2]);
    assert_eq!((reorder.len(), reorder.counters().forced), (3, 2));
}

#[test]
fn whatever_the_order_all_that_came_leaves_and_what_left_out_of_order_was_counted() {
    let mut seed = 42u64;
    let mut random = move |below: u64| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for round in 0..50 {
        let mut reorder = Reorder::new(1 + random(64) as usize, random(30) * MS);
        let (mut out, mut pushed) = (Vec::new(), 0u64);
        for now in 100..400 {
            for _ in 0..random(4) {
                reorder.push(event(now - random(60)));
                pushed += 1;
            }
            out.extend(drain(&mut reorder, now));
        }
        out.extend(std::iter::from_fn(|| reorder.pop()).map(|event| event.header.time.0 / MS));
        assert_eq!(
            (out.len() as u64, reorder.counters().pushed),
            (pushed, pushed),
            "round {round}"
        );
        let mut newest = 0;
        let out_of_order = out.iter().filter(|time| {
            let late = **time < newest;
            newest = newest.max(**time);
            late
        });
        assert_eq!(out_of_order.count() as u64, reorder.counters().late, "round {round}");
    }
}

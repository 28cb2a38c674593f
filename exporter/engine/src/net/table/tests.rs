use super::*;
use crate::{
    event::{Direction, Endpoints},
    synthetic::Synthetic,
};

fn flow(events: &mut Synthetic, key: u64, change: FlowChange) -> Event {
    events.flow(
        700,
        change,
        Direction::Outgoing,
        "10.0.0.1:4000",
        "192.0.2.1:80",
        |flow| flow.flow = FlowKey(key),
    );
    events.take().remove(0)
}

#[test]
fn it_is_bounded_and_what_was_active_stays() {
    let mut flows = Flows::new(
        Limits {
            max_flows: 100,
            ..Limits::of(&NetworkSettings::default())
        },
        Needs::default(),
    );
    let (mut events, mut out) = (Synthetic::new(), Vec::new());
    for key in 0..10_000 {
        flows.observe(&flow(&mut events, key, FlowChange::Opening), None, &mut out);
        // The first is heard of again and again.
        flows.observe(&flow(&mut events, 0, FlowChange::Established), None, &mut out);
    }
    assert_eq!((flows.len(), flows.evicted()), (100, 9_900));
    assert!(flows.flows.contains_key(&Key::Tcp(FlowKey(0))));
    assert!(flows.queue.len() <= 2 * 100 + 1024);
}

#[test]
fn what_closed_is_gone_and_what_is_idle_for_long_too() {
    let mut flows = Flows::new(Limits::of(&NetworkSettings::default()), Needs::default());
    let (mut events, mut out) = (Synthetic::new(), Vec::new());
    for key in 0..5_000 {
        flows.observe(&flow(&mut events, key, FlowChange::Established), None, &mut out);
        flows.observe(&flow(&mut events, key, FlowChange::Closed), None, &mut out);
    }
    assert!(flows.is_empty());
    assert!(flows.queue.len() <= 1025, "{}", flows.queue.len());
    flows.observe(&flow(&mut events, 1, FlowChange::Established), None, &mut out);
    let now = events.now().0;
    for _ in 0..10 {
        flows.expire(BootTime(now + IDLE / 2), &mut out);
    }
    assert_eq!(flows.len(), 1);
    for _ in 0..10 {
        flows.expire(BootTime(now + 2 * IDLE), &mut out);
    }
    assert_eq!((flows.len(), flows.queue.len(), flows.evicted()), (0, 0, 0));
}

#[test]
fn an_owner_that_was_told_once_is_remembered() {
    let mut flows = Flows::new(Limits::of(&NetworkSettings::default()), Needs::default());
    let (mut events, mut out) = (Synthetic::new(), Vec::new());
    let owner = flows.observe(&flow(&mut events, 1, FlowChange::Established), None, &mut out);
    assert_eq!(owner.pid, 700);
    let mut nobody = flow(&mut events, 1, FlowChange::Closed);
    nobody.header.process = ProcessKey::default();
    assert_eq!(flows.observe(&nobody, None, &mut out), owner);
}

#[test]
fn endpoints_of_a_synthetic_flow_are_as_given() {
    let event = flow(&mut Synthetic::new(), 3, FlowChange::Opening);
    let Body::Flow(flow) = &event.body else {
        panic!("no flow")
    };
    let Endpoints { local, remote, .. } = flow.endpoints;
    assert_eq!((local.port(), remote.to_string().as_str()), (4000, "192.0.2.1:80"));
}

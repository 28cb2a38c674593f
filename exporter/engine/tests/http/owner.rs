//! Who is said to serve a connection: the worker that reads it, not the parent that listens.

use lapwing_engine::event::BootTime;

use super::*;

/// The parent, which listens, and a worker.
const PARENT: u32 = 10;
const WORKER: u32 = 11;
const REQUEST: &[u8] = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

/// A connection that nobody has accepted yet, and what it says.
fn asked(piece: &[u8]) -> Synthetic {
    let mut events = shell();
    events.fork(PARENT, WORKER);
    flow(&mut events, PARENT, FlowChange::Established);
    events.segment(PARENT, Way::Received, piece);
    events
}

fn flow(events: &mut Synthetic, pid: u32, change: FlowChange) {
    events.flow(pid, change, Direction::Incoming, LOCAL, PEER, |_| {});
}

fn run() -> Run {
    let payload = NetworkRule {
        protocol: NetworkProtocol::Tcp,
        ..http("payload", "tcp.payload contains NEEDLE", 0)
    };
    Run::new(specs(vec![http("asked", "http.path = \"/a\"", 0), payload]))
}

/// Rules and pids.
fn told(run: &mut Run) -> Vec<(String, u32)> {
    let pid = |alert: &Alert| alert.process.as_ref().map_or(0, |process| process.pid);
    run.take()
        .iter()
        .map(|alert| (alert.rule.clone(), pid(alert)))
        .collect()
}

fn by(pid: u32) -> Vec<(String, u32)> {
    vec![("asked".to_owned(), pid)]
}

#[test]
fn a_request_is_that_of_the_worker_who_reads_it() {
    let mut events = asked(REQUEST);
    let mut run = run();
    run.observe(&events.take());
    assert_eq!(told(&mut run), []);
    flow(&mut events, WORKER, FlowChange::Taken);
    run.observe(&events.take());
    assert_eq!(told(&mut run), by(WORKER));
    // From then on nothing waits: it is judged at once, and joins the summary.
    events
        .segment(WORKER, Way::Sent, OK)
        .segment(WORKER, Way::Received, REQUEST);
    run.observe(&events.take());
    assert_eq!(run.engine.counters().rules[0].matches, 2);
}

/// One accepts, hands the connection on, and another reads.
#[test]
fn who_accepts_may_hand_it_on() {
    let mut events = shell();
    events.fork(PARENT, WORKER).fork(PARENT, 12);
    flow(&mut events, PARENT, FlowChange::Established);
    flow(&mut events, 12, FlowChange::Taken);
    events.segment(12, Way::Received, REQUEST);
    flow(&mut events, WORKER, FlowChange::Taken);
    let mut run = run();
    run.observe(&events.take());
    assert_eq!(told(&mut run), by(WORKER));
}

#[test]
fn who_listens_and_serves_is_told_at_the_answer_the_end_or_a_moment_later() {
    let mut run = run();
    let mut events = asked(REQUEST);
    events.segment(PARENT, Way::Sent, OK);
    run.observe(&events.take());
    assert_eq!(told(&mut run), by(PARENT));

    let mut run = self::run();
    let mut events = asked(REQUEST);
    flow(&mut events, PARENT, FlowChange::Closed);
    run.observe(&events.take());
    assert_eq!(told(&mut run), by(PARENT));

    let mut run = self::run();
    let mut events = asked(REQUEST);
    run.observe(&events.take()).tick(events.now());
    assert_eq!(told(&mut run), []);
    run.engine
        .settle(BootTime(events.now().0 + 40_000_000), &mut run.alerts);
    assert_eq!(told(&mut run), []);
    run.engine
        .settle(BootTime(events.now().0 + 60_000_000), &mut run.alerts);
    assert_eq!(told(&mut run), by(PARENT));

    let mut run = self::run();
    let mut events = asked(REQUEST);
    run.observe(&events.take());
    run.tick(BootTime(events.now().0 + 100_000_000));
    assert_eq!(told(&mut run), by(PARENT));

    let mut run = self::run();
    run.observe(&asked(REQUEST).take());
    run.engine.finish(&mut run.alerts);
    assert_eq!(told(&mut run), by(PARENT));
}

/// Both pieces have it, for each comes with the end of the one before; the connection is gone when they are let go.
#[test]
fn what_waited_in_pieces_is_found_once() {
    let mut events = asked(b"a NEEDLE in it");
    events.segment(PARENT, Way::Received, b", and more");
    flow(&mut events, WORKER, FlowChange::Closed);
    let mut run = run();
    run.observe(&events.take());
    run.engine.finish(&mut run.alerts);
    assert_eq!(told(&mut run), [("payload".to_owned(), WORKER)]);
}

/// Past the bound nothing waits: four MiB.
#[test]
fn what_waits_is_bounded() {
    let mut events = shell();
    let piece = [b'x'; 16 << 10];
    for flow in 0..512 {
        events.flow(
            PARENT,
            FlowChange::Established,
            Direction::Incoming,
            LOCAL,
            PEER,
            |event| event.flow = FlowKey(flow),
        );
        events.segment(PARENT, Way::Received, &piece);
    }
    // All within the moment that they may wait.
    let mut all = events.take();
    let time = all[0].header.time;
    all.iter_mut().for_each(|event| event.header.time = time);
    let payload = NetworkRule {
        protocol: NetworkProtocol::Tcp,
        ..http("payload", "tcp.payload contains xxx", 0)
    };
    let mut run = Run::new(specs(vec![payload]));
    run.observe(&all);
    let matches = |run: &Run| {
        let rules = &run.engine.counters().rules;
        rules.iter().map(|rule| rule.matches).sum::<u64>()
    };
    let at_once = matches(&run);
    run.engine.finish(&mut run.alerts);
    assert_eq!(matches(&run), 512);
    assert!((200..=262).contains(&at_once), "{at_once} were not held");
}

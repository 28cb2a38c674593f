//! Which connections a rule matches, and what its alerts say of them.

use lapwing_engine::{
    alert::ActionResult,
    event::{Direction, FlowChange, ProcessKey, Sensor},
    rule::RuleSet,
    spec::{NetworkEvent, NetworkRule, NetworkSettings, RuleDirection, Severity, Specs},
};

use crate::{
    LOCAL, PEER,
    common::{Run, SECOND, shell},
    connect, rule, specs,
};

#[test]
fn a_connection_is_matched_by_its_ends_and_told_with_them() {
    let mut run = Run::new(specs(vec![
        rule(
            "net",
            "net.peer.address in (203.0.113.0/24, fd00::/8) and fd.sport = 4444",
        ),
        rule(
            "other",
            "net.peer.address = 203.0.113.8 or fd.cip = 203.0.113.9 or net.direction = incoming",
        ),
        rule("who", "proc.name = bash and net.peer.address != 10.0.0.0/8"),
    ]));
    let mut events = shell();
    connect(&mut events, 10, PEER);
    let mut alerts = run.observe(&events.take()).take();
    alerts.sort_by(|a, b| a.rule.cmp(&b.rule));
    let rules: Vec<&str> = alerts.iter().map(|alert| alert.rule.as_str()).collect();
    assert_eq!(rules, ["net", "who"], "once each: at the moment when both ends agreed");
    let alert = &alerts[0];
    assert_eq!(
        (alert.sensor, alert.event, alert.result),
        (Sensor::Network, "network.established", ActionResult::Success)
    );
    assert_eq!(alert.message, "bash[10] (root) connected to 203.0.113.9:4444");
    let view = alert.network.as_ref().expect("a connection");
    assert_eq!((view.local.as_deref(), view.peer.as_deref()), (Some(LOCAL), Some(PEER)));
    assert_eq!(alert.process.as_ref().map(|process| process.pid), Some(10));
    let score = alert.score.as_ref().expect("a score");
    assert_eq!(
        (score.subject_kind, score.contributions[0].object.as_str()),
        ("lineage", PEER)
    );
}

#[test]
fn each_event_has_its_name_and_a_refusal_its_errno() {
    let about = |event: NetworkEvent| NetworkRule {
        event: Some(event),
        severity: Severity::Info,
        ..rule(event.name(), "proc.name = bash")
    };
    let all = NetworkEvent::ALL.into_iter().filter(|event| !event.is_http());
    let mut run = Run::new(specs(all.map(about).collect()));
    let mut events = shell();
    connect(&mut events, 10, PEER);
    events.flow(10, FlowChange::Closed, Direction::Outgoing, LOCAL, PEER, |flow| {
        flow.totals.bytes_sent = 12;
        flow.totals.duration = 3 * SECOND;
    });
    events.flow(
        10,
        FlowChange::Refused(111),
        Direction::Outgoing,
        LOCAL,
        "[2001:db8::1]:80",
        |_| {},
    );
    events.flow(
        10,
        FlowChange::Listening,
        Direction::Incoming,
        "0.0.0.0:8080",
        "0.0.0.0:0",
        |_| {},
    );
    events.flow(
        10,
        FlowChange::Closed,
        Direction::Incoming,
        "0.0.0.0:8080",
        "0.0.0.0:0",
        |_| {},
    );
    let alerts = run.observe(&events.take()).take();
    let told: Vec<_> = alerts
        .iter()
        .map(|alert| (alert.event, alert.message.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("network.open", "bash[10] (root) connects to 203.0.113.9:4444"),
            ("network.established", "bash[10] (root) connected to 203.0.113.9:4444"),
            (
                "network.close",
                "A connection of bash[10] (root) with 203.0.113.9:4444 ended: 12 bytes sent, 0 received"
            ),
            (
                "network.refused",
                "bash[10] (root) could not connect to [2001:db8::1]:80: ECONNREFUSED"
            ),
            ("network.listen", "bash[10] (root) listens on 0.0.0.0:8080"),
            ("network.close", "bash[10] (root) listens on 0.0.0.0:8080 no more"),
        ]
    );
    let refused = &alerts[3];
    assert_eq!(
        (refused.result, refused.errno.as_deref()),
        (ActionResult::Failure, Some("ECONNREFUSED"))
    );
    let listening = alerts[4].network.as_ref().expect("a socket");
    assert_eq!((listening.peer.as_deref(), listening.bytes_sent), (None, None));
    let closed = alerts[2].network.as_ref().expect("a connection");
    assert_eq!((closed.bytes_sent, closed.duration), (Some(12), Some(3.0)));
}

/// What its socket carried is not known when its end is found after the socket's memory was used again.
#[test]
fn an_end_without_totals_is_an_end_and_its_bytes_match_nothing() {
    let about = |id: &str, event: NetworkEvent, when: &str| NetworkRule {
        event: Some(event),
        severity: Severity::Info,
        ..rule(id, when)
    };
    let mut run = Run::new(specs(vec![
        about("close", NetworkEvent::Close, "proc.name = bash"),
        about("refused", NetworkEvent::Refused, "proc.name = bash"),
        about("few", NetworkEvent::Close, "net.bytes_sent < 100"),
        about("again", NetworkEvent::Refused, "net.retransmits = 0"),
    ]));
    let mut events = shell();
    for change in [FlowChange::ClosedUnseen, FlowChange::RefusedUnseen] {
        events.flow(10, change, Direction::Outgoing, LOCAL, PEER, |_| {});
    }
    let alerts = run.observe(&events.take()).take();
    let told: Vec<_> = alerts
        .iter()
        .map(|alert| (alert.event, alert.message.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (
                "network.close",
                "A connection of bash[10] (root) with 203.0.113.9:4444 ended"
            ),
            (
                "network.refused",
                "bash[10] (root) could not connect to 203.0.113.9:4444"
            ),
        ]
    );
    for alert in &alerts {
        let network = alert.network.as_ref().expect("a connection");
        let totals = (network.bytes_sent, network.bytes_received, network.duration);
        assert_eq!(totals, (None, None, None));
    }
}

#[test]
fn directions_globs_and_ignored_rules_choose() {
    let run = |settings: NetworkSettings, direction: RuleDirection, event: Direction| {
        let mut rule = rule("a-rule", "net.local.port > 0");
        rule.direction = direction;
        let mut run = Run::new(Specs {
            network_settings: settings,
            ..specs(vec![rule])
        });
        let mut events = shell();
        events.flow(10, FlowChange::Established, event, LOCAL, PEER, |_| {});
        run.observe(&events.take()).rules().len()
    };
    let all = NetworkSettings::default;
    for (direction, incoming, outgoing, unknown) in [
        (RuleDirection::Both, 1, 1, 1),
        (RuleDirection::Incoming, 1, 0, 0),
        (RuleDirection::Outgoing, 0, 1, 0),
    ] {
        assert_eq!(run(all(), direction, Direction::Incoming), incoming, "{direction:?}");
        assert_eq!(run(all(), direction, Direction::Outgoing), outgoing, "{direction:?}");
        assert_eq!(run(all(), direction, Direction::Unknown), unknown, "{direction:?}");
    }
    let mut only_out = all();
    only_out.incoming_rules = vec!["b-*".into()];
    assert_eq!(run(only_out.clone(), RuleDirection::Both, Direction::Incoming), 0);
    assert_eq!(run(only_out, RuleDirection::Both, Direction::Outgoing), 1);
    let mut ignored = all();
    ignored.ignored_rules = vec!["a-*".into()];
    assert_eq!(run(ignored.clone(), RuleDirection::Both, Direction::Outgoing), 0);
    let set = RuleSet::compile(&Specs {
        network_settings: ignored,
        ..specs(vec![rule("a-rule", "net.local.port > 0")])
    });
    let set = set.expect("right");
    assert!(!set.rules()[0].enabled);
    assert_eq!(
        set.interest(1).network,
        None,
        "nothing is attached for a rule that never matches"
    );
}

#[test]
fn an_event_without_a_process_is_its_flows_owners() {
    let closes = NetworkRule {
        event: Some(NetworkEvent::Close),
        ..rule("closes", "proc.name = bash")
    };
    let mut run = Run::new(specs(vec![closes]));
    let mut events = shell();
    connect(&mut events, 10, PEER);
    events.flow(10, FlowChange::Closed, Direction::Outgoing, LOCAL, PEER, |_| {});
    let mut events = events.take();
    if let Some(last) = events.last_mut() {
        last.header.process = ProcessKey::default();
    }
    let alerts = run.observe(&events).take();
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].process.as_ref().map(|process| process.pid), Some(10));
    assert_eq!(
        run.engine
            .tables()
            .iter()
            .find(|table| table.name == "flows")
            .map(|table| table.entries),
        Some(0)
    );
}

#[test]
fn skipped_programs_and_repeats() {
    let mut connects = rule("connects", "net.direction = outgoing");
    connects.skip_paths = vec!["/bin/curl".into()];
    let mut run = Run::new(specs(vec![connects]));
    let mut events = shell();
    events.fork(10, 20).exec(20, "/bin/curl", &["curl"]);
    connect(&mut events, 20, PEER);
    for _ in 0..3 {
        connect(&mut events, 10, PEER);
    }
    let rules = run.observe(&events.take()).rules();
    assert_eq!(rules, ["connects"], "curl may, and the same peer again is folded");
    let counts = &run.engine.counters().rules[0];
    assert_eq!((counts.matches, counts.skipped, counts.folded), (3, 1, 2));
}

#[test]
fn a_transformation_is_of_the_value_not_of_the_index() {
    let mut run = Run::new(specs(vec![
        rule("lower", "lower(proc.name) = bash"),
        rule("not", "proc.name = BASH"),
    ]));
    let mut events = shell();
    events.fork(10, 30).exec(30, "/usr/bin/BASH", &["x"]);
    connect(&mut events, 30, PEER);
    let mut rules = run.observe(&events.take()).rules();
    rules.sort();
    assert_eq!(rules, ["lower", "not"]);
}

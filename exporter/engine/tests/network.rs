//! Rules about connections: what they match, whom they are held against, what their alerts say.

mod common;

use common::{Run, SECOND, common, shell};
use lapwing_engine::{
    alert::ActionResult,
    engine::Settings,
    event::{Direction, FlowChange, FlowKey, ProcessKey, Sensor},
    interest::{Processes, Selector, Statuses},
    rule::RuleSet,
    spec::{
        AlertMode, Holds, NetworkEvent, NetworkProtocol, NetworkRule, NetworkSettings, RuleDirection, ScoreSettings,
        Severity, Specs,
    },
    synthetic::Synthetic,
};

const LOCAL: &str = "10.0.0.1:40000";
const PEER: &str = "203.0.113.9:4444";

fn rule(id: &str, when: &str) -> NetworkRule {
    let mut common = common(id);
    common.when = Some(when.to_owned());
    NetworkRule {
        common,
        protocol: NetworkProtocol::Tcp,
        event: None,
        direction: RuleDirection::Both,
        severity: Severity::Medium,
        subjects: None,
        skip_paths: Vec::new(),
    }
}

fn specs(network: Vec<NetworkRule>) -> Specs {
    Specs {
        network,
        ..Specs::default()
    }
}

fn connect(events: &mut Synthetic, pid: u32, peer: &str) {
    let ends = (Direction::Outgoing, LOCAL, peer);
    events
        .flow(pid, FlowChange::Opening, ends.0, ends.1, ends.2, |_| {})
        .flow(pid, FlowChange::Established, ends.0, ends.1, ends.2, |_| {});
}

fn errors(specs: &Specs) -> Vec<String> {
    let errors = RuleSet::compile(specs).err().unwrap_or_default();
    errors
        .iter()
        .map(|error| format!("{} {}: {}", error.rule, error.key, error.message))
        .collect()
}

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
fn the_kernel_is_asked_for_what_the_rules_read() {
    let interest = |rules: Vec<NetworkRule>| RuleSet::compile(&specs(rules)).expect("right").interest(1).network;
    assert_eq!(interest(vec![]), None);
    let flows = interest(vec![rule("a", "net.peer.port = 22")]).expect("some");
    assert!(flows.flows && !flows.payload && !flows.https);
    let payload = interest(vec![rule("a", "tcp.payload contains \"x\"")]).expect("some");
    assert!(payload.flows && payload.payload);
    assert_eq!(
        (payload.request_budget, payload.response_budget),
        (128 << 10, 512 << 10)
    );
    // How the other end's answer begins decides, unless its bytes are asked for.
    let of = |id: &str, protocol, direction, when: &str| NetworkRule {
        protocol,
        direction,
        ..rule(id, when)
    };
    let refused = of(
        "refused",
        NetworkProtocol::Http,
        RuleDirection::Incoming,
        "http.status in (401, 404) or http.status >= 500",
    );
    let asked = of("asked", NetworkProtocol::Http, RuleDirection::Both, "http.path = /x");
    let miner = of(
        "miner",
        NetworkProtocol::Tcp,
        RuleDirection::Outgoing,
        "tcp.payload.way = sent and tcp.payload contains x",
    );
    let mut shell = of("shell", NetworkProtocol::Tcp, RuleDirection::Both, "proc.name = sh");
    shell.event = Some(NetworkEvent::Payload);
    let sides = interest(vec![refused.clone(), asked, miner.clone(), shell])
        .expect("some")
        .sides;
    let wanted: Vec<u16> = (0..1024)
        .filter(|status| sides.incoming.statuses.contains(*status))
        .collect();
    assert_eq!(wanted, [401, 404].into_iter().chain(500..600).collect::<Vec<_>>());
    assert_eq!(sides.outgoing.statuses, Statuses::default());
    assert_eq!(
        sides.unknown.statuses,
        Statuses::ALL,
        "received may be the answer, and the miner's what was sent"
    );
    assert_eq!((sides.incoming.request, sides.incoming.response), (16 << 10, 16 << 10));
    assert_eq!(
        (sides.incoming.foreign_request, sides.incoming.foreign_response),
        (256, 256)
    );
    assert_eq!((sides.outgoing.request, sides.outgoing.response), (128 << 10, 16 << 10));
    assert_eq!(
        (sides.outgoing.foreign_request, sides.outgoing.foreign_response),
        (128 << 10, 256)
    );
    let reader = of(
        "reader",
        NetworkProtocol::Tcp,
        RuleDirection::Incoming,
        "tcp.payload contains x",
    );
    let sides = interest(vec![refused, reader]).expect("some").sides;
    assert_eq!(
        (sides.incoming.statuses, sides.incoming.response),
        (Statuses::ALL, 512 << 10)
    );
    assert_eq!(
        (sides.outgoing.request, sides.outgoing.response),
        (0, 0),
        "no rule is about those that we opened"
    );
    let only = Specs {
        network_settings: NetworkSettings {
            processes: Processes::Only(vec![Selector::Name(b"nginx".to_vec())]),
            ..NetworkSettings::default()
        },
        ..specs(vec![rule("a", "net.peer.port = 22")])
    };
    let only = RuleSet::compile(&only)
        .expect("right")
        .interest(1)
        .network
        .expect("some");
    assert_eq!(only.only, Processes::Only(vec![Selector::Name(b"nginx".to_vec())]));
}

#[test]
fn a_remote_address_collects_points_but_never_this_host_or_a_proxy() {
    let run = |from: &[&str]| {
        let mut knocks = rule("knocks", "net.local.port = 22");
        knocks.common.alert = AlertMode::Score;
        knocks.common.points = Some(40);
        knocks.subjects = Some(vec![Holds::Remote]);
        knocks.direction = RuleDirection::Incoming;
        let settings = NetworkSettings {
            proxies: vec!["198.51.100.0/24".parse().expect("a network")],
            ..NetworkSettings::default()
        };
        let score = ScoreSettings {
            incoming_threshold: Some(80),
            ..ScoreSettings::default()
        };
        let settings = Settings {
            network: settings,
            score,
            ..Settings::default()
        };
        let mut run = Run::with(&specs(vec![knocks]), settings);
        let mut events = shell();
        for (number, from) in from.iter().enumerate() {
            events.flow(
                10,
                FlowChange::Established,
                Direction::Incoming,
                "10.0.0.1:22",
                from,
                |flow| {
                    flow.flow = FlowKey(number as u64);
                },
            );
        }
        run.observe(&events.take()).take()
    };
    let two = run(&["203.0.113.9:1", "203.0.113.9:2"]);
    assert_eq!(two.len(), 1);
    let score = two[0].score.as_ref().expect("a score");
    assert_eq!(
        (two[0].rule.as_str(), score.subject.as_str()),
        ("score.remote", "203.0.113.9")
    );
    assert_eq!((score.threshold, score.contributions.len()), (80, 2));
    let six = run(&["[2001:db8:0:1::1]:1", "[2001:db8:0:1:ffff::2]:1"]);
    assert_eq!(
        six.iter()
            .filter_map(|alert| alert.score.as_ref())
            .next()
            .expect("a score")
            .subject,
        "2001:db8:0:1::/64"
    );
    assert!(run(&["203.0.113.9:1", "203.0.113.10:1"]).is_empty(), "two addresses");
    assert!(
        run(&["[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1"]).is_empty(),
        "two customers"
    );
    assert!(
        run(&["127.0.0.1:1"; 5]).is_empty() && run(&["[::1]:1"; 5]).is_empty(),
        "this host"
    );
    assert!(run(&["198.51.100.7:1"; 5]).is_empty(), "a proxy");
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
fn what_a_rule_cannot_mean_is_refused() {
    let with = |change: fn(&mut NetworkRule)| {
        let mut rule = rule("r", "net.peer.port = 1");
        change(&mut rule);
        errors(&specs(vec![rule]))
    };
    assert!(with(|_| {}).is_empty());
    assert_eq!(
        with(|rule| rule.event = Some(NetworkEvent::Request)),
        ["r event: \"request\" is no event of this protocol"]
    );
    assert_eq!(
        with(|rule| rule.subjects = Some(vec![Holds::Transaction])),
        ["r subjects: only HTTP has transactions"]
    );
    assert_eq!(
        with(|rule| rule.event = Some(NetworkEvent::Listen)),
        [
            "r when: net.peer.port is never set here: it comes with connection, payload, request, response, desynchronised stream events only"
        ]
    );
    let when = |text: &str| {
        let mut rule = rule("r", text);
        rule.common.when = Some(text.to_owned());
        errors(&specs(vec![rule]))
    };
    assert_eq!(when("net.peer.address = 300.1.1.1").len(), 1);
    assert_eq!(when("net.peer.address > 1.1.1.1").len(), 1);
    assert_eq!(when("tcp.payload[4] = x").len(), 1);
    assert_eq!(when("lower(net.peer.port) = 1").len(), 1);
    assert_eq!(when("louder(proc.name) = x").len(), 1);
    assert_eq!(when("lower(lower(lower(lower(lower(proc.name))))) = x").len(), 1);
    assert_eq!(
        when("lower(url_decode(proc.name)) = x and tcp.payload[0:4] contains \"\\x00\"").len(),
        0
    );
    assert_eq!(when("fs.path.name exists").len(), 1, "a file's");
    let globs = Specs {
        network_settings: NetworkSettings {
            ignored_rules: vec!["[".into()],
            ..NetworkSettings::default()
        },
        ..Specs::default()
    };
    assert_eq!(errors(&globs).len(), 1);
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

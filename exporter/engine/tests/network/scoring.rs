//! Points that are held against the other end.

use lapwing_engine::{
    engine::Settings,
    event::{Direction, FlowChange, FlowKey},
    spec::{AlertMode, Holds, NetworkSettings, RuleDirection, ScoreSettings},
};

use crate::{
    common::{Run, shell},
    rule, specs,
};

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

//! The agent and the real Alertmanager judge the same silences on the same alerts.
//!
//! Never masked here unless muted there; and equal wherever the agent did not refuse the silence. `LAPWING_TEST_SEED` gives other silences.

#![allow(clippy::unwrap_used)]

#[path = "common/servers.rs"]
mod servers;
#[path = "common/silences.rs"]
mod silences;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::Command,
};

use lapwing_engine::{
    event::BootTime,
    mask::{Masks, Pattern, Silence},
};
use serde_json::{Value, json};
use servers::{Server, free, program, wait_for, wait_until};
use silences::{Agent, Random, agent, silence};

const START: &str = "2020-01-01T00:00:00Z";
const END: &str = "2099-01-01T00:00:00Z";
const SILENCES: usize = 500;
const AGENTS: usize = 8;
const ALERTS: usize = 30;

/// Status and body. HTTP/1.0: the answer comes in one piece and ends with the connection.
fn request(address: SocketAddr, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

fn alertmanager(directory: &Path) -> (Server, SocketAddr) {
    let config = directory.join("alertmanager.yml");
    fs::write(&config, "route: {receiver: none}\nreceivers: [{name: none}]\n").unwrap();
    let address = free();
    let mut command = Command::new(program("prometheus-alertmanager", "prometheus-alertmanager"));
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.path={}", directory.join("data").display()))
        .arg(format!("--web.listen-address={address}"))
        .arg("--cluster.listen-address=");
    let server = Server::start(&mut command, &directory.join("log"));
    wait_for(address);
    wait_until("Alertmanager to be ready", || {
        request(address, "GET", "/-/ready", "").0 == 200
    });
    (server, address)
}

/// Silences that Alertmanager took, with the ids that it gave them. What it refuses because of a regular expression, the agent refuses too.
fn post(address: SocketAddr, wanted: Vec<Silence>) -> Vec<Silence> {
    let mut taken = Vec::new();
    for mut silence in wanted {
        let matchers: Vec<Value> = silence
            .matchers
            .iter()
            .map(|m| json!({"name": m.name, "value": m.value, "isRegex": m.is_regex, "isEqual": m.is_equal}))
            .collect();
        let body =
            json!({"matchers": matchers, "startsAt": START, "endsAt": END, "createdBy": "test", "comment": "test"});
        let (status, answer) = request(address, "POST", "/api/v2/silences", &body.to_string());
        match status {
            200 => {
                let answer: Value = serde_json::from_str(&answer).unwrap();
                silence.id = answer["silenceID"].as_str().unwrap().to_owned();
                taken.push(silence);
            }
            400 if answer.contains("regular expression") || answer.contains("error parsing regexp") => {
                let refused = silence
                    .matchers
                    .iter()
                    .any(|m| m.is_regex && Pattern::new(&m.value).is_err());
                assert!(refused, "taken here, refused there: {:?}: {answer}", silence.matchers);
            }
            400 => assert!(
                answer.contains("invalid label name") || answer.contains("at least one matcher"),
                "{:?}: {answer}",
                silence.matchers
            ),
            other => panic!("{other}: {answer}"),
        }
    }
    taken
}

fn alerts(address: SocketAddr, agents: &[Agent]) {
    let all = agents.iter().flat_map(|agent| &agent.alerts);
    let body: Vec<Value> = all
        .map(|alert| json!({"labels": alert.labels, "startsAt": START, "endsAt": END}))
        .collect();
    let (status, answer) = request(address, "POST", "/api/v2/alerts", &json!(body).to_string());
    assert_eq!(status, 200, "{answer}");
}

/// By the labels of an alert: the silences that mute it.
fn muted(address: SocketAddr) -> BTreeMap<BTreeMap<String, String>, BTreeSet<String>> {
    let (status, answer) = request(address, "GET", "/api/v2/alerts", "");
    assert_eq!(status, 200, "{answer}");
    let answer: Vec<Value> = serde_json::from_str(&answer).unwrap();
    let by_labels = answer.into_iter().map(|alert| {
        let labels = serde_json::from_value(alert["labels"].clone()).unwrap();
        (
            labels,
            serde_json::from_value(alert["status"]["silencedBy"].clone()).unwrap(),
        )
    });
    by_labels.collect()
}

#[derive(Debug, Default)]
struct Tally {
    judged: u64,
    masked: u64,
    refused: u64,
    /// Muted there, but the agent could not know.
    unseen: u64,
    /// Rust's engine on the pattern as it is would have judged otherwise than Alertmanager.
    naive_errors: u64,
    reasons: BTreeMap<&'static str, u64>,
}

fn compare(
    seed: u64,
    agent: &Agent,
    silence: &Silence,
    muted: &BTreeMap<BTreeMap<String, String>, BTreeSet<String>>,
    tally: &mut Tally,
) {
    let (masks, refused) = Masks::new(vec![silence.clone()], &agent.settings);
    if let Some(refused) = refused.first() {
        *tally.reasons.entry(refused.reason).or_default() += 1;
    }
    for alert in &agent.alerts {
        let candidates = masks.candidates(alert.rule, alert.severity, alert.sensor, BootTime(0));
        let here = masks
            .judge(&candidates, BootTime(1), || Some(alert.details.clone()))
            .is_some();
        let there = muted[&alert.labels].contains(&silence.id);
        let story = || {
            format!(
                "LAPWING_TEST_SEED={seed}: masked here: {here}, muted there: {there}, refused: {refused:?}\n{:?}\n{:?}\nknown: {:?}",
                silence.matchers, alert.labels, agent.settings.labels
            )
        };
        assert!(there || !here, "{}", story());
        if refused.is_empty() {
            assert_eq!(here, there, "{}", story());
            tally.judged += 1;
            tally.masked += u64::from(here);
        } else {
            tally.refused += 1;
            tally.unseen += u64::from(there);
        }
    }
}

/// All matchers on the labels as Alertmanager has them, with regular expressions as Rust reads them; None when it does not.
fn naive(silence: &Silence) -> Option<impl Fn(&BTreeMap<String, String>) -> bool> {
    let matchers: Option<Vec<_>> = silence
        .matchers
        .iter()
        .map(|m| {
            let literal = regex::escape(&m.value);
            let pattern = if m.is_regex { &m.value } else { &literal };
            let pattern = regex::Regex::new(&format!("^(?:{pattern})$")).ok()?;
            Some((m.name.clone(), pattern, m.is_equal))
        })
        .collect();
    let matchers = matchers?;
    Some(move |labels: &BTreeMap<String, String>| {
        matchers.iter().all(|(name, pattern, is_equal)| {
            let value = labels.get(name).map_or("", String::as_str);
            pattern.is_match(value) == *is_equal
        })
    })
}

#[test]
fn silences_are_judged_as_the_real_alertmanager_judges_them() {
    let seed = std::env::var("LAPWING_TEST_SEED").map_or(20_261_121, |seed| seed.parse().unwrap());
    let random = &mut Random::new(seed);
    let mut seen = BTreeSet::new();
    let agents: Vec<Agent> = (0..AGENTS).map(|_| agent(random, ALERTS, &mut seen)).collect();
    let wanted: Vec<Silence> = (0..SILENCES).map(|_| silence(random, &agents)).collect();

    let directory = tempfile::tempdir().unwrap();
    let (_server, address) = alertmanager(directory.path());
    alerts(address, &agents);
    let taken = post(address, wanted);
    let muted = muted(address);
    let log = fs::read_to_string(directory.path().join("log")).unwrap();
    assert!(!log.contains("Querying silences failed"), "seed {seed}: {log}");

    let mut tally = Tally::default();
    for silence in &taken {
        if let Some(naive) = naive(silence) {
            let wrong = muted
                .iter()
                .filter(|(labels, silences)| naive(labels) != silences.contains(&silence.id));
            tally.naive_errors += wrong.count() as u64;
        }
        for agent in &agents {
            compare(seed, agent, silence, &muted, &mut tally);
        }
    }
    println!("{} of {SILENCES} silences taken, {tally:?}", taken.len());
    // The comparison saw something: enough pairs, judged ones, and both outcomes.
    let pairs = tally.judged + tally.refused;
    assert!(pairs >= 2000 && tally.judged * 4 > pairs, "{tally:?}");
    assert!(
        tally.masked * 50 > tally.judged && tally.masked * 2 < tally.judged,
        "{tally:?}"
    );
    assert!(tally.unseen > 0 && tally.naive_errors > 0, "{tally:?}");
    for reason in ["unknown_label", "regex", "detail_matches_empty", "no_positive_matcher"] {
        assert!(tally.reasons.contains_key(reason), "{reason}: {tally:?}");
    }
}

//! Requests as anybody may send them, to the rules that the program ships and to some that change values: what they match is the same when
//! every check is evaluated.

#![no_main]

use std::{cell::RefCell, sync::Arc};

use lapwing_engine::{
    engine::{Engine, Settings},
    event::{Direction, Event, FlowChange, Way},
    rule::RuleSet,
    spec::{AlertMode, Common, NetworkEvent, NetworkProtocol, NetworkRule, RuleDirection, Severity, Specs},
    synthetic::Synthetic,
};
use libfuzzer_sys::fuzz_target;

/// One for each way in which what is looked for is derived.
const WHENS: [&str; 17] = [
    "http.path contains \"/../\" or http.path endswith \"/..\" or url_decode(http.path) contains \"/../\"",
    "url_decode(http.args) contains \"../../../\" or http.args in (\"/etc/passwd\", \"php://input\")",
    "http.args regex \"(?i)(?:^|[;|&`\\n]|[$][(])[[:space:]]*(?:cat[[:space:]]+/etc/|(?:ba|da|z)?sh[[:space:]]+-[ci]|(?:id|whoami)[[:space:]]*(?:$|[;|&)`]))\"",
    "http.header contains \"()\" and http.header regex \"^[(][)][[:space:]]*[{]\"",
    "http.args regex \"(?:[{][{]|[$][{]|#[{]|<%=)[[:space:]]*[0-9]+[[:space:]]*[*][[:space:]]*[0-9]+[[:space:]]*(?:[}]|%>)\"",
    "http.header icontains \"${jndi:\" or lower(url_decode(http.target)) contains \"${jndi:\" or lower(http.body) contains \"${jndi:\"",
    "http.header regex \"(?i)[$][{][$][{](?:lower|upper|env|sys|date|:)[^}]*[}]\"",
    "lower(http.header[user-agent]) regex \"(?:sqlmap|nikto|nuclei)\"",
    "html_decode(url_decode(http.query)) contains \"<script\"",
    "normalize_path(url_decode(http.target)) startswith \"/etc\"",
    "url_decode(lower(http.cookie[sid])) = \"a b\"",
    "url_decode(url_decode(http.body)) contains \"..\"",
    "http.args.name = \"id\" and not http.header.name = \"x-a\"",
    "normalize_path(html_decode(http.args[id])) endswith \"a/b\"",
    "base64_decode(http.args) contains \"id\" or http.path.raw glob \"*%2e*\"",
    "url_decode(http.header[x-a]) endswith \"4\"",
    "http.host in (\"metadata.goog\", \"a.internal\") and not http.method = \"PUT\"",
];

/// All of them, or without the one that may match anything: then requests are passed over unseen.
fn engine(all: bool, sieve: bool) -> Engine {
    let rule = |(number, when): (usize, &&str)| NetworkRule {
        common: Common {
            id: format!("rule-{number}"),
            enabled: true,
            points: Some(0),
            message: None,
            tags: Vec::new(),
            when: Some((*when).to_owned()),
            except: None,
            alert: AlertMode::Score,
            ruleset: "fuzz".into(),
        },
        protocol: NetworkProtocol::Http,
        event: Some(NetworkEvent::Request),
        direction: RuleDirection::Both,
        severity: Severity::Low,
        subjects: None,
        skip_paths: Vec::new(),
    };
    let specs = Specs {
        network: WHENS
            .iter()
            .enumerate()
            .filter(|(_, when)| all || !when.contains("base64"))
            .map(rule)
            .collect(),
        ..Specs::default()
    };
    let rules = RuleSet::compile(&specs).unwrap_or_else(|errors| panic!("{errors:#?}"));
    let rules = if sieve { rules } else { rules.without_sieve() };
    Engine::new(Arc::new(rules), Settings::default())
}

thread_local! {
    static ENGINES: RefCell<[[Engine; 2]; 2]> =
        RefCell::new([true, false].map(|all| [engine(all, true), engine(all, false)]));
}

/// By rule.
fn matches(engine: &mut Engine, events: &[Event]) -> Vec<(String, u64)> {
    let before: Vec<u64> = engine.counters().rules.iter().map(|counts| counts.matches).collect();
    let mut alerts = Vec::new();
    events.iter().for_each(|event| engine.observe(event, &mut alerts));
    let after = engine.counters().rules.iter().zip(before);
    after
        .map(|(after, before)| (after.id.to_string(), after.matches - before))
        .collect()
}

fuzz_target!(|input: &[u8]| {
    let (local, remote) = ("10.0.0.1:80", "203.0.113.9:40000");
    let mut source = Synthetic::new();
    let mut flow = |change, data: &[u8]| {
        source.flow(10, change, Direction::Incoming, local, remote, |_| {});
        if !data.is_empty() {
            source.segment(10, Way::Received, data);
        }
    };
    // Who serves it is certain: what no rule can match is not even told.
    flow(FlowChange::Existing, input);
    flow(FlowChange::Closed, b"");
    let events = source.take();
    ENGINES.with_borrow_mut(|pairs| {
        for [sieved, plain] in pairs {
            let (sieved, plain) = (matches(sieved, &events), matches(plain, &events));
            assert_eq!(sieved, plain);
        }
    });
});

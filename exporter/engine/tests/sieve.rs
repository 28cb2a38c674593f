//! Rules are asked less than all that could be asked of them: whatever passes, what they match is the same as when every check is evaluated.

#[path = "../benches/net/rules.rs"]
#[allow(dead_code)]
mod rules;

use std::{fmt::Write, sync::Arc};

use lapwing_engine::{
    engine::{Engine, Settings},
    event::{Direction, Event, FlowChange, Way},
    rule::RuleSet,
    spec::{AlertMode, Common, NetworkEvent, NetworkProtocol, NetworkRule, RuleDirection, Severity, Specs},
    synthetic::Synthetic,
};

const FIELDS: [&str; 14] = [
    "http.host",
    "http.target",
    "http.path",
    "http.path.raw",
    "http.query",
    "http.args",
    "http.args[id]",
    "http.args.name",
    "http.header",
    "http.header[X-A]",
    "http.header.name",
    "http.cookie",
    "http.cookie[sid]",
    "http.body",
];

/// What rules look for and messages have.
const PIECES: [&str; 28] = [
    "/../",
    "..",
    "/./",
    "//",
    "\\",
    "+",
    "%",
    "%2",
    "4",
    "%25",
    "&lt;",
    "<",
    "<script>",
    "a",
    "Ab",
    "etc/passwd",
    "${jndi:",
    "${${lower",
    "7*7",
    "{{7*7}}",
    "__class__.__",
    "{{",
    "()",
    "id",
    "cat /etc/",
    "sqlmap",
    "Li4v",
    "x-a",
];

const CHANGES: [&str; 10] = [
    "X",
    "lower(X)",
    "url_decode(X)",
    "url_decode(url_decode(X))",
    "lower(url_decode(X))",
    "url_decode(lower(X))",
    "html_decode(X)",
    "normalize_path(url_decode(X))",
    "html_decode(url_decode(lower(X)))",
    "base64_decode(X)",
];

/// The same numbers each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % sides
    }

    fn one_of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.roll(texts.len())]
    }

    /// A few pieces in some writing; nothing that would end a line, or a word where `is_word`.
    fn text(&mut self, pieces: usize, is_word: bool) -> String {
        let mut text = String::new();
        for _ in 0..self.roll(pieces + 1) {
            let piece = self.one_of(&PIECES);
            let writing = self.roll(6);
            for (at, char) in piece.chars().enumerate() {
                match writing {
                    0 => write!(text, "%{:02x}", u32::from(char)).unwrap_or_default(),
                    1 => write!(text, "%25{:02X}", u32::from(char)).unwrap_or_default(),
                    2 => text.push(char.to_ascii_uppercase()),
                    3 if at == 0 => write!(text, "%{:02x}", u32::from(char)).unwrap_or_default(),
                    _ => text.push(char),
                }
            }
        }
        if is_word { text.replace(' ', "+") } else { text }
    }

    fn request(&mut self) -> Vec<u8> {
        let mut request = format!("GET /{}", self.text(3, true));
        for (number, name) in ["?id=", "&b=", "&id=", "#"].into_iter().enumerate() {
            if self.roll(number + 2) == 0 {
                request += name;
                request += &self.text(3, true);
            }
        }
        write!(request, " HTTP/1.1\r\nHost: a{}\r\n", self.text(1, true)).unwrap_or_default();
        for name in ["X-A", "x-a", "Cookie", "User-Agent", "Content-Type"] {
            let value = match name {
                "Cookie" => format!("sid={}; t={}", self.text(2, true), self.text(1, true)),
                "Content-Type" => "application/x-www-form-urlencoded".into(),
                _ => self.text(3, false),
            };
            if self.roll(3) == 0 {
                write!(request, "{name}: {value}\r\n").unwrap_or_default();
            }
        }
        let body = match self.roll(3) {
            0 => format!("id={}&x={}", self.text(3, true), self.text(2, true)),
            _ => String::new(),
        };
        write!(request, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap_or_default();
        request.into_bytes()
    }

    fn quoted(&mut self) -> String {
        let text = match self.roll(3) {
            0 => format!("{}{}", self.one_of(&PIECES), self.one_of(&PIECES)),
            _ => self.one_of(&PIECES).to_owned(),
        };
        format!("\"{}\"", text.replace('\\', "\\\\"))
    }

    fn check(&mut self, fields: &[&str]) -> String {
        let value = self.one_of(&CHANGES).replace('X', self.one_of(fields));
        let operator = [
            "=",
            "contains",
            "contains",
            "icontains",
            "startswith",
            "endswith",
            "glob",
            "regex",
            "in",
            "!=",
        ];
        match self.one_of(&operator) {
            "in" => format!("{value} in ({}, {})", self.quoted(), self.quoted()),
            "glob" => format!("{value} glob \"*{}*\"", self.one_of(&["id", "a", "<", "{{"])),
            "regex" => {
                let regex = [
                    "(?i)[$][{]jndi",
                    "(?:/|^)[.][.]",
                    "a+b?",
                    "(?:id|cat|<)[^a]",
                    "[0-9][*]",
                    "x{2}|%2",
                    "^.?[{]",
                ];
                format!("{value} regex \"{}\"", self.one_of(&regex))
            }
            operator => format!("{value} {operator} {}", self.quoted()),
        }
    }

    fn predicate(&mut self, fields: &[&str]) -> String {
        let checks: Vec<String> = (0..=self.roll(3)).map(|_| self.check(fields)).collect();
        match self.roll(4) {
            0 => checks.join(" and "),
            1 => format!("not ({})", checks.join(" or ")),
            _ => checks.join(" or "),
        }
    }
}

fn rule(number: usize, when: String, event: NetworkEvent) -> NetworkRule {
    let common = Common {
        id: format!("rule-{number}"),
        enabled: true,
        points: Some(0),
        message: None,
        tags: Vec::new(),
        when: Some(when),
        except: None,
        alert: AlertMode::Score,
        ruleset: "test".into(),
    };
    let is_http = event == NetworkEvent::Request;
    NetworkRule {
        common,
        protocol: if is_http {
            NetworkProtocol::Http
        } else {
            NetworkProtocol::Tcp
        },
        event: Some(event),
        direction: RuleDirection::Both,
        severity: Severity::Low,
        subjects: None,
        skip_paths: Vec::new(),
    }
}

fn conversation(requests: &[Vec<u8>]) -> Vec<Event> {
    let mut source = Synthetic::new();
    source
        .snapshot(1, 0, "/sbin/init")
        .fork(1, 10)
        .exec(10, "/usr/sbin/nginx", &["nginx"]);
    for (number, request) in requests.iter().enumerate() {
        // Of what may be another process' all events are made: who serves it is not certain at first.
        let change = match number % 3 {
            0 => FlowChange::Established,
            _ => FlowChange::Existing,
        };
        source
            .flow(
                10,
                change,
                Direction::Incoming,
                "10.0.0.1:80",
                "203.0.113.9:40000",
                |_| {},
            )
            .segment(10, Way::Received, request)
            .segment(10, Way::Sent, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    }
    source.take()
}

/// How often each rule matched.
fn matches(rules: RuleSet, events: &[Event]) -> Vec<(String, u64)> {
    let mut engine = Engine::new(Arc::new(rules), Settings::default());
    let mut alerts = Vec::new();
    events.iter().for_each(|event| {
        engine.observe(event, &mut alerts);
        alerts.clear();
    });
    let rules = engine.counters().rules.iter();
    rules.map(|counts| (counts.id.to_string(), counts.matches)).collect()
}

fn compare(specs: &Specs, events: &[Event]) -> Vec<(String, u64)> {
    let compiled = || RuleSet::compile(specs).unwrap_or_else(|errors| panic!("{errors:#?}"));
    let sieved = matches(compiled(), events);
    let plain = matches(compiled().without_sieve(), events);
    for (spec, (sieved, plain)) in specs.network.iter().zip(sieved.iter().zip(&plain)) {
        assert_eq!(sieved, plain, "{:?}", spec.common.when);
    }
    plain
}

#[test]
fn any_rules_match_what_they_match_without_the_sieve() {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let requests: Vec<Vec<u8>> = (0..800).map(|_| dice.request()).collect();
    let events = conversation(&requests);
    let mut specs = Specs::default();
    for number in 0..600 {
        let (fields, event): (&[&str], _) = match number % 8 {
            0 => (&["tcp.payload", "tcp.payload[0:40]"], NetworkEvent::Payload),
            _ => (&FIELDS, NetworkEvent::Request),
        };
        let when = dice.predicate(fields);
        specs.network.push(rule(number, when, event));
    }
    let matched = compare(&specs, &events);
    let sometimes = matched
        .iter()
        .filter(|(_, count)| (1..requests.len() as u64).contains(count));
    assert!(sometimes.count() > 300, "most rules match some requests: {matched:?}");
    // One by one, where whole events are passed over.
    for rule in specs.network.iter().step_by(12) {
        let network = vec![rule.clone()];
        compare(
            &Specs {
                network,
                ..Specs::default()
            },
            &events,
        );
    }
}

#[test]
fn the_built_in_rules_match_what_they_match_without_the_sieve() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let requests: Vec<Vec<u8>> = (0..5000).map(|_| dice.request()).collect();
    let matched = compare(&rules::specs(), &conversation(&requests));
    for id in [
        "path-traversal",
        "shell-injection",
        "template-injection",
        "log4shell",
        "scanner-user-agent",
    ] {
        let count = matched
            .iter()
            .find(|(known, _)| known == id)
            .map_or(0, |(_, count)| *count);
        assert!((1..5000).contains(&count), "{id}: {count}");
    }
}

#[test]
fn a_process_that_becomes_a_shell_is_asked_about_from_then_on() {
    const SERVER: u32 = 10;
    let mut source = Synthetic::new();
    source
        .snapshot(1, 0, "/sbin/init")
        .fork(1, SERVER)
        .exec(SERVER, "/opt/server", &["server"])
        .flow(
            SERVER,
            FlowChange::Existing,
            Direction::Incoming,
            "10.0.0.1:80",
            "203.0.113.9:40000",
            |_| {},
        );
    let counts = |events: &[Event]| {
        let matched = compare(&rules::specs(), events);
        let shell = matched.into_iter().find(|(id, _)| id == "shell-on-socket");
        shell.map(|(_, count)| count)
    };
    for _ in 0..5 {
        source.segment(SERVER, Way::Received, b"what is this?\n");
    }
    let mut events = source.take();
    assert_eq!(counts(&events), Some(0));
    source
        .exec(SERVER, "/usr/bin/bash", &["bash"])
        .segment(SERVER, Way::Received, b"id\n");
    events.extend(source.take());
    assert_eq!(counts(&events), Some(1));
}

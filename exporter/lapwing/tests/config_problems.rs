//! Every kind of mistake, with the exact place and words that its author reads.

use std::collections::BTreeMap;

use lapwing::config::{Input, Loaded, Problem, Source, parse};

fn input(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Input {
    let files = files.iter().map(|(name, text)| Source {
        name: (*name).into(),
        text: (*text).into(),
        ruleset: "local",
    });
    let environment: BTreeMap<_, _> = variables
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect();
    Input {
        files: files.collect(),
        environment,
        ..Input::default()
    }
}

fn problems(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Vec<String> {
    let parsed = parse(&input(files, variables));
    parsed.map_or_else(
        |problems| problems.iter().map(Problem::to_string).collect(),
        |_| Vec::new(),
    )
}

fn loaded(text: &str) -> Loaded {
    parse(&input(&[("f", text)], &[])).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// Each case is a file `f` and the problems expected in it.
fn check(cases: &[(&str, &[&str])]) {
    for (text, expected) in cases {
        assert_eq!(problems(&[("f", text)], &[]), *expected, "{text}");
    }
}

#[test]
fn names_of_settings() {
    check(&[
        (
            "[score]\ntreshold = 5",
            &["f:2:1: unknown key treshold in [score]; did you mean threshold?"],
        ),
        (
            "[scoer]\nthreshold = 5",
            &["f:1:2: unknown key or section scoer; did you mean score?"],
        ),
        (
            "[process]\nrules = 1",
            &["f:2:1: unknown key rules in [process]; did you mean rule?"],
        ),
        (
            "colour = 1",
            &[
                "f:1:1: unknown key or section colour; known: config_version, defaults, profile, agent, log, metrics, otlp, json, \
               alertmanager, score, process, file, network, override",
            ],
        ),
        (
            "score = 5",
            &["f:1:1: score must be a section, not an integer; write [score]"],
        ),
        (
            "[[json]]\npath = '-'",
            &["f:1:3: json must be a section, not a list; write [json]"],
        ),
    ]);
}

#[test]
fn values_of_settings() {
    check(&[
        (
            "[score]\nthreshold = 0\nhalf_life = \"10\"\nfold_window=5\nmax_subjects = 'x'",
            &[
                "f:2:13: threshold must be a whole number from 1 to 1000000, not 0; write a value in that range",
                "f:3:13: half_life: \"10\" is not a duration; write for example \"30s\", \"10m\" or \"1h30m\"",
                "f:4:13: fold_window must be a duration, not an integer; write fold_window = \"10m\"",
                "f:5:16: max_subjects must be an integer, not a string; write max_subjects = 100",
            ],
        ),
        (
            "[agent]\nfile_ring = \"10MiB\"\nsocket = \"lapwing\"\nbpf_stats = \"yes\"",
            &[
                "f:2:13: file_ring must be a power of two from 64KiB to 1GiB, not \"10MiB\"; write for example \"16MiB\"",
                "f:3:10: socket must be an absolute path, not \"lapwing\"; begin it with /",
                "f:4:13: bpf_stats must be true or false, not a string; write bpf_stats = true",
            ],
        ),
        (
            "[otlp]\nendpoint = \"127.0.0.1:4317\"\nprotocol = \"http\"\nheaders = { \"a b\" = \"c\" }\ntimeout = \"10ms\"",
            &[
                "f:2:12: endpoint must be an http or https URL, not \"127.0.0.1:4317\"; write for example \"http://127.0.0.1:4317\"",
                "f:3:12: protocol cannot be \"http\"; write one of \"grpc\", \"http/protobuf\"",
                "f:4:11: \"a b\" is not the name of a header; use letters, digits and -",
                "f:5:11: timeout must be from 100ms to 1h, not \"10ms\"; write a value in that range",
            ],
        ),
        (
            "[otlp]\nendpoint = 'http://127.0.0.1:4317/logs'",
            &[
                "f:2:12: endpoint \"http://127.0.0.1:4317/logs\" has a path, which gRPC does not know (protocol = \"http/protobuf\" does); \
               write for example \"http://127.0.0.1:4317\"",
            ],
        ),
        (
            "[otlp]\nendpoint = 'http://127.0.0.1:4317'\nheaders = { te = 'x' }",
            &["f:3:11: headers: \"te\" is set by the protocol itself; remove it"],
        ),
        // The value of a header may be a credential: it is not shown.
        (
            "otlp.headers = { a = \"se\\ncret\" }",
            &["f:1:16: the value of header a has characters that no header may have"],
        ),
        (
            "[log]\nlevel = \"inof\"\nformat = \"jsn\"",
            &[
                "f:2:9: level must be a level or directives, not \"inof\"; write error, warn, info, debug, trace or off, or for \
                 example \"info,lapwing=debug\"",
                "f:3:10: format cannot be \"jsn\"; did you mean \"json\"? (one of \"auto\", \"text\", \"json\")",
            ],
        ),
        (
            "[metrics]\nlisten = \"localhost:19754\"",
            &[
                "f:2:10: listen must be an IP address and a port, not \"localhost:19754\"; write for example \"127.0.0.1:19754\"",
            ],
        ),
        (
            "[metrics]\nlisten = \"0.0.0.0:19754\"",
            &[
                "f:2:10: listen = \"0.0.0.0:19754\" is reachable from other hosts, without encryption or authentication; write \
               \"127.0.0.1:19754\", or a web_config_file with TLS and users (docs/endpoint.md), or insecure = true in [metrics] to allow it",
            ],
        ),
        ("[metrics]\nlisten = \"[::]:19754\"\ninsecure = true", &[]),
        ("[network]\nenabled = true", &[]),
        ("[network]\nhttps = \"on\"", &[]),
        (
            "[network]\nhttps = \"yes\"",
            &["f:2:9: https cannot be \"yes\"; write one of \"off\", \"on\""],
        ),
        (
            "[network]\nmode = \"some\"",
            &["f:2:8: mode cannot be \"some\"; write one of \"all\", \"only\", \"except\""],
        ),
        (
            "[network]\nmode = \"only\"",
            &["f:2:8: this mode needs processes; write processes = [\"nginx\"], or mode = \"all\""],
        ),
        (
            "[network]\nprocesses = [\"nginx\"]",
            &["f:2:13: processes has no meaning with mode = \"all\"; \
               write mode = \"only\" or \"except\", or remove processes"],
        ),
        (
            "[network]\nmode = \"only\"\nprocesses = [\"bin/x\"]",
            &[
                "f:2:8: this mode needs processes; write processes = [\"nginx\"], or mode = \"all\"",
                "f:3:13: processes: \"bin/x\" is neither a name nor an absolute path; \
                 write a process' name as ps -o comm shows it, or the absolute path of an executable",
            ],
        ),
        (
            "[network]\nproxies = [\"10.0.0.0/8\", \"10.0.0.0/33\"]",
            &[
                "f:2:11: proxies: \"10.0.0.0/33\" is neither an IP address nor a network; \
               write for example \"10.0.0.0/8\" or \"2001:db8::/32\"",
            ],
        ),
        (
            "[network]\nignored_rules = [\"[\"]\nincoming_rules = 5",
            &[
                "f:2:17: ignored_rules: \"[\" is no glob: the glob has a [ without its ]; write a rule's id; * stands for any text, ? for one character",
                "f:3:18: incoming_rules must be a list of strings, not an integer; write incoming_rules = [\"*\"]",
            ],
        ),
        (
            "[network]\nmax_bytes_per_message = { request = \"1B\" }",
            &[
                "f:2:25: max_bytes_per_message: request must be from 1KiB to 16MiB, not \"1B\"; \
               write { request = \"128KiB\", response = \"512KiB\" }",
            ],
        ),
    ]);
}

#[test]
fn syntax_errors_are_all_reported_and_nothing_is_guessed_after_them() {
    check(&[
        (
            "[score]\nthreshold = \n[log\nx = 1",
            &[
                "f:2:13: not TOML: string values must be quoted, expected literal string",
                "f:3:5: not TOML: unclosed table, expected `]`",
            ],
        ),
        (
            "[score]\nthreshold = 1\nthreshold = 2",
            &["f:3:1: not TOML: duplicate key"],
        ),
    ]);
    let more = problems(&[("a", "x ="), ("b", "y = 1\n[[override]]\nid = 'z'")], &[]);
    assert_eq!(
        more.len(),
        2,
        "the rule may be in the file that could not be read: {more:?}"
    );
    assert!(
        more[0].starts_with("a:1:") && more[1].starts_with("b:1:1: unknown key"),
        "{more:?}"
    );
}

#[test]
fn rules() {
    check(&[
        (
            "[[process.rule]]",
            &[
                "f:1:1: [[process.rule]]: id is missing; write id = \"my-rule\"",
                "f:1:1: [[process.rule]]: event is missing; write event = \"bin-execution\"",
            ],
        ),
        (
            "[[process.rule]]\nid = \"Bad Id\"\nevent = \"exec\"",
            &[
                "f:2:6: [[process.rule]]: the id \"Bad Id\" is not allowed; use 1 to 128 characters of a-z, 0-9, '.', '_' and '-'",
                "f:3:9: [[process.rule]]: event cannot be \"exec\"; write one of \"bin-execution\", \"root-escalation\", \
                 \"termination-failure\"",
            ],
        ),
        (
            "[[process.rule]]\nid = \"a\"\nevent = \"bin-execution\"\nsucces_severity = \"high\"\nfailure_severity = \"hihg\"\npoints = -1\n\
             skip_paths = [\"usr/bin\", 5, \"/a/../b\"]\nskip_commands = \"dpkg\"\ntags = [\"a b\"]",
            &[
                "f:4:1: [[process.rule]] \"a\": unknown key succes_severity; did you mean success_severity?",
                "f:5:20: [[process.rule]] \"a\": failure_severity cannot be \"hihg\"; did you mean \"high\"? (one of \"off\", \"info\", \
                 \"low\", \"medium\", \"high\", \"critical\")",
                "f:6:10: [[process.rule]] \"a\": points must be from 0 to 1000000, not -1; write points = 50",
                "f:7:15: [[process.rule]] \"a\": skip_paths: \"usr/bin\" is not absolute; write the path as `realpath` prints it",
                "f:7:26: [[process.rule]] \"a\": skip_paths must be a list of strings, not of an integer; write skip_paths = \
                 [\"/usr/bin/dpkg\"]",
                "f:7:29: [[process.rule]] \"a\": skip_paths: \"/a/../b\" has an empty, . or .. part; write the path as `realpath` \
                 prints it",
                "f:8:17: [[process.rule]] \"a\": skip_commands must be a list of strings, not a string; write skip_commands = [\"dpkg\"]",
                "f:9:9: [[process.rule]] \"a\": tags: \"a b\" is not a tag; use 1 to 64 visible ASCII characters, no spaces",
            ],
        ),
        (
            "[[file.watch]]\nid = \"w\"\npath = \"etc\"\naccess = [\"wirte\"]\nexclude = [\"a/b\"]\non = \"fail\"\nseverity = \"off\"",
            &[
                "f:3:8: [[file.watch]] \"w\": path: \"etc\" is not absolute; write the path as `realpath` prints it",
                "f:4:11: [[file.watch]] \"w\": access cannot be \"wirte\"; did you mean \"write\"? (one of \"create\", \"write\", \
                 \"read\", \"permission\", \"delete\", \"rename\", \"execute\")",
                "f:5:12: [[file.watch]] \"w\": exclude: \"a/b\" is neither an absolute path nor a glob over a file's name; write for \
                 example \"/etc/mtab\" or \"*.swp\"",
                "f:6:6: [[file.watch]] \"w\": on cannot be \"fail\"; write one of \"success\", \"failure\", \"any\"",
                "f:7:12: [[file.watch]] \"w\": severity cannot be \"off\"; write one of \"info\", \"low\", \"medium\", \"high\", \
                 \"critical\"",
            ],
        ),
        (
            "[[file.watch]]\nid = \"w\"\npath = \"/etc\"\naccess = []",
            &[
                "f:4:10: [[file.watch]] \"w\": access is empty: the watch would never match; write access = [\"write\"], or enabled = false",
            ],
        ),
        (
            "process.rule = [5]",
            &["f:1:17: [[process.rule]] must be a list of tables, not an integer; begin each with [[process.rule]]"],
        ),
        (
            "[override]\nid=\"x\"",
            &["f:1:1: [[override]] must be a list of tables, not a table; begin each with [[override]]"],
        ),
    ]);
}

#[test]
fn predicates_are_placed_inside_of_their_strings() {
    const HEAD: &str = "[[process.rule]]\nid = \"a\"\nevent = \"bin-execution\"\n";
    let no_field = "there is no field \"proc.nme\"; did you mean proc.name?";
    for (rule, place, what) in [
        ("when = 'proc.nme = \"x\"'", "f:4:9", format!("when: {no_field}")),
        ("when = \"proc.name = \\\"x\\\" and proc.nme = 'y'\"", "f:4:31", format!("when: {no_field}")),
        ("when = \"\"\"\nproc.name = \\\"x\\\" and\n  proc.nme = 'y'\"\"\"", "f:6:3", format!("when: {no_field}")),
        ("when = '''proc.name = \"\u{e4}\" or proc.nme = \"y\"'''", "f:4:30", format!("when: {no_field}")),
        ("message = \"{proc.nme} ran\"", "f:4:13", format!("message: {no_field}")),
        (
            "except = 'proc.exit.code = 1'",
            "f:4:11",
            "except: proc.exit.code is never set here: it comes with exit events only; use it in a rule about those, or another field \
             here"
                .to_owned(),
        ),
    ] {
        assert_eq!(problems(&[("f", &format!("{HEAD}{rule}"))], &[]), [format!("{place}: rule \"a\": {what}")], "{rule}");
    }
}

#[test]
fn one_id_names_one_rule() {
    const RULE: &str = "[[process.rule]]\nid = \"a\"\nevent = \"bin-execution\"";
    let second = format!("# mine\n{RULE}");
    assert_eq!(
        problems(&[("etc/lapwing.toml", RULE), ("conf.d/my.toml", &second)], &[]),
        ["conf.d/my.toml:3:6: the id \"a\" is taken by etc/lapwing.toml:2:6; give one of them another id"]
    );
    let built_in = problems(&[("f", &RULE.replace("\"a\"", "\"exec-from-tmp\""))], &[]);
    assert_eq!(built_in.len(), 1);
    assert!(
        built_in[0].starts_with("f:2:6: the id \"exec-from-tmp\" is taken by <default rules>:"),
        "{built_in:?}"
    );
    assert!(
        built_in[0].ends_with("give it another id, or change the built-in rule with [[override]]"),
        "{built_in:?}"
    );
}

#[test]
fn overrides_that_do_not_fit() {
    check(&[
        (
            "[[override]]\nid = \"exec-from-tpm\"\nenabled = false",
            &["f:2:6: [[override]]: there is no rule \"exec-from-tpm\"; did you mean \"exec-from-tmp\"?"],
        ),
        (
            "[[override]]\nid = \"exec-from-tmp\"\nexclude = [\"/tmp\"]",
            &["f:3:11: [[override]] \"exec-from-tmp\": a process rule has no exclude; remove it"],
        ),
        (
            "[[override]]\nid = \"etc\"\nadd_except = 'proc.nme = \"a\"'",
            &["f:3:15: rule \"etc\": except: there is no field \"proc.nme\"; did you mean proc.name?"],
        ),
    ]);
}

#[test]
fn variables_are_named() {
    let variables = [
        ("LAPWING__SCORE__TRESHOLD", "1"),
        ("LAPWING__SCORE__THRESHOLD", "x"),
        ("LAPWING__METRICS__LISTEN", "0.0.0.0:1"),
        ("LAPWING__OTLP__HEADERS", "secret"),
        ("LAPWING_SERVICE_HOST", "set by Kubernetes, not ours"),
    ];
    assert_eq!(
        problems(&[], &variables),
        [
            "environment variable LAPWING__OTLP__HEADERS: headers: an entry has no =; write name=value,name=value",
            "environment variable LAPWING__SCORE__THRESHOLD: threshold must be a whole number from 1 to 1000000, not x; write a value \
             in that range",
            "environment variable LAPWING__SCORE__TRESHOLD: no such setting; did you mean LAPWING__SCORE__THRESHOLD?",
            "environment variable LAPWING__METRICS__LISTEN: listen = \"0.0.0.0:1\" is reachable from other hosts, without encryption or \
             authentication; write \"127.0.0.1:19754\", or a web_config_file with TLS and users (docs/endpoint.md), or insecure = true in [metrics] to allow it",
        ]
    );
}

#[test]
fn a_newer_configuration_is_read_with_warnings() {
    const NEW: &str =
        "config_version = 2\nfuture = 1\n[score]\nbeauty = 5\n[[override]]\nid = \"etc\"\nseverity = \"low\"\nmood = 1";
    let warnings: Vec<String> = loaded(NEW).warnings.iter().map(Problem::to_string).collect();
    let ignores = "this binary is older than the configuration and ignores it";
    assert_eq!(
        warnings,
        [
            format!("f:2:1: unknown key or section future; {ignores}"),
            format!("f:4:1: unknown key beauty in [score]; {ignores}"),
            format!("f:8:1: [[override]] \"etc\": unknown key mood; {ignores}"),
        ]
    );
    assert!(
        !problems(&[("f", "config_version = 2\n[score]\nthreshold = 0")], &[]).is_empty(),
        "wrong values stay wrong"
    );
}

#[test]
fn alertmanager_and_its_credentials() {
    let peer = "[alertmanager]\nurls = ['https://am:9093']\n";
    let and = |rest: &str| format!("{peer}{rest}");
    let cases = [
        (
            "[alertmanager]\nurls = ['am:9093']".to_owned(),
            "f:2:8: urls: \"am:9093\" is not an http or https URL; write for example \"http://127.0.0.1:9093\"",
        ),
        (
            "[alertmanager]\nurls = 'http://am:9093'".to_owned(),
            "f:2:8: urls must be a list of URLs, not a string; write urls = [\"http://127.0.0.1:9093\"]",
        ),
        (
            "[alertmanager]\nurls = ['http://root:secret@am:9093']".to_owned(),
            "f:2:8: the URL of am has a user or password in it; write username and password_file",
        ),
        (
            "[alertmanager]\nurls = ['http://am:99999']".to_owned(),
            "f:2:8: \"http://am:99999\" has a port that is not a number from 1 to 65535; correct it",
        ),
        (
            "[alertmanager]\nusername = 'a'\npassword_file = '/none'\nurls = ['http://127.0.0.1:1', 'http://am:9093']"
                .to_owned(),
            "f:4:8: \"http://am:9093\" would carry the credential over the network without encryption; write https://, or \
             insecure = true to allow it",
        ),
        (
            and("username = 'a'"),
            "f:3:12: username needs password_file; write both, or none",
        ),
        (
            and("cert_file = '/x'"),
            "f:3:13: cert_file needs key_file; write both, or none",
        ),
        (
            and("ca_file = '/nonexistent/ca'"),
            "f:3:11: ca_file /nonexistent/ca cannot be read: No such file or directory (os error 2); check the path and its permissions",
        ),
        (
            and("bearer_token_file = '/nonexistent/t'"),
            "f:3:21: bearer_token_file /nonexistent/t cannot be read: No such file or directory (os error 2); \
             check the path and its permissions",
        ),
        (
            and("bearer_token_file = '/t'\nusername = 'a'\npassword_file = '/p'"),
            "f:3:21: bearer_token_file and username are two ways of authentication; remove one of them",
        ),
        (
            "[alertmanager]\nurls = ['http://am:9093']\nca_file = '/etc/ssl/certs'".to_owned(),
            "f:3:11: ca_file is set, and no peer is encrypted; write https:// in urls, or remove it",
        ),
        (
            and("labels = { rule = 'x' }"),
            "f:3:10: label \"rule\" is set by Lapwing itself; remove it",
        ),
        (
            and("labels = { job = 1 }"),
            "f:3:10: label job must be a string, not an integer; write labels = { name = \"value\" }",
        ),
        (
            and("never_mask = ['[']"),
            "f:3:14: never_mask: \"[\" is no glob: the glob has a [ without its ]; write a rule's id; * stands for any text, ? for one character",
        ),
        (
            and("mask_action = 'hide'"),
            "f:3:15: mask_action cannot be \"hide\"; write one of \"mark\", \"drop\"",
        ),
        (
            and("poll_interval = '10ms'"),
            "f:3:17: poll_interval must be from 1s to 1h, not \"10ms\"; write a value in that range",
        ),
    ];
    for (text, problem) in &cases {
        assert_eq!(problems(&[("f", text)], &[]), [*problem], "{text}");
    }
    let config =
        loaded("[alertmanager]\nurls = ['http://am:9093', 'https://b/x']\nlabels = { instance = 'a:1' }").config;
    assert_eq!(config.alertmanager.urls.len(), 2);
    assert_eq!(config.alertmanager.labels["instance"], "a:1");
    let by_variable = [
        ("LAPWING__ALERTMANAGER__URLS", "http://a:1, http://b:2"),
        ("LAPWING__ALERTMANAGER__LABELS", "job=x"),
    ];
    let doubtful = loaded("[alertmanager]\nnever_mask = ['etc', 'ssh-keyz', 'score.*']").warnings;
    assert_eq!(
        doubtful.iter().map(Problem::to_string).collect::<Vec<_>>(),
        ["f:2:14: never_mask: no rule is called \"ssh-keyz\"; `lapwing rules list` shows what they are called"]
    );
    let config = parse(&input(&[], &by_variable))
        .map(|loaded| loaded.config.alertmanager)
        .ok();
    let config = config.map(|config| (config.urls, config.labels["job"].clone()));
    assert_eq!(
        config,
        Some((vec!["http://a:1".into(), "http://b:2".into()], "x".into()))
    );
}

#[test]
fn a_word_of_the_wrong_type_is_shown_the_words() {
    let told = problems(&[("f", "[network]\nhttps = true\n")], &[]);
    let wanted = "f:2:9: https must be a string, not true or false; write https = \"off\" or \"on\"";
    assert_eq!(told, [wanted]);
}

#[test]
fn lists_of_rules_name_rules_that_there_are() {
    let lists = "[network]\nenabled = true\nincoming_rules = ['path-*', 'no-such-*']\noutgoing_rules = ['*']\nignored_rules = ['cron-d']\n";
    let doubtful = loaded(lists).warnings;
    assert_eq!(
        doubtful.iter().map(Problem::to_string).collect::<Vec<_>>(),
        [
            "f:3:18: incoming_rules: no rule about the network is called \"no-such-*\"; `lapwing rules list` shows what they are called",
            "f:5:17: ignored_rules: no rule about the network is called \"cron-d\"; `lapwing rules list` shows what they are called",
        ]
    );
}

#[test]
fn rules_that_nothing_can_match() {
    let rule = "[[network.rule]]\nid = \"a\"\nprotocol = \"https\"\nwhen = 'http.path = \"/\"'\n";
    let warnings = |network: &str| {
        let warnings = loaded(&format!("[network]\n{network}\n{rule}")).warnings;
        warnings.iter().map(Problem::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        warnings("enabled = true"),
        [
            "f:5:12: rule \"a\": protocol = \"https\" matches nothing while [network] https = \"off\"; \
             write https = \"on\" in [network]"
        ]
    );
    assert!(warnings("enabled = true\nhttps = \"on\"").is_empty());
    // No rule about the network matches then.
    assert!(warnings("enabled = false").is_empty());
}

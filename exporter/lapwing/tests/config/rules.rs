//! Mistakes in rules and in what names them.

use lapwing::config::Problem;

use crate::problems::{check, loaded, problems};

#[test]
fn keys_and_their_values() {
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
    // No rule about the network matches then, and who wrote that knows.
    assert!(warnings("enabled = false").is_empty());
    // Who forgot to write anything does not.
    assert_eq!(
        warnings("https = \"on\""),
        [
            "f:2:9: https = \"on\" has no effect while [network] enabled = false; write enabled = true in [network]",
            "f:4:6: rule \"a\" matches nothing while [network] enabled = false; write enabled = true in [network]",
        ]
    );
}

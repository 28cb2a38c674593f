use super::*;
use crate::{
    event::{Event, FileOp, Value},
    field::Scratch,
    process::{Limits, Table},
    synthetic::Synthetic,
};

fn holds_at(events: &[Event], text: &str) -> bool {
    let mut table = Table::new(Limits::default());
    events.iter().for_each(|event| table.update(event));
    let mut scratch = Scratch::default();
    let event = &events[events.len() - 1];
    let predicate = Predicate::parse(text, Kinds::ALL).unwrap_or_else(|error| panic!("{text}: {error}"));
    predicate.matches(&Context::new(event, &table, &mut scratch))
}

/// sshd -> bash -> `vim -R /etc/passwd`, just executed; no terminal.
fn vim() -> Vec<Event> {
    let mut source = Synthetic::new();
    source
        .snapshot(1, 0, "/usr/sbin/sshd")
        .fork(1, 2)
        .exec(2, "/bin/bash", &["-bash"]);
    source
        .fork(2, 3)
        .exec(3, "/usr/bin/vim", &["vim", "-R", "/etc/passwd"])
        .take()
}

fn holds(text: &str) -> bool {
    holds_at(&vim(), text)
}

#[test]
fn each_operator_is_true_and_false_where_it_should_be() {
    let cases = [
        ("proc.name = vim", true),
        ("proc.name = \"vim\"", true),
        ("proc.name = 'vi'", false),
        ("proc.name != vi", true),
        ("proc.name != vim", false),
        ("proc.name in (emacs, vim, \"nano\")", true),
        ("proc.name in (emacs)", false),
        ("proc.name startswith vi", true),
        ("proc.name startswith im", false),
        ("proc.name endswith im", true),
        ("proc.name endswith vi", false),
        ("proc.cmdline contains \"-R /etc\"", true),
        ("proc.cmdline contains /ETC", false),
        ("proc.cmdline icontains /ETC", true),
        ("proc.cmdline icontains [a-z]", false),
        ("proc.exepath glob /usr/*/v?m", true),
        ("proc.exepath glob /usr/*/v?", false),
        ("proc.exepath regex '^/usr/(s?bin)/vi'", true),
        ("proc.exepath regex ^vim", false),
        ("proc.exepath pmatch /usr", true),
        ("proc.exepath pmatch (/tmp, /usr/bin/vim)", true),
        ("proc.exepath pmatch (/usr/bin/vi, /us)", false),
        ("proc.pid = 3", true),
        ("proc.pid = 0x3", true),
        ("proc.pid != 3", false),
        ("proc.pid < 3", false),
        ("proc.pid <= 3", true),
        ("proc.pid > 2", true),
        ("proc.pid >= 4", false),
        ("proc.pid in (1, 0b11)", true),
        ("proc.pid in (1, 2)", false),
        ("user.loginuid = -1", true),
        ("proc.exe.mode = 0o100755", true),
        ("evt.failed = false", true),
        ("evt.failed = true", false),
        ("proc.name exists", true),
        ("proc.tty exists", false),
    ];
    for (text, expected) in cases {
        assert_eq!(holds(text), expected, "{text}");
    }
}

#[test]
fn a_check_on_a_missing_value_is_false_and_its_negation_true() {
    for check in [
        "proc.tty = pts0",
        "proc.tty != pts0",
        "proc.tty in (pts0)",
        "proc.tty startswith p",
        "proc.tty contains p",
        "proc.tty glob *",
        "proc.tty regex .*",
        "proc.tty exists",
        "proc.exe_ino != 1",
        "proc.exe_ino < 1",
        "proc.exe_ino >= 1",
        "proc.exe_ino in (1)",
        "fs.path.name pmatch /",
        "proc.aname[9] != x",
    ] {
        assert!(!holds(check), "{check}");
        assert!(holds(&format!("not ({check})")), "not ({check})");
        assert!(holds(&format!("not {check}")), "not {check}");
    }
}

#[test]
fn several_values_are_asked_for_any() {
    assert!(holds("proc.aname = sshd"));
    assert!(holds("proc.aname = bash"));
    assert!(!holds("proc.aname = vim"), "the process is not its own ancestor");
    assert!(holds("proc.aname != sshd"), "bash is not sshd");
    assert!(holds(
        "proc.aname[0] = vim and proc.aname[1] = bash and proc.aname[2] = sshd"
    ));
    assert!(holds("proc.arg in (-R)"));
    assert!(holds("proc.arg[2] = /etc/passwd"));
    assert!(holds("thread.cap_effective contains SYS_ADMIN"));
}

#[test]
fn not_binds_before_and_and_and_before_or() {
    assert!(holds("proc.name = vim or proc.name = a and proc.name = b"));
    assert!(!holds("(proc.name = vim or proc.name = a) and proc.name = b"));
    assert!(holds("not proc.name = a and proc.name = vim"));
    assert!(!holds("not (proc.name = a or proc.name = vim)"));
    assert!(holds("not not proc.name = vim"));
}

#[test]
fn quotes_take_escapes_and_bytes_that_are_no_text() {
    let mut source = Synthetic::new();
    let odd = b"/tmp/a\"b\xff\n".as_slice();
    source.snapshot(1, 0, "/bin/sh");
    let events = source
        .file_with(1, FileOp::Write, "", |file| file.path = Value::Known(odd.into()))
        .take();
    assert!(holds_at(&events, r#"fs.path.name = "/tmp/a\"b\xff\n""#));
    assert!(holds_at(&events, r#"fs.path.name = '/tmp/a"b\xFF\n'"#));
    assert!(holds_at(&events, r#"fs.path.name endswith "\xff\n""#));
    assert!(holds_at(&events, r#"fs.path.name regex "\\xff\\n$""#));
    assert!(holds_at(&events, r#"fs.path.name pmatch "/tmp""#));
}

#[test]
fn what_is_known_in_part_is_compared_by_that_part() {
    let mut source = Synthetic::new();
    source.snapshot(1, 0, "/bin/sh");
    let events = source
        .file_with(1, FileOp::Write, "", |file| {
            file.path = Value::Partial("/etc/shadow".into())
        })
        .take();
    assert!(holds_at(&events, "fs.path.name = /etc/shadow"));
}

#[test]
fn errors_say_where_what_and_what_to_write() {
    let exec = Kinds::EXEC;
    let cases = [
        ("", 0, "expected a field, found the end", "proc.name"),
        (
            "proc.name",
            9,
            "expected an operator after proc.name, found the end",
            "startswith",
        ),
        (
            "proc.exepth = /x",
            0,
            "there is no field \"proc.exepth\"",
            "did you mean proc.exepath?",
        ),
        (
            "proc.name = vim and evt.type = open",
            20,
            "there is no field \"evt.type\"",
            "evt.kind",
        ),
        ("nonsense = 1", 0, "there is no field", "lapwing rules fields"),
        ("proc.name == vim", 10, "\"==\" is no operator", "write \"=\""),
        ("proc.name =", 11, "expected a value after =, found the end", "quotes"),
        ("proc.name = and", 12, "found the keyword and", "\"and\""),
        ("proc.name = \"vim", 12, "never closed", "close it with \""),
        ("proc.name = \"\\q\"", 13, "unknown escape", "\\\\"),
        ("proc.name = \"\\x4\"", 13, "two hexadecimal digits", "\\x00"),
        ("(proc.name = vim", 0, "never closed", ")"),
        ("proc.name = vim)", 15, "closes nothing", "remove"),
        (
            "proc.name = vim proc.pid = 1",
            16,
            "expected and, or, or the end",
            "and",
        ),
        (
            "proc.name = vim && proc.pid = 1",
            16,
            "expected and, or, or the end",
            "write and",
        ),
        ("proc.name = a b", 14, "found \"b\"", "quotes"),
        ("proc.name not in (a)", 10, "found \"not\"", "not proc.name in (...)"),
        (
            "proc.name startwith a",
            10,
            "found \"startwith\"",
            "did you mean startswith?",
        ),
        ("proc.name = (a, b)", 12, "takes one value", "proc.name in (...)"),
        ("proc.name contains (a)", 19, "takes one value", " or "),
        ("proc.name in vim", 13, "takes a list", "in (\"a\", \"b\")"),
        ("proc.name in ()", 13, "the list is empty", "in ("),
        ("proc.name in (a b)", 16, "expected \",\" or )", ")"),
        ("proc.name in (a,)", 16, "expected a value", "quotes"),
        ("proc.name < a", 10, "does not apply to proc.name", "no order"),
        ("proc.name pmatch /x", 10, "does not apply", "startswith"),
        (
            "proc.pid contains 1",
            9,
            "does not apply to proc.pid, whose type is number",
            "exists",
        ),
        ("proc.pid = abc", 11, "proc.pid is a number, \"abc\" is none", "42"),
        ("proc.pid = \"1\"", 11, "not a text", "quotes"),
        ("proc.pid = 0755", 11, "octal or decimal", "0o755"),
        ("proc.pid = 99999999999999999999", 11, "is a number", "42"),
        ("proc.is_setuid", 14, "expected an operator", "proc.is_setuid = true"),
        ("proc.is_setuid = yes", 17, "true or false", "true"),
        ("proc.name[1] = a", 9, "takes no [ ]", "proc.name"),
        ("proc.aname[x] = a", 10, "takes a number", "proc.aname[1]"),
        ("proc.aname[1 = a", 10, "takes a number", "proc.aname[1]"),
        (
            "proc.exepath pmatch (/tmp, tmp)",
            27,
            "not an absolute path",
            "\"/tmp\"",
        ),
        ("proc.exepath pmatch (/tmp/)", 21, "not normalised", "\"/tmp\""),
        ("proc.name regex '('", 16, "does not compile", "regex crate"),
        ("proc.name regex 'a{9999}{9999}'", 16, "bytes when compiled", "smaller"),
        ("proc.name regex '(?<=a)b'", 16, "does not compile", "look-around"),
        ("proc.name glob '[a'", 15, "without its ]", "*"),
        ("proc.name contains ''", 19, "always true", "exists"),
        (
            "fs.path.name = /x",
            0,
            "never set here: it comes with file events",
            "another",
        ),
        ("proc.exit.code = 1", 0, "comes with exit events", "another"),
        ("not", 3, "expected a field", "proc.name"),
        ("proc.name = vim or", 18, "expected a field", "proc.name"),
        (", proc.name = a", 0, "expected a field, found \",\"", "proc.name"),
    ];
    for (text, offset, message, help) in cases {
        let error = Predicate::parse(text, exec).expect_err(text);
        assert_eq!(error.offset, offset, "{text}: {error}");
        assert!(error.message.contains(message), "{text}: {error}");
        assert!(error.help.contains(help), "{text}: {error}");
    }
}

#[test]
fn a_word_that_a_field_never_has_is_refused() {
    for (text, offset, message, help) in [
        (
            "net.direction = inbound",
            16,
            "net.direction is never \"inbound\"",
            "write one of incoming, outgoing, unknown",
        ),
        (
            "tcp.payload.way in (sent, got)",
            26,
            "tcp.payload.way is never \"got\"",
            "write one of sent, received",
        ),
    ] {
        let error = Predicate::parse(text, Kinds::ALL).expect_err(text);
        assert_eq!(
            (error.offset, error.message.as_str(), error.help.as_str()),
            (offset, message, help)
        );
    }
    assert!(Predicate::parse("net.direction != incoming and net.direction startswith out", Kinds::ALL).is_ok());
}

#[test]
fn depth_and_length_are_bounded() {
    let deep = |depth: usize| format!("{}proc.pid = 1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Predicate::parse(&deep(MAX_DEPTH - 1), Kinds::ALL).is_ok());
    let error = Predicate::parse(&deep(MAX_DEPTH), Kinds::ALL).unwrap_err();
    assert_eq!((error.offset, error.message.as_str()), (MAX_DEPTH, "nested too deeply"));
    assert!(Predicate::parse(&"not ".repeat(100_000), Kinds::ALL).is_err());
    assert!(Predicate::parse(&deep(20_000), Kinds::ALL).is_err());
    let long = format!("proc.name in ({})", "a, ".repeat(MAX_LENGTH / 3));
    assert!(
        Predicate::parse(&long, Kinds::ALL)
            .unwrap_err()
            .message
            .contains("bytes")
    );
    let many = vec!["proc.pid = 7"; 4000].join(" or ");
    assert!(!holds(&many));
}

#[test]
fn cheap_checks_go_first() {
    let text = "proc.aname = sshd and proc.cmdline regex x and proc.name = vim";
    let Predicate { root: Node::And(nodes) } = Predicate::parse(text, Kinds::ALL).unwrap() else {
        panic!("no and")
    };
    let names: Vec<_> = nodes
        .iter()
        .map(|node| match node {
            Node::Check(check) => check.field.field.name,
            _ => "",
        })
        .collect();
    assert_eq!(names, ["proc.name", "proc.cmdline", "proc.aname"]);
}

#[test]
fn a_predicate_says_what_it_cannot_do_without() {
    let anchors = |text: &str| {
        let anchors = Predicate::parse(text, Kinds::ALL).unwrap().anchors()?;
        let shown = anchors.into_iter().map(|anchored| match anchored.anchor {
            Anchor::Equal(value) => format!("{}={}", anchored.field.field.name, value.escape_ascii()),
            Anchor::Below(path) => format!("{}<{}", anchored.field.field.name, path.escape_ascii()),
        });
        Some(shown.collect::<Vec<_>>().join(" "))
    };
    assert_eq!(anchors("proc.name = vim").as_deref(), Some("proc.name=vim"));
    assert_eq!(
        anchors("proc.name in (b, a)").as_deref(),
        Some("proc.name=a proc.name=b")
    );
    assert_eq!(
        anchors("proc.exepath pmatch /tmp and proc.name = x").as_deref(),
        Some("proc.name=x")
    );
    assert_eq!(
        anchors("proc.exepath pmatch /tmp or proc.name = x").as_deref(),
        Some("proc.name=x proc.exepath</tmp")
    );
    assert_eq!(anchors("not proc.name = vim"), None);
    assert_eq!(anchors("proc.name = vim or user.uid = 0"), None);
    assert_eq!(anchors("proc.aname = sshd"), None, "too dear to read for every event");
    assert_eq!(anchors("proc.name != vim and user.uid = 0"), None);
}

/// Whatever is written, the answer is a predicate or an error inside the text; what parses can be evaluated.
#[test]
fn no_text_makes_the_parser_panic() {
    let pieces = [
        "proc.name",
        "proc.aname[2]",
        "proc.pid",
        "fs.path.name",
        "and",
        "or",
        "not",
        "(",
        ")",
        ",",
        "=",
        "!=",
        "<=",
        ">",
        "in",
        "regex",
        "glob",
        "pmatch",
        "exists",
        "contains",
        "\"a\\x00\"",
        "'",
        "\"",
        "\\",
        "[",
        "]",
        "*",
        "/tmp",
        "42",
        "-1",
        "0x",
        "é",
        "\u{1f426}",
        "!",
        "==",
        "\n",
        "true",
        "0o7",
        "",
    ];
    let mut random = 0x2545_f491_4f6c_dd1du64;
    let mut parsed = 0;
    for _ in 0..200_000 {
        let mut text = String::new();
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let mut bits = random;
        for _ in 0..1 + bits % 7 {
            bits /= 7;
            text.push_str(pieces[bits as usize % pieces.len()]);
            text.push_str(if bits.is_multiple_of(5) { "" } else { " " });
            bits = bits.rotate_right(11) ^ random;
        }
        match Predicate::parse(&text, Kinds::ALL) {
            Ok(_) => parsed += 1,
            Err(error) => assert!(
                error.offset <= text.len() && text.is_char_boundary(error.offset),
                "{text:?}: {error}"
            ),
        }
    }
    assert!(parsed > 100, "{parsed} of the texts were predicates");
}

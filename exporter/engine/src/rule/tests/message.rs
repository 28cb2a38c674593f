use super::*;

#[test]
fn a_message_is_filled_in_from_the_event() {
    let rule = with(process_rule("rule", BinExecution), |rule| {
        rule.common.message =
            Some("{{{proc.exepath}}} as {proc.cmdline}, mode {proc.exe.mode}, suid {proc.is_setuid}, tty {proc.tty}, by {proc.aname}".into());
    });
    let mut bench = Bench::new(vec![rule], vec![]);
    assert_eq!(
        bench.message(shell().exec(800, "/tmp/x", &["x", "a\n\x1b[31mb", "--password=hunter2"])),
        "{/tmp/x} as x a\\n\\u{1b}[31mb --password=[redacted], mode 0100755, suid false, tty ?, by bash, systemd"
    );
    for (text, offset) in [("a {proc.pid", 2), ("a } b", 2), ("{}", 1), ("{proc.aname[x]}", 11)] {
        let rule = with(process_rule("rule", BinExecution), |rule| {
            rule.common.message = Some(text.into())
        });
        let errors = RuleSet::compile(&Specs {
            process: vec![rule],
            ..Specs::default()
        })
        .unwrap_err();
        assert_eq!(
            (errors[0].key, errors[0].offset),
            ("message", Some(offset)),
            "{text}: {}",
            errors[0]
        );
    }
}

#[test]
fn a_rule_without_a_message_says_what_happened() {
    let rules = [BinExecution, RootEscalation, TerminationFailure]
        .map(|event| process_rule(&format!("{event:?}").to_lowercase(), event));
    let mut exec = Bench::new(vec![rules[0].clone()], vec![]);
    assert_eq!(
        exec.message(nobody().exec(800, "/tmp/x", &["x"])),
        "/tmp/x was executed by bash[700] as uid 65534"
    );
    assert_eq!(
        exec.message(shell().exec_failure(800, "/tmp/x", 13)),
        "/tmp/x could not be executed by bash[800] (root): EACCES"
    );
    let mut root = Bench::new(vec![rules[1].clone()], vec![]);
    let to_root = |credentials: &mut crate::event::Credentials| credentials.euid = 0;
    for (source, text) in [
        (
            nobody().exec_setuid_root(800, "/usr/bin/su"),
            "su[800] became root from uid 65534 by executing /usr/bin/su",
        ),
        (
            nobody().credentials(800, true, to_root),
            "bash[800] became root from uid 65534",
        ),
        (
            nobody().credentials(800, false, to_root),
            "bash[800] became root from uid 65534 without a system call",
        ),
        (
            nobody().credentials_failure(800, 1),
            "bash[800] was refused to become root from uid 65534: EPERM",
        ),
    ] {
        assert_eq!(root.message(source), text);
    }
    let mut end = Bench::new(vec![rules[2].clone()], vec![]);
    assert_eq!(
        end.message(shell().exit(800, 3)),
        "/bin/bash[800] (root) ended with code 3"
    );
    assert_eq!(
        end.message(shell().kill(800, 11)),
        "/bin/bash[800] (root) ended by SIGSEGV"
    );
    let mut file = Bench::new(vec![], vec![watch("etc", "/etc")]);
    let to = |target: &'static str| move |file: &mut crate::event::FileEvent| file.target = Value::Known(target.into());
    for (source, text) in [
        (
            shell().file(800, FileOp::Write, "/etc/shadow"),
            "/etc/shadow was written by bash[800] (root)",
        ),
        (
            shell().file_failure(800, FileOp::Delete, "/etc/x", 30),
            "/etc/x could not be deleted by bash[800] (root): EROFS",
        ),
        (
            shell().file_with(800, FileOp::Rename, "/etc/a", to("/tmp/a")),
            "/etc/a was renamed to /tmp/a by bash[800] (root)",
        ),
        (
            shell().file_with(800, FileOp::Rename, "/tmp/a", to("/etc/a")),
            "/etc/a was renamed from /tmp/a by bash[800] (root)",
        ),
    ] {
        assert_eq!(file.message(source), text);
    }
    assert_eq!(
        file.message(Synthetic::new().file(42, FileOp::Read, "/etc/x")),
        "/etc/x was read by process 42"
    );
}

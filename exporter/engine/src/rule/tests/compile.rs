use super::*;

#[test]
fn a_disabled_rule_is_listed_and_never_matches() {
    let rule = with(process_rule("off", BinExecution), |rule| rule.common.enabled = false);
    let watch = watching(watch("off-too", "/etc"), |watch| watch.common.enabled = false);
    let mut bench = Bench::new(vec![rule], vec![watch]);
    assert_eq!(bench.set.rules().len(), 2);
    assert!(bench.set.rules().iter().all(|info| !info.enabled));
    assert!(bench.run(shell().exec(800, "/bin/x", &["x"])).is_empty());
    assert!(bench.run(shell().file(800, FileOp::Write, "/etc/x")).is_empty());
    assert_eq!(
        bench.set.interest(3),
        Interest {
            generation: 3,
            ..Interest::default()
        }
    );
}

#[test]
fn interest_is_what_the_enabled_rules_need() {
    let interest = |process, watches| Bench::new(process, watches).set.interest(9);
    let success = |rule| with(rule, |rule| rule.failure_severity = None);
    let exec = interest(vec![success(process_rule("a", BinExecution))], vec![]);
    assert_eq!(
        (exec.process, exec.exec_failures, exec.credentials, exec.generation),
        (true, false, false, 9)
    );
    assert!(interest(vec![process_rule("a", BinExecution)], vec![]).exec_failures);
    assert!(interest(vec![process_rule("a", RootEscalation)], vec![]).credentials);
    let flat = watching(watch("etc", "/etc"), |watch| {
        (watch.recursive, watch.on, watch.access) = (false, Outcome::Failure, vec![FileOp::Write]);
    });
    let interest = interest(vec![], vec![flat]);
    assert!(!interest.process);
    let point = &interest.watches[0];
    assert_eq!(
        (&*point.id, point.path.as_slice(), point.recursive),
        ("etc", b"/etc".as_slice(), false)
    );
    assert!(point.access.contains(FileOp::Write) && !point.access.contains(FileOp::Read));
    assert_eq!((point.success, point.failure), (false, true));
}

#[test]
fn every_error_is_told_with_its_key() {
    let bad = with(process_rule("Bad Id", BinExecution), |rule| {
        rule.common.when = Some("proc.name = ".into());
        rule.common.except = Some("fs.path.name = /x".into());
        rule.common.message = Some("{proc.nam} ran".into());
        rule.skip_paths = vec!["tmp".into()];
        rule.skip_commands = vec!["/bin/make".into()];
        rule.common.enabled = false;
    });
    let failure = with(process_rule("score.x", BinExecution), |rule| {
        rule.success_severity = None;
        rule.common.when = Some("proc.is_setuid = true".into());
    });
    let twin = watching(watch("score.x", "etc/"), |watch| {
        watch.access = vec![];
        watch.exclude = vec!["a/b".into(), "[".into()];
    });
    let specs = Specs {
        process: vec![bad, failure],
        watches: vec![twin],
        ..Specs::default()
    };
    let errors = RuleSet::compile(&specs).unwrap_err();
    let told: Vec<_> = errors
        .iter()
        .map(|error| (error.rule.as_str(), error.key, error.offset))
        .collect();
    assert_eq!(
        told,
        [
            ("Bad Id", "id", None),
            ("Bad Id", "message", Some(1)),
            ("Bad Id", "when", Some(12)),
            ("Bad Id", "except", Some(0)),
            ("Bad Id", "skip_paths", None),
            ("Bad Id", "skip_commands", None),
            ("score.x", "id", None),
            ("score.x", "when", Some(0)),
            ("score.x", "id", None),
            ("score.x", "id", None),
            ("score.x", "path", None),
            ("score.x", "access", None),
            ("score.x", "exclude", None),
            ("score.x", "exclude", None),
        ],
    );
    assert!(
        errors
            .iter()
            .all(|error| !error.help.is_empty() && !error.message.is_empty())
    );
    assert!(errors[1].help.contains("proc.name"), "{}", errors[1]);
    assert!(errors[7].message.contains("exec events only"), "{}", errors[7]);
    assert!(errors[10].help.contains("\"/etc\""), "{}", errors[10]);
}

/// The index must never lose a match: every rule alone and all of them together find the same.
#[test]
fn rules_together_match_as_each_alone() {
    let whens = [
        "proc.name = x",
        "proc.name in (x, y)",
        "proc.exepath pmatch (/tmp, /usr/bin/x)",
        "proc.exepath pmatch /tmp and proc.name = y",
        "proc.name = y or proc.exepath = /tmp/x",
        "proc.pname = bash",
        "not proc.name = x",
        "user.uid = 0",
        "proc.exepath startswith /tmp and not proc.name in (z)",
        "proc.exepath pmatch / or proc.name = q",
        "evt.arg.filename = /tmp/x",
        "proc.arg = x",
    ];
    let rules: Vec<_> = whens
        .iter()
        .enumerate()
        .map(|(index, when)| {
            with(process_rule(&format!("r{index}"), BinExecution), |rule| {
                rule.common.when = Some((*when).into())
            })
        })
        .collect();
    let mut together = Bench::new(rules.clone(), vec![]);
    let mut seen = 0;
    for path in ["/tmp/x", "/tmp/y", "/usr/bin/x", "/usr/bin/z", "/tmp/z", "/x"] {
        let source = || {
            let mut source = shell();
            source.exec(800, path, &["x"]);
            source
        };
        let alone: Vec<String> = rules
            .iter()
            .flat_map(|rule| Bench::new(vec![rule.clone()], vec![]).run(&mut source()))
            .collect();
        assert_eq!(together.run(&mut source()), alone, "{path}");
        seen += alone.len();
    }
    assert!(seen > 30);
}

use super::*;

#[test]
fn an_execution_matches_by_where_the_executable_is() {
    let tmp = with(process_rule("tmp", BinExecution), |rule| {
        rule.common.when = Some("proc.exepath pmatch (\"/tmp\", \"/dev/shm\")".into());
    });
    let mut bench = Bench::new(vec![tmp], vec![]);
    assert_eq!(bench.run(shell().exec(800, "/tmp/true", &["true"])), ["tmp"]);
    let finding = bench.finding();
    assert_eq!(
        (finding.severity, finding.points, finding.result),
        (Severity::High, 60, ActionResult::Success)
    );
    assert_eq!(
        (finding.event, &*finding.object),
        ("process.exec", b"/tmp/true".as_slice())
    );
    assert!(bench.run(shell().exec(800, "/usr/bin/true", &["/tmp/true"])).is_empty());
    assert!(bench.run(shell().exec(800, "/tmpfiles", &["true"])).is_empty());
    assert!(bench.run(shell().exit(800, 1)).is_empty());
}

#[test]
fn a_refused_execution_has_its_own_severity() {
    let both = process_rule("both", BinExecution);
    let success = with(process_rule("success", BinExecution), |rule| {
        rule.failure_severity = None
    });
    let failure = with(process_rule("failure", BinExecution), |rule| {
        rule.success_severity = None;
        rule.common.points = Some(7);
    });
    let mut bench = Bench::new(vec![both, success, failure], vec![]);
    assert_eq!(bench.run(shell().exec(800, "/bin/x", &["x"])), ["both", "success"]);
    assert_eq!(bench.run(shell().exec_failure(800, "/bin/y", 13)), ["both", "failure"]);
    let findings = &bench.matches.findings;
    assert_eq!((findings[0].severity, findings[0].points), (Severity::Low, 10));
    assert_eq!((findings[1].points, findings[1].result), (7, ActionResult::Failure));
    assert_eq!(&*findings[1].object, b"/bin/y");
}

#[test]
fn root_from_not_root_is_one_escalation_however_it_came() {
    let mut bench = Bench::new(vec![process_rule("root", RootEscalation)], vec![]);
    assert_eq!(bench.run(nobody().exec_setuid_root(800, "/usr/bin/sudo")), ["root"]);
    assert_eq!(bench.finding().event, "process.escalation");
    assert_eq!(
        bench.run(nobody().credentials(800, true, |credentials| credentials.euid = 0)),
        ["root"]
    );
    assert!(
        bench.run(shell().exec_setuid_root(800, "/usr/bin/sudo")).is_empty(),
        "it was root before"
    );
    assert!(bench.run(nobody().exec(800, "/bin/id", &["id"])).is_empty());
    assert!(
        bench
            .run(shell().credentials(800, true, |credentials| credentials.euid = 1000))
            .is_empty()
    );
    assert!(
        bench
            .run(nobody().credentials(800, true, |credentials| credentials.uid = 0))
            .is_empty(),
        "euid counts"
    );
    assert_eq!(bench.run(nobody().credentials_failure(800, 1)), ["root"]);
    assert_eq!(
        (bench.finding().severity, bench.finding().result),
        (Severity::Low, ActionResult::Failure)
    );
}

#[test]
fn faults_and_bad_codes_are_failures_and_other_ends_are_none() {
    let any = process_rule("any", TerminationFailure);
    let fault = with(process_rule("fault", TerminationFailure), |rule| {
        rule.common.when = Some("proc.exit.signal exists".into());
        (rule.success_severity, rule.failure_severity) = (Some(Severity::Medium), None);
    });
    let mut bench = Bench::new(vec![any, fault], vec![]);
    assert_eq!(bench.run(shell().kill(800, 11)), ["any", "fault"]);
    assert_eq!(
        bench.matches.findings[1].severity,
        Severity::Medium,
        "either key gives the severity"
    );
    assert_eq!(bench.matches.findings[0].result, ActionResult::Failure);
    assert_eq!(bench.run(shell().exit(800, 3)), ["any"]);
    for end in [9, 15, 2, 13] {
        assert!(bench.run(shell().kill(800, end)).is_empty(), "signal {end}");
    }
    assert!(bench.run(shell().exit(800, 0)).is_empty());
}

#[test]
fn skips_compare_the_resolved_executable_and_are_counted() {
    let by_path = with(process_rule("by-path", BinExecution), |rule| {
        rule.skip_paths = vec!["/tmp/build".into()]
    });
    let by_command = with(process_rule("by-command", BinExecution), |rule| {
        rule.skip_commands = vec!["make".into()]
    });
    let never = with(process_rule("never", BinExecution), |rule| {
        rule.skip_paths = vec!["/tmp/build".into()];
        rule.common.when = Some("proc.name = other".into());
    });
    let mut bench = Bench::new(vec![by_path, by_command, never], vec![]);
    assert_eq!(
        bench.run(shell().exec(800, "/tmp/build/cc", &["x"])),
        ["by-command", "-by-path"],
        "only what matched is skipped"
    );
    assert_eq!(
        bench.run(shell().exec(800, "/tmp/build", &["x"])),
        ["by-command", "-by-path"]
    );
    assert_eq!(
        bench.run(shell().exec(800, "/tmp/builder", &["x"])),
        ["by-path", "by-command"]
    );
    assert_eq!(
        bench.run(shell().exec(800, "/usr/bin/make", &["x"])),
        ["by-path", "-by-command"]
    );
    assert_eq!(
        bench.run(shell().exec(800, "/usr/bin/cc", &["/tmp/build/make"])),
        ["by-path", "by-command"],
        "not argv[0]"
    );
    let partial = |exec: &mut crate::event::Exec| exec.snapshot.executable = Value::Partial("/tmp/build/cc".into());
    let mut source = shell();
    assert_eq!(
        bench.run(source.exec_with(800, "/x", &["x"], partial)),
        ["by-path", "by-command"],
        "a part is not enough"
    );
}

#[test]
fn nothing_skips_credentials_that_changed_without_a_call() {
    let rule = with(process_rule("root", RootEscalation), |rule| {
        rule.skip_paths = vec!["/".into()];
        rule.skip_commands = vec!["bash".into()];
    });
    let mut bench = Bench::new(vec![rule], vec![]);
    assert_eq!(
        bench.run(nobody().credentials(800, true, |credentials| credentials.euid = 0)),
        ["-root"]
    );
    assert_eq!(
        bench.run(nobody().credentials(800, false, |credentials| credentials.euid = 0)),
        ["root"]
    );
}

#[test]
fn when_and_except_narrow_a_rule() {
    let rule = with(process_rule("rule", BinExecution), |rule| {
        rule.common.when = Some("proc.pname = bash".into());
        rule.common.except = Some("proc.arg = --quiet or proc.tty = pts0".into());
    });
    let mut bench = Bench::new(vec![rule], vec![]);
    assert_eq!(bench.run(shell().exec(800, "/bin/x", &["x"])), ["rule"]);
    assert!(bench.run(shell().exec(800, "/bin/x", &["x", "--quiet"])).is_empty());
    assert!(bench.run(shell().exec(700, "/bin/x", &["x"])).is_empty());
}

use super::*;
use crate::{
    alert::ActionResult,
    event::{FileOp, Value},
    process::Limits,
    spec::{AlertMode, Common, FileWatch, Outcome, ProcessRule, Severity},
    synthetic::Synthetic,
};

fn common(id: &str) -> Common {
    Common {
        id: id.into(),
        enabled: true,
        points: None,
        message: None,
        tags: vec![],
        when: None,
        except: None,
        alert: AlertMode::Each,
        ruleset: "local".into(),
    }
}

fn process_rule(id: &str, event: ProcessRuleEvent) -> ProcessRule {
    ProcessRule {
        common: common(id),
        event,
        success_severity: Some(Severity::High),
        failure_severity: Some(Severity::Low),
        skip_paths: vec![],
        skip_commands: vec![],
    }
}

fn watch(id: &str, path: &str) -> FileWatch {
    FileWatch {
        common: common(id),
        path: path.into(),
        recursive: true,
        access: FileOp::ALL.to_vec(),
        exclude: vec![],
        severity: Severity::Medium,
        on: Outcome::Any,
        skip_paths: vec![],
    }
}

fn with(mut rule: ProcessRule, change: impl FnOnce(&mut ProcessRule)) -> ProcessRule {
    change(&mut rule);
    rule
}

fn watching(mut rule: FileWatch, change: impl FnOnce(&mut FileWatch)) -> FileWatch {
    change(&mut rule);
    rule
}

/// A rule set and the process table that goes with a stream.
struct Bench {
    set: RuleSet,
    table: Table,
    matches: Matches,
}

impl Bench {
    fn new(process: Vec<ProcessRule>, watches: Vec<FileWatch>) -> Bench {
        let set = RuleSet::compile(&Specs {
            process,
            watches,
            ..Specs::default()
        })
        .unwrap();
        Bench {
            set,
            table: Table::new(Limits::default()),
            matches: Matches::default(),
        }
    }

    /// The events of a source; a new source begins with a snapshot of pid 1 and gets a table of its own.
    fn take(&mut self, source: &mut Synthetic) -> Vec<Event> {
        let events = source.take();
        if matches!(events[0].body, Body::Snapshot(_)) {
            self.table = Table::new(Limits::default());
        }
        events
    }

    /// Ids of the rules that match the last of the events; skipped ones with a minus.
    fn run(&mut self, source: &mut Synthetic) -> Vec<String> {
        for event in self.take(source) {
            self.table.update(&event);
            self.set.evaluate(&event, &self.table, &mut self.matches);
        }
        let name = |id: RuleId| self.set.rules()[id.index()].id.clone();
        let found = self.matches.findings.iter().map(|finding| name(finding.rule));
        found
            .chain(self.matches.skipped.iter().map(|id| format!("-{}", name(*id))))
            .collect()
    }

    fn finding(&self) -> &Finding {
        assert_eq!(self.matches.findings.len(), 1, "{:?}", self.matches.findings);
        &self.matches.findings[0]
    }

    fn message(&mut self, source: &mut Synthetic) -> String {
        let events = self.take(source);
        events.iter().for_each(|event| self.table.update(event));
        let last = &events[events.len() - 1];
        self.set.evaluate(last, &self.table, &mut self.matches);
        self.set.message(self.finding(), last, &self.table)
    }
}

fn shell() -> Synthetic {
    let mut source = Synthetic::new();
    source
        .snapshot(1, 0, "/usr/lib/systemd/systemd")
        .fork(1, 700)
        .exec(700, "/bin/bash", &["bash"])
        .fork(700, 800);
    source
}

/// The same as somebody who is not root.
fn nobody() -> Synthetic {
    let mut source = shell();
    source.change(800, |snapshot| {
        let credentials = &mut snapshot.credentials;
        (credentials.uid, credentials.euid, credentials.suid, credentials.fsuid) = (65534, 65534, 65534, 65534);
    });
    source
}

use ProcessRuleEvent::{BinExecution, RootEscalation, TerminationFailure};

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
fn watches_match_by_component_and_depth() {
    let flat = watching(watch("flat", "/srv"), |watch| watch.recursive = false);
    let mut bench = Bench::new(vec![], vec![watch("etc", "/etc"), flat, watch("ssh", "/etc/ssh")]);
    let mut at = |path: &str| bench.run(shell().file(800, FileOp::Write, path)).join(" ");
    assert_eq!(at("/etc/passwd"), "etc");
    assert_eq!(at("/etc"), "etc");
    assert_eq!(at("/etcetera/x"), "");
    assert_eq!(at("/etc/ssh/keys/a"), "etc ssh");
    assert_eq!(at("/srv"), "flat");
    assert_eq!(at("/srv/a"), "flat");
    assert_eq!(at("/srv/a/b"), "");
    assert_eq!(at("/"), "");
}

#[test]
fn a_watch_on_the_root_covers_everything() {
    let flat = watching(watch("flat", "/"), |watch| watch.recursive = false);
    let mut bench = Bench::new(vec![], vec![watch("all", "/"), flat]);
    assert_eq!(bench.run(shell().file(800, FileOp::Write, "/a/b")), ["all"]);
    assert_eq!(bench.run(shell().file(800, FileOp::Write, "/a")), ["all", "flat"]);
}

#[test]
fn the_kernels_hits_are_believed() {
    let mut bench = Bench::new(vec![], vec![watch("etc", "/etc"), watch("srv", "/srv")]);
    let hit = |ids: &'static [&'static str]| {
        move |file: &mut crate::event::FileEvent| file.hits = Some(ids.iter().map(|id| (*id).into()).collect())
    };
    assert_eq!(
        bench.run(shell().file_with(800, FileOp::Write, "/tmp/hardlink", hit(&["etc"]))),
        ["etc"]
    );
    assert_eq!(&*bench.finding().object, b"/tmp/hardlink");
    assert_eq!(
        bench.run(shell().file_with(800, FileOp::Write, "/etc/x", hit(&["srv", "etc"]))),
        ["etc", "srv"]
    );
    assert!(
        bench
            .run(shell().file_with(800, FileOp::Write, "/etc/x", hit(&[])))
            .is_empty(),
        "hit none"
    );
    assert!(
        bench
            .run(shell().file_with(800, FileOp::Write, "/etc/x", hit(&["gone"])))
            .is_empty(),
        "removed by a reload"
    );
    let nameless =
        |file: &mut crate::event::FileEvent| (file.path, file.hits) = (Value::Missing, Some(vec!["etc".into()]));
    assert_eq!(bench.run(shell().file_with(800, FileOp::Write, "", nameless)), ["etc"]);
}

#[test]
fn a_rename_or_hard_link_matches_by_either_end() {
    let mut bench = Bench::new(vec![], vec![watch("etc", "/etc")]);
    let to = |target: &'static str| move |file: &mut crate::event::FileEvent| file.target = Value::Known(target.into());
    assert_eq!(
        bench.run(shell().file_with(800, FileOp::Rename, "/etc/a", to("/tmp/a"))),
        ["etc"]
    );
    assert_eq!(&*bench.finding().object, b"/etc/a");
    assert_eq!(
        bench.run(shell().file_with(800, FileOp::Rename, "/tmp/a", to("/etc/a"))),
        ["etc"]
    );
    assert_eq!(&*bench.finding().object, b"/etc/a");
    assert_eq!(
        bench.run(shell().file_with(800, FileOp::Rename, "/etc/b", to("/etc/a"))),
        ["etc"],
        "once"
    );
    assert_eq!(
        bench.run(shell().file_with(800, FileOp::Create, "/tmp/link", to("/etc/passwd"))),
        ["etc"]
    );
    let symlink =
        |file: &mut crate::event::FileEvent| (file.target, file.mode) = (Value::Known("/etc/passwd".into()), 0o120777);
    assert!(
        bench
            .run(shell().file_with(800, FileOp::Create, "/tmp/link", symlink))
            .is_empty(),
        "only its text"
    );
}

#[test]
fn access_and_outcome_choose_operations() {
    let changes = watching(watch("changes", "/etc"), |watch| {
        watch.access = vec![FileOp::Write, FileOp::Delete]
    });
    let refused = watching(watch("refused", "/etc"), |watch| watch.on = Outcome::Failure);
    let done = watching(watch("done", "/etc"), |watch| watch.on = Outcome::Success);
    let mut bench = Bench::new(vec![], vec![changes, refused, done]);
    assert_eq!(
        bench.run(shell().file(800, FileOp::Write, "/etc/x")),
        ["changes", "done"]
    );
    assert_eq!(bench.run(shell().file(800, FileOp::Read, "/etc/x")), ["done"]);
    assert_eq!(
        bench.run(shell().file_failure(800, FileOp::Delete, "/etc/x", 13)),
        ["changes", "refused"]
    );
    assert_eq!(bench.matches.findings[0].result, ActionResult::Failure);
    assert_eq!(bench.matches.findings[0].event, "file.delete");
    let infos = bench.set.rules();
    assert_eq!(
        (infos[1].success_severity, infos[1].failure_severity),
        (None, Some(Severity::Medium))
    );
    assert_eq!(
        (infos[2].success_severity, infos[2].failure_severity),
        (Some(Severity::Medium), None)
    );
}

#[test]
fn excludes_are_paths_with_what_is_below_names_and_globs_of_paths() {
    let rule = watching(watch("etc", "/etc"), |watch| {
        watch.exclude = ["/etc/mtab", "*.swp", "4913", "/etc/*.d/*.tmp"]
            .map(Into::into)
            .to_vec();
    });
    let mut bench = Bench::new(vec![], vec![rule]);
    for path in [
        "/etc/mtab",
        "/etc/mtab/x",
        "/etc/a/.passwd.swp",
        "/etc/4913",
        "/etc/cron.d/a.tmp",
    ] {
        assert!(bench.run(shell().file(800, FileOp::Write, path)).is_empty(), "{path}");
    }
    for path in ["/etc/mtab2", "/etc/x.swp/passwd", "/etc/49130", "/etc/a.tmp"] {
        assert_eq!(bench.run(shell().file(800, FileOp::Write, path)), ["etc"], "{path}");
    }
    let to = |target: &'static str| move |file: &mut crate::event::FileEvent| file.target = Value::Known(target.into());
    assert_eq!(
        bench.run(shell().file_with(800, FileOp::Rename, "/etc/x.swp", to("/etc/passwd"))),
        ["etc"],
        "the other end"
    );
    assert!(
        bench
            .run(shell().file_with(800, FileOp::Rename, "/etc/x.swp", to("/tmp/y")))
            .is_empty()
    );
    let hit = |file: &mut crate::event::FileEvent| file.hits = Some(vec!["etc".into()]);
    assert!(
        bench
            .run(shell().file_with(800, FileOp::Write, "/etc/mtab", hit))
            .is_empty()
    );
}

#[test]
fn a_watch_skips_programs_and_their_descendants() {
    let rule = watching(watch("etc", "/etc"), |watch| {
        watch.skip_paths = vec!["/usr/bin/dpkg".into()]
    });
    let mut bench = Bench::new(vec![], vec![rule]);
    let mut source = shell();
    assert_eq!(
        bench.run(
            source
                .exec(800, "/usr/bin/dpkg", &["dpkg"])
                .file(800, FileOp::Write, "/etc/x")
        ),
        ["-etc"]
    );
    source
        .fork(800, 801)
        .exec(801, "/bin/sh", &["sh"])
        .fork(801, 802)
        .exec(802, "/bin/cp", &["cp"]);
    assert_eq!(bench.run(source.file(802, FileOp::Write, "/etc/x")), ["-etc"]);
    assert_eq!(
        bench.run(source.exit(800, 0).file(802, FileOp::Write, "/etc/x")),
        ["-etc"],
        "by original parent"
    );
    assert_eq!(bench.run(source.file(700, FileOp::Write, "/etc/x")), ["etc"]);
    let mut impostor = shell();
    impostor.exec(800, "/tmp/dpkg", &["/usr/bin/dpkg"]);
    assert_eq!(bench.run(impostor.file(800, FileOp::Write, "/etc/x")), ["etc"]);
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

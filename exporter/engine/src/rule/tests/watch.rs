use super::*;

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

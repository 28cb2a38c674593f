//! Which series are active, and what silences make of that.

use super::*;

#[test]
fn a_series_is_active_for_a_while_and_silences_are_asked_anew() {
    let mut run = Run::new(etc_and_tmp());
    let mut stream = shell();
    stream.wait(1.0).file(10, FileOp::Write, "/etc/a");
    run.observe(&stream.take());
    let now = stream.now();
    let zero_born = run
        .engine
        .active(now)
        .filter(|state| &*state.series.rule == "tmp")
        .collect::<Vec<_>>();
    assert_eq!(
        (zero_born.len(), zero_born[0].active, zero_born[0].last),
        (1, false, None)
    );
    assert!(active(&run, "etc", now) && active(&run, "etc", after(now, 298)));
    assert!(!active(&run, "etc", after(now, 301)));

    // Other details, then these.
    mask(&mut run, &[("rule", "etc"), ("path", "/etc/b")]);
    assert!(active(&run, "etc", now));
    mask_with(
        &mut run,
        vec![silence(
            &[("rule", "etc"), ("path", "/etc/a")],
            BootTime(0),
            after(now, 100),
        )],
        &MaskSettings::default(),
    );
    assert!(!active(&run, "etc", now) && !active(&run, "etc", after(now, 99)));
    // It ends while the match is still held.
    assert!(active(&run, "etc", after(now, 101)));
    // A match that was masked when it came is not held.
    stream.wait(50.0).file(10, FileOp::Write, "/etc/a");
    run.observe(&stream.take());
    assert!(!active(&run, "etc", after(now, 301)));
    let last = run
        .engine
        .active(now)
        .find(|state| &*state.series.rule == "etc")
        .and_then(|state| state.last);
    assert!(last.is_some_and(|last| last <= now));
}

#[test]
fn more_details_than_are_kept_stay_active_under_a_silence_on_details() {
    let mut run = Run::new(etc_and_tmp());
    let mut stream = shell();
    for number in 0..=MAX_DETAILS {
        stream.file(10, FileOp::Write, &format!("/etc/{number}"));
    }
    run.observe(&stream.take());
    let by_path = |number: usize| {
        silence(
            &[("rule", "etc"), ("path", &format!("/etc/{number}"))],
            BootTime(0),
            END,
        )
    };
    mask_with(
        &mut run,
        (0..=MAX_DETAILS).map(by_path).collect(),
        &MaskSettings::default(),
    );
    assert!(active(&run, "etc", stream.now()));
    mask(&mut run, &[("rule", "etc")]);
    assert!(!active(&run, "etc", stream.now()));
}

#[test]
fn a_state_of_an_earlier_run_is_taken_over() {
    let mut run = Run::new(etc_and_tmp());
    let series = AlertSeries {
        rule: Arc::from("etc"),
        severity: Severity::High,
        sensor: Sensor::File,
    };
    run.engine.restore_active(series, BootTime(5 * SECOND));
    assert!(active(&run, "etc", BootTime(6 * SECOND)) && !active(&run, "etc", BootTime(306 * SECOND)));
    mask(&mut run, &[("rule", "etc"), ("path", "/etc/a")]);
    assert!(active(&run, "etc", BootTime(6 * SECOND)), "its details are not known");
}

#[test]
fn a_reload_keeps_the_silences() {
    let mut run = Run::new(etc_and_tmp());
    mask(&mut run, &[("rule", "new")]);
    let specs = Specs {
        watches: vec![watch("new", "/new", Severity::High)],
        ..Specs::default()
    };
    let rules = Arc::new(RuleSet::compile(&specs).expect("right"));
    run.engine.reload(rules, Settings::default());
    let mut stream = shell();
    stream.file(10, FileOp::Write, "/new/a");
    let alerts = run.observe(&stream.take()).take();
    assert!(alerts.iter().all(|alert| alert.masked.is_some()) && alerts.len() == 1);
}

//! What a scrape says, judged by Prometheus's own tool.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    process::{Command, Stdio},
    time::UNIX_EPOCH,
};

use lapwing_engine::{event::Sensor, spec::Severity};

use super::{
    snapshot::{
        AlertCount, AlertRef, EventCount, HookInfo, IncompleteCount, KernelTableSize, LossCount, NetworkTotals,
        ProgramCount, QueueDepth, RuleCount, ScoreMax, SensorInfo, SensorState, Silences, TableSize,
    },
    *,
};
use crate::unwatched::{End, Unwatched};

fn rule(id: &str, matches: u64) -> RuleCount {
    RuleCount {
        id: id.into(),
        ruleset: "default".into(),
        matches,
        skipped: 1,
        masked: 0,
        evaluation: 500_000_000 * matches,
    }
}

fn alerts(rule: &str, count: u64) -> AlertCount {
    AlertCount {
        rule: rule.into(),
        severity: Severity::High,
        sensor: Sensor::File,
        count,
        masked: 2 * count,
        active: count == 7,
        last: count as f64,
        exemplar: (count > 0).then(|| AlertRef {
            id: format!("id-{count}").into(),
            at: UNIX_EPOCH + Duration::from_secs(count),
        }),
    }
}

fn full() -> Snapshot {
    Snapshot {
        events: vec![EventCount {
            sensor: Sensor::Process,
            kind: "exec",
            count: 5,
        }],
        losses: vec![LossCount {
            sensor: Sensor::File,
            stage: "ring_full",
            count: 2,
        }],
        self_excluded: 3,
        rules: vec![rule("etc", 4), rule("tmp", 0), rule("shm", 10), rule("dev", 20)],
        alerts: vec![
            alerts("etc", 1),
            alerts("tmp", 0),
            alerts("shm", 7),
            alerts("dev", 8),
            alerts("score.lineage", 1),
        ],
        folded: 9,
        scores: vec![ScoreMax {
            subject_kind: "lineage",
            points: 12.5,
        }],
        silences: Silences {
            peers: 2,
            active: 3,
            refused: vec![("regex", 1), ("unknown_label", 4)],
            polls: 8,
            poll_failures: 9,
            last_poll: 1.5,
            poll_seconds: 0.25,
            ..Silences::default()
        },
        unwatched: Some(Unwatched {
            seconds: 12.5,
            uncertain_seconds: 10.0,
            from: "2026-11-21T16:00:00Z".into(),
            until: "2026-11-21T16:00:12.5Z".into(),
            end: End::Killed,
            reboot: false,
        }),
        ended_late: 2,
        late: 1,
        incomplete: vec![IncompleteCount {
            reason: "path_unresolved",
            count: 6,
        }],
        queues: vec![QueueDepth {
            name: "events",
            length: 1,
            capacity: 10,
        }],
        tables: vec![TableSize {
            name: "processes",
            entries: 2,
            capacity: 20,
            evicted: 3,
        }],
        kernel_tables: vec![KernelTableSize {
            name: "connections",
            entries: 3,
            capacity: 30,
        }],
        unattached: 1,
        network: NetworkTotals {
            bytes: vec![("read", 100), ("missing", 5)],
            messages: vec![("request", 3)],
            tls_objects: 2,
        },
        sensors: vec![SensorInfo {
            sensor: Sensor::File,
            state: SensorState::Degraded,
            flavours: vec!["syscall"],
        }],
        hooks: vec![HookInfo {
            sensor: Sensor::File,
            hook: "open".into(),
            flavour: "syscall",
            state: "attached",
        }],
        programs: vec![ProgramCount {
            name: "lw_open".into(),
            runs: 7,
            nanoseconds: 1_500_000_000,
            recursion_misses: 1,
        }],
        alertmanager: crate::alertmanager::PollState::default(),
        map_memory: 4096,
    }
}

fn metrics(max_rules: usize) -> Metrics {
    let metrics = Metrics::new(max_rules);
    metrics.publish(full());
    metrics.config_loaded(
        ConfigInfo {
            hash: "abc".into(),
            profile: "demo",
            rules_hash: "def".into(),
        },
        max_rules,
    );
    let output = metrics.output("json", 64);
    output.queued();
    output.queued();
    output.sent(1);
    output.observe_latency(0.02);
    metrics.show_log(Arc::new(AtomicU64::new(6)));
    metrics
}

#[test]
fn every_family_is_there() {
    let page = metrics(300).encode(Format::OpenMetrics);
    for line in [
        "lapwing_events_total{sensor=\"process\",kind=\"exec\"} 5",
        "lapwing_events_lost_total{sensor=\"file\",stage=\"ring_full\"} 2",
        "lapwing_events_self_total 3",
        "lapwing_rule_matches_total{rule=\"tmp\"} 0",
        "lapwing_rule_skipped_total{rule=\"etc\"} 1",
        "lapwing_alerts_total{rule=\"tmp\",severity=\"high\",sensor=\"file\"} 0",
        "lapwing_alerts_total{rule=\"score.lineage\",severity=\"high\",sensor=\"file\"} 1 # {alert_id=\"id-1\"} 1.0 1.0",
        "lapwing_alerts_masked_total{rule=\"etc\",severity=\"high\",sensor=\"file\"} 2",
        "lapwing_alerts_active{rule=\"shm\",severity=\"high\",sensor=\"file\"} 1",
        "lapwing_alerts_active{rule=\"tmp\",severity=\"high\",sensor=\"file\"} 0",
        "lapwing_alert_last_timestamp_seconds{rule=\"shm\",severity=\"high\",sensor=\"file\"} 7.0",
        "lapwing_alert_last_timestamp_seconds{rule=\"tmp\",severity=\"high\",sensor=\"file\"} 0.0",
        "lapwing_rule_evaluation_seconds_total{rule=\"dev\"} 10.0",
        "lapwing_rule_evaluation_seconds_total{rule=\"other\"} 0.0",
        "lapwing_score_max{subject_kind=\"lineage\"} 12.5",
        "lapwing_alertmanager_peers 2",
        "lapwing_silences{state=\"refused\"} 5",
        "lapwing_silences_refused{reason=\"regex\"} 1",
        "lapwing_silence_polls_total{result=\"failure\"} 9",
        "lapwing_sensor_state{sensor=\"file\",state=\"degraded\"} 1",
        "lapwing_sensor_state{sensor=\"file\",state=\"ok\"} 0",
        "lapwing_sensor_flavour{sensor=\"file\",flavour=\"syscall\"} 1",
        "lapwing_sensor_flavour{sensor=\"file\",flavour=\"function\"} 0",
        "lapwing_rules_info{hash=\"def\"} 1",
        "lapwing_rules_loaded 4",
        "lapwing_events_incomplete_total{reason=\"path_unresolved\"} 6",
        "lapwing_alerts_folded_total 9",
        "lapwing_queue_length{queue=\"events\"} 1",
        "lapwing_table_evictions_total{table=\"processes\"} 3",
        "lapwing_sensor_hook{sensor=\"file\",hook=\"open\",flavour=\"syscall\",state=\"attached\"} 1",
        "lapwing_bpf_program_runs_total{program=\"lw_open\"} 7",
        "lapwing_bpf_program_seconds_total{program=\"lw_open\"} 1.5",
        "lapwing_bpf_map_memory_bytes 4096",
        "lapwing_output_sent_total{output=\"json\"} 1",
        "lapwing_output_queue_length{output=\"json\"} 1",
        "lapwing_output_lost_total{output=\"json\",reason=\"queue_full\"} 0",
        "lapwing_alert_latency_seconds_count{output=\"json\"} 1",
        "lapwing_config_info{hash=\"abc\",profile=\"demo\"} 1",
        "lapwing_config_last_load_successful 1",
        "lapwing_log_lines_lost_total 6",
    ] {
        assert!(page.lines().any(|l| l == line), "missing: {line}\n{page}");
    }
    for family in [
        "process_cpu_seconds_total ",
        "process_resident_memory_bytes ",
        "lapwing_build_info{version=",
    ] {
        assert!(page.lines().any(|l| l.starts_with(family)), "missing: {family}\n{page}");
    }
}

#[test]
fn rules_past_the_bound_are_added_up_under_their_ruleset() {
    let page = metrics(2).encode(Format::OpenMetrics);
    let rules: Vec<_> = page
        .lines()
        .filter(|l| l.starts_with("lapwing_rule_matches_total{"))
        .collect();
    assert_eq!(
        rules,
        [
            "lapwing_rule_matches_total{rule=\"default\"} 30",
            "lapwing_rule_matches_total{rule=\"etc\"} 4",
            "lapwing_rule_matches_total{rule=\"tmp\"} 0",
        ]
    );
    assert!(
        page.contains("lapwing_alerts_total{rule=\"default\",severity=\"high\",sensor=\"file\"} 15 # {alert_id=\"id-8\"} 1.0 8.0\n"),
        "{page}"
    );
    assert!(page.contains("lapwing_alerts_total{rule=\"score.lineage\","));
}

/// Families and label names of a page, the suffixes of histograms taken off.
fn shown(page: &str) -> BTreeMap<String, Vec<String>> {
    let mut shown = BTreeMap::new();
    let mut histogram = "";
    for line in page.lines() {
        if let Some(family) = line.strip_prefix("# TYPE ") {
            histogram = family.strip_suffix(" histogram").unwrap_or("\0");
        }
        let Some((series, _)) = line.split_once(' ').filter(|_| !line.starts_with('#')) else {
            continue;
        };
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let name = if name.starts_with(histogram) { histogram } else { name };
        let labels = labels.split(',').filter_map(|label| label.split_once('='));
        let labels = labels.map(|(name, _)| name.to_owned()).filter(|name| name != "le");
        shown.insert(name.to_owned(), labels.collect());
    }
    shown
}

#[test]
fn a_page_shows_what_the_contract_has_and_nothing_else() {
    let definitions = || contract::SECTIONS.iter().flat_map(|section| section.families);
    let contract: BTreeMap<String, Vec<String>> = definitions()
        .map(|family| {
            let labels = family.labels.iter().map(|label| (*label).to_owned());
            (family.series(), labels.collect())
        })
        .collect();
    assert_eq!(contract.len(), definitions().count(), "each name is there once");
    let families: BTreeSet<_> = definitions().map(|family| family.name).collect();
    assert_eq!(
        families.len(),
        contract.len(),
        "also without the suffixes of OpenMetrics"
    );
    for format in [Format::OpenMetrics, Format::Classic] {
        assert_eq!(shown(&metrics(300).encode(format)), contract);
    }
}

#[test]
fn a_large_set_of_rules_gives_a_bounded_page() {
    let many = 25_000;
    let mut snapshot = full();
    snapshot.rules = (0..many)
        .map(|number| rule(&format!("rule-{number}"), number))
        .collect();
    snapshot.alerts = (0..many)
        .map(|number| alerts(&format!("rule-{number}"), number))
        .collect();
    let metrics = metrics(300);
    metrics.publish(snapshot);
    let started = Instant::now();
    let page = metrics.encode(Format::Classic);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(page.len() < 1 << 20, "{} bytes", page.len());
    let series = |family: &str| page.lines().filter(|l| l.starts_with(&format!("{family}{{"))).count();
    assert_eq!(series("lapwing_rule_matches_total"), 301);
    for family in [
        "lapwing_alerts_total",
        "lapwing_alerts_masked_total",
        "lapwing_alerts_active",
        "lapwing_alert_last_timestamp_seconds",
    ] {
        assert_eq!(series(family), 301, "{family}");
    }
    assert_eq!(series("lapwing_rule_evaluation_seconds_total"), 21);
    check(&page);
}

#[test]
fn a_refused_reload_is_seen() {
    let metrics = metrics(300);
    metrics.config_refused();
    let page = metrics.encode(Format::OpenMetrics);
    assert!(page.contains("lapwing_config_last_load_successful 0\n"));
    assert!(page.contains("lapwing_config_load_failures_total 1\n"));
    assert!(page.contains("lapwing_config_info{hash=\"abc\""));
}

#[test]
fn promtool_finds_nothing_to_complain_about() {
    for metrics in [metrics(300), Metrics::new(300)] {
        let page = metrics.encode(Format::Classic);
        check(&page);
    }
}

/// `promtool check metrics` has nothing to say.
fn check(page: &str) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is missing: run scripts/setup.sh test (Debian's package prometheus has it)");
    promtool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.trim().is_empty(), "{said}\n{page}");
}

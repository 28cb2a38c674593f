//! The example configuration of Alertmanager: read by amtool, its routes asked one by one, its inhibitions seen at work.

use std::{
    collections::BTreeMap,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    http::{get_json, post_json},
    servers::{PATIENCE, program},
    shipped,
    stack::Alertmanager,
};

fn amtool(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(program("amtool", "prometheus-alertmanager"))
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.success(), said)
}

fn config() -> String {
    shipped("alertmanager/alertmanager.example.yml").display().to_string()
}

#[test]
fn amtool_accepts_the_example() {
    let (accepted, said) = amtool(&["check-config", &config()]);
    assert!(accepted && said.contains("SUCCESS"), "{said}");
    assert!(
        said.contains("4 inhibit rules") && said.contains("8 receivers"),
        "{said}"
    );
}

#[test]
fn alerts_are_routed_by_severity_and_sensor() {
    for (receiver, labels) in [
        (
            "security-pager",
            "LapwingDetection severity=critical sensor=process lapwing_severity=critical",
        ),
        (
            "security-pager",
            "LapwingDetection severity=critical sensor=file lapwing_severity=critical",
        ),
        (
            "security-integrity",
            "LapwingDetection severity=warning sensor=file lapwing_severity=high",
        ),
        (
            "security-network",
            "LapwingDetection severity=warning sensor=network lapwing_severity=medium",
        ),
        (
            "security",
            "LapwingDetection severity=warning sensor=process lapwing_severity=high",
        ),
        (
            "security-digest",
            "LapwingDetection severity=info sensor=file lapwing_severity=low",
        ),
        ("operations-pager", "LapwingDown severity=critical"),
        ("operations-pager", "LapwingSensorSilent severity=critical sensor=file"),
        ("operations", "LapwingEventsLost severity=warning sensor=file"),
        (
            "operations-digest",
            "LapwingSensorLesserFlavour severity=info sensor=file",
        ),
        ("operations", "SomethingElse severity=critical"),
    ] {
        let config = config();
        let verify = format!("--verify.receivers={receiver}");
        let name = format!("alertname={labels}");
        let mut arguments = vec!["config", "routes", "test", "--config.file", &config, &verify];
        arguments.extend(name.split(' '));
        let (as_wanted, said) = amtool(&arguments);
        assert!(as_wanted, "{labels}: {said}");
    }
}

/// State of each alert in Alertmanager, by a label of the test's own.
fn states(alertmanager: &Alertmanager) -> BTreeMap<String, String> {
    let alerts = get_json(alertmanager.address, "/api/v2/alerts");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let pairs = alerts.as_array().unwrap().iter();
    pairs
        .map(|alert| (text(&alert["labels"]["test"]), text(&alert["status"]["state"])))
        .collect()
}

#[test]
fn what_explains_an_alert_inhibits_it() {
    let alertmanager = Alertmanager::start();
    let alert = |test: &str, name: &str, host: &str, more: &[(&str, &str)]| {
        let mut labels = BTreeMap::from([
            ("alertname", name),
            ("instance", host),
            ("job", "lapwing"),
            ("test", test),
        ]);
        labels.extend(more.iter().copied());
        json!({ "labels": labels })
    };
    let detection = |test: &str, host: &str, rule: &str, severity: &str| {
        alert(
            test,
            "LapwingDetection",
            host,
            &[("rule", rule), ("lapwing_severity", severity)],
        )
    };
    let file = &[("sensor", "file")];
    let alerts = json!([
        alert("down", "LapwingDown", "a", &[]),
        alert("lost while down", "LapwingEventsLost", "a", file),
        alert("lost elsewhere", "LapwingEventsLost", "b", file),
        detection("found before it went down", "a", "etc", "high"),
        alert("silent", "LapwingSensorSilent", "c", file),
        alert("degraded and silent", "LapwingSensorDegraded", "c", file),
        alert("lesser and silent", "LapwingSensorLesserFlavour", "c", file),
        alert(
            "degraded, another sensor",
            "LapwingSensorDegraded",
            "c",
            &[("sensor", "process")]
        ),
        alert("many lost", "LapwingEventsLostMany", "d", file),
        alert("lost of many", "LapwingEventsLost", "d", file),
        detection("worst", "e", "etc", "critical"),
        detection("lower of the same rule", "e", "etc", "low"),
        detection("lower of another rule", "e", "tmp", "high"),
        detection("lower on another host", "f", "etc", "high"),
    ]);
    post_json(alertmanager.address, "/api/v2/alerts", &alerts);
    let suppressed = [
        "degraded and silent",
        "lesser and silent",
        "lost of many",
        "lost while down",
        "lower of the same rule",
    ];
    let expected: BTreeMap<String, String> = alerts
        .as_array()
        .unwrap()
        .iter()
        .map(|alert| {
            let test = alert["labels"]["test"].as_str().unwrap();
            let state = if suppressed.contains(&test) {
                "suppressed"
            } else {
                "active"
            };
            (test.to_owned(), state.to_owned())
        })
        .collect();
    // Alertmanager's inhibitor hears of an alert a little later than its list.
    let deadline = Instant::now() + PATIENCE;
    while states(&alertmanager) != expected && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(states(&alertmanager), expected);
}

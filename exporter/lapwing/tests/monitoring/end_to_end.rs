//! From a touched file to Alertmanager, and back as a silence.

use std::time::Duration;

use serde_json::json;

use crate::{
    agent::Agent,
    http::get_json,
    root::skipped,
    rules::have_series,
    servers::wait_until,
    stack::{self, Alertmanager},
};

const RULE: &str = "watched-here";

#[test]
fn a_touched_file_fires_and_a_silence_masks_it() {
    if skipped() {
        return;
    }
    let alertmanager = Alertmanager::start();
    let agent = Agent::start(&alertmanager.config());
    let prometheus = stack::prometheus(agent.metrics, alertmanager.address);
    let alerts = format!("lapwing_alerts_total{{rule=\"{RULE}\"}}");
    prometheus.wait_value(&alerts, 0.0);

    let record = agent.record(&agent.touch("watched", "first"));
    assert_eq!(record["rule"], RULE);
    assert_eq!(record.get("masked"), None, "{}", record["masked"]);
    wait_until("an alert in Alertmanager", || !alertmanager.firing(RULE).is_empty());
    let firing = alertmanager.firing(RULE);
    assert_eq!(firing.len(), 1, "{firing:#?}");
    let labels = json!({
        "alertname": "LapwingDetection",
        "instance": agent.metrics.to_string(),
        "job": "lapwing",
        "lapwing_severity": "high",
        "rule": RULE,
        "sensor": "file",
        "severity": "warning",
        "site": "test",
    });
    assert_eq!(firing[0]["labels"], labels);
    assert_eq!(
        firing[0]["annotations"]["summary"],
        format!("high: {RULE} on {}", agent.metrics)
    );
    assert_eq!(firing[0]["receivers"], json!([{ "name": "security-integrity" }]));
    prometheus.wait_value(&alerts, 1.0);

    // A silence masks it: what is held is let go, and what comes is written as masked.
    let of_this = [("alertname", "LapwingDetection"), ("rule", RULE)];
    let silence = alertmanager.silence(&of_this);
    let active = format!("lapwing_alerts_active{{rule=\"{RULE}\"}}");
    let masked = format!("lapwing_alerts_masked_total{{rule=\"{RULE}\"}}");
    prometheus.wait_value(&active, 0.0);
    assert_eq!(prometheus.value(&masked), Some(0.0));
    let record = agent.record(&agent.touch("watched", "second"));
    assert_eq!(record["rule"], RULE);
    assert_eq!(record["masked"]["silence"], *silence, "{}", record["masked"]);
    assert_eq!(record["masked"]["author"], "somebody");
    assert_eq!(record["masked"]["comment"], "planned work");
    prometheus.wait_value(&masked, 1.0);
    assert_eq!(prometheus.value(&alerts), Some(1.0));
    assert_eq!(prometheus.value(&active), Some(0.0));
    assert!(alertmanager.firing(RULE).is_empty());

    // It ends by itself, without the agent being told at that moment.
    alertmanager.end_silence(&silence, &of_this, Duration::from_secs(3));
    wait_until("the silence's end", || {
        get_json(alertmanager.address, &format!("/api/v2/silence/{silence}"))["status"]["state"] == "expired"
    });
    let record = agent.record(&agent.touch("watched", "third"));
    assert_eq!(record.get("masked"), None, "{}", record["masked"]);
    wait_until("the alert in Alertmanager again", || {
        !alertmanager.firing(RULE).is_empty()
    });
    assert_eq!(alertmanager.firing(RULE)[0]["labels"], labels);
    prometheus.wait_value(&active, 1.0);
    assert_eq!(prometheus.value(&masked), Some(1.0));

    // An agent in good health has nothing else to say, but that this kernel may refuse hooks. (What a busy machine may cost or lose is left out.)
    let said = "count by (alertname) (ALERTS{alertname!~\"LapwingDetection|LapwingSensorDegraded|LapwingSensorLesserFlavour|LapwingEventsLost.*|.*High|LapwingQueueFull\"})";
    assert_eq!(prometheus.query(said), []);
}

/// Whoever silences too much is seen in Prometheus, which no silence reaches.
#[test]
fn a_silence_that_hides_too_much_is_an_alert() {
    if skipped() {
        return;
    }
    let alertmanager = Alertmanager::start();
    let agent = Agent::start(&alertmanager.config());
    let prometheus = stack::prometheus(agent.metrics, alertmanager.address);
    prometheus.wait_value("lapwing_silences{state=\"active\"}", 0.0);
    // Polled, and nothing to complain about.
    prometheus.wait_value("lapwing_silence_polls_total{result=\"success\"} > bool 0", 1.0);
    let firing = |name: &str| format!("count(ALERTS{{alertname=\"{name}\", alertstate=\"firing\"}}) or vector(0)");
    let (critical, negative) = (
        firing("LapwingSilenceHidesCritical"),
        firing("LapwingSilenceOnlyNegative"),
    );
    assert_eq!(prometheus.value(&critical), Some(0.0));
    assert_eq!(prometheus.value(&negative), Some(0.0));

    alertmanager.silence(&[("lapwing_severity", "critical")]);
    prometheus.wait_value(&critical, 1.0);
    assert_eq!(prometheus.value(&negative), Some(0.0));
    alertmanager.silence_all_but("team", "databases");
    prometheus.wait_value(&negative, 1.0);
    // By now it has shown every series that any rule asks for.
    have_series(&prometheus);
    // And the agent masks by neither.
    assert_eq!(agent.record(&agent.touch("watched", "file")).get("masked"), None);
}

//! `dashboards/*.json`: valid by Grafana's published schema, every panel explained, and every expression answered by the Prometheus that scrapes an agent to
//! which everything has happened that a panel shows.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    agent::Agent,
    http::{escaped, get_json},
    prometheus::Prometheus,
    root::skipped,
    servers::{PATIENCE, venv, wait_until},
    shipped,
    stack::{self, Alertmanager},
};

fn files() -> [PathBuf; 2] {
    ["detections", "agent"].map(|name| shipped(&format!("dashboards/{name}.json")))
}

fn dashboards() -> Vec<Value> {
    files()
        .iter()
        .map(|file| serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap())
        .collect()
}

/// All panels but the titles of rows.
fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    panels.filter(|panel| panel["type"] != "row")
}

/// What the check against the schema finds.
fn problems(files: &[&Path]) -> (bool, String) {
    let output = Command::new(venv("bin/python"))
        .arg(shipped("dashboards/check.py"))
        .args(files)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.success(), said)
}

#[test]
fn grafanas_schema_has_nothing_to_complain_about() {
    let files = files();
    let (fine, said) = problems(&files.each_ref().map(|file| &**file));
    assert!(fine && said.is_empty(), "{said}");
}

/// Each of these is one mistake in a valid dashboard, and the check names its place.
#[test]
fn a_broken_dashboard_is_refused() {
    let whole = &dashboards()[1];
    let number = |kind: &str| {
        let panels = whole["panels"].as_array().unwrap();
        panels.iter().position(|panel| panel["type"] == kind).unwrap()
    };
    let (line, table) = (number("timeseries"), number("table"));
    let directory = tempfile::tempdir().unwrap();
    let breaks = [
        ("/title", json!(7), "title"),
        ("/schemaVersion", json!(16), "schemaVersion"),
        ("/titel", json!("x"), ".titel: not in the schema"),
        ("/templating/list/1/type", json!("querry"), "querry"),
        (&format!("/panels/{line}/type"), json!("graf"), "graf"),
        (&format!("/panels/{line}/gridPos/w"), json!("12"), "grid_pos"),
        (&format!("/panels/{line}/targets/0/exprr"), json!("up"), "exprr"),
        (
            &format!("/panels/{line}/fieldConfig/defaults/unit"),
            json!("parsecs per second"),
            "parsecs",
        ),
        (
            &format!("/panels/{line}/fieldConfig/defaults/custom/drawStyle"),
            json!("barz"),
            "barz",
        ),
        (&format!("/panels/{table}/transformations/0/idd"), json!("x"), "idd"),
    ];
    let broken: Vec<_> = (0..)
        .zip(&breaks)
        .map(|(number, (place, value, _))| {
            let mut dashboard = whole.clone();
            let (parent, key) = place.rsplit_once('/').unwrap();
            dashboard.pointer_mut(parent).unwrap()[key] = value.clone();
            let file = directory.path().join(format!("{number}.json"));
            fs::write(&file, dashboard.to_string()).unwrap();
            file
        })
        .collect();
    let (fine, said) = problems(&broken.iter().map(|file| &**file).collect::<Vec<_>>());
    assert!(!fine);
    for (file, (place, _, named)) in broken.iter().zip(&breaks) {
        let of_this = said.lines().filter(|line| line.starts_with(file.to_str().unwrap()));
        let of_this: Vec<_> = of_this.collect();
        assert!(of_this.iter().any(|line| line.contains(named)), "{place}: {of_this:?}");
    }
}

#[test]
fn every_panel_says_what_it_shows_and_in_which_unit() {
    for dashboard in dashboards() {
        let names: Vec<_> = dashboard["templating"]["list"]
            .as_array()
            .unwrap()
            .iter()
            .map(|variable| variable["name"].as_str().unwrap())
            .collect();
        assert!(names.starts_with(&["datasource", "job", "host"]), "{names:?}");
        let mut seen = BTreeSet::new();
        for panel in panels(&dashboard) {
            let title = panel["title"].as_str().unwrap();
            assert!(seen.insert(title), "twice: {title}");
            let description = panel["description"].as_str().unwrap_or_default();
            assert!(description.len() > 15, "{title}: {description}");
            assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title}");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
            for target in panel["targets"].as_array().unwrap() {
                assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            }
        }
    }
}

/// With the variables as Grafana fills them in for everything of the last minute.
fn filled_in(expression: &str) -> String {
    let variables = [
        ("$__rate_interval", "30s"),
        ("$__range", "1m"),
        ("$job", ".*"),
        ("$host", ".*"),
        ("$severity", ".*"),
        ("$sensor", ".*"),
    ];
    let filled = variables
        .iter()
        .fold(expression.to_owned(), |text, (name, value)| text.replace(name, value));
    assert!(!filled.contains('$'), "not known to this test: {filled}");
    filled
}

/// (title, expression) of every target, ready to ask.
fn expressions() -> Vec<(String, String)> {
    let mut expressions = Vec::new();
    for dashboard in dashboards() {
        for panel in panels(&dashboard) {
            for target in panel["targets"].as_array().unwrap() {
                let title = panel["title"].as_str().unwrap().to_owned();
                expressions.push((title, filled_in(target["expr"].as_str().unwrap())));
            }
        }
    }
    expressions
}

/// Makes happen what panels show: alerts, repeats that are folded, matches that are skipped, points, masked alerts, a silence that cannot be judged, a reload.
fn live(agent: &Agent, alertmanager: &Alertmanager, prometheus: &Prometheus) {
    prometheus.wait_value("lapwing_alerts_total{rule=\"watched-here\"}", 0.0);
    let file = agent.touch("watched", "first");
    agent.record(&file);
    agent.append(&file, 3);
    agent.touch("skipped", "by a program that may");
    agent.reload();
    alertmanager.silence(&[("alertname", "LapwingDetection"), ("rule", "masked-here")]);
    // The agent cannot know what Prometheus calls it.
    alertmanager.silence(&[("rule", "masked-here"), ("instance", "elsewhere")]);
    prometheus.wait_value("lapwing_silences{state=\"active\"}", 1.0);
    prometheus.wait_value("lapwing_silences{state=\"refused\"}", 1.0);
    agent.record(&agent.touch("masked", "file"));
    prometheus.wait_value("lapwing_alerts_masked_total{rule=\"masked-here\"}", 1.0);
}

/// No expression is excused.
#[test]
fn every_expression_returns_data() {
    if skipped() {
        return;
    }
    let alertmanager = Alertmanager::start();
    let agent = Agent::start(&format!("{}\n[network]\nenabled = true\n", alertmanager.config()));
    let prometheus = stack::prometheus(agent.metrics, alertmanager.address);
    live(&agent, &alertmanager, &prometheus);

    let expressions = expressions();
    assert!(expressions.len() > 70, "{}", expressions.len());
    let answered = |expression: &str| prometheus.query(expression).iter().any(|(_, value)| value.is_finite());
    assert!(!answered("rate(lapwing_no_such_metric[1m])"));
    // What is asked of Prometheus is traffic.
    assert!(!answered("sum(lapwing_network_messages_total) > 1e12"));
    let seen =
        || answered("sum(lapwing_network_messages_total) > 0") && answered("sum(lapwing_network_bytes_total) > 0");
    wait_until("requests among what the agent read", seen);
    let unanswered = || -> Vec<_> {
        let empty = |(_, expression): &&(String, String)| !answered(expression);
        expressions.iter().filter(empty).collect()
    };
    // Rates need a second scrape of everything.
    let deadline = Instant::now() + PATIENCE / 2;
    while !unanswered().is_empty() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(500));
    }
    let unanswered = unanswered();
    assert!(unanswered.is_empty(), "no data: {unanswered:#?}");
    variables_have_values(&prometheus);
}

/// What Grafana offers to choose from.
fn variables_have_values(prometheus: &Prometheus) {
    for dashboard in dashboards() {
        for variable in dashboard["templating"]["list"].as_array().unwrap() {
            let Some(query) = variable["query"]["query"].as_str() else {
                continue;
            };
            let inside = query
                .strip_prefix("label_values(")
                .and_then(|rest| rest.strip_suffix(')'));
            let (series, label) = inside.unwrap().rsplit_once(", ").unwrap();
            let series = escaped(&filled_in(series));
            let path = format!("/api/v1/label/{label}/values?match%5b%5d={series}");
            let answer = get_json(prometheus.address, &path);
            assert_eq!(answer["data"].as_array().unwrap().len(), 1, "{query}: {answer}");
        }
    }
}

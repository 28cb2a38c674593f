//! Everything about one rule, overrides applied, in the form in which it is written.

use std::io::{self, Write};

use lapwing_engine::spec::{
    Common, FileWatch, Holds, NetworkProtocol, NetworkRule, Outcome, ProcessRule, ProcessRuleEvent, RuleDirection,
    Severity,
};

use super::list;
use crate::config::{Loaded, OnOff};

/// Writes the rule as TOML, with comments that say what follows from it.
pub(super) fn write(loaded: &Loaded, id: &str, out: &mut dyn Write) -> io::Result<()> {
    if let Some(rule) = loaded.specs.process.iter().find(|rule| rule.common.id == id) {
        return process(rule, loaded.config.process.enabled, out);
    }
    if let Some(watch) = loaded.specs.watches.iter().find(|watch| watch.common.id == id) {
        return file(watch, loaded.config.file.enabled, out);
    }
    if let Some(rule) = loaded.specs.network.iter().find(|rule| rule.common.id == id) {
        return network(rule, loaded, out);
    }
    Ok(())
}

fn network(rule: &NetworkRule, loaded: &Loaded, out: &mut dyn Write) -> io::Result<()> {
    head("network.rule", &rule.common, loaded.config.network.enabled, out)?;
    let (protocol, about) = match (rule.protocol, loaded.config.network.https) {
        (NetworkProtocol::Tcp, _) => ("tcp", "connections, and the bytes that they carry"),
        (NetworkProtocol::Http, OnOff::On) => ("http", "HTTP, plain or by TLS"),
        (NetworkProtocol::Http, OnOff::Off) => ("http", "HTTP; not by TLS: https = \"off\" in [network]"),
        (NetworkProtocol::Https, OnOff::On) => ("https", "HTTP by TLS only"),
        (NetworkProtocol::Https, OnOff::Off) => {
            ("https", "HTTP by TLS only: nothing, with https = \"off\" in [network]")
        }
    };
    writeln!(out, "protocol = {protocol:?} # {about}")?;
    if let Some(event) = rule.event {
        writeln!(out, "event = {:?}", event.name())?;
    }
    let direction = match rule.direction {
        RuleDirection::Both => "both",
        RuleDirection::Incoming => "incoming",
        RuleDirection::Outgoing => "outgoing",
    };
    writeln!(out, "direction = {direction:?}")?;
    writeln!(
        out,
        "severity = {:?}{}",
        rule.severity.name(),
        points(&rule.common, rule.severity)
    )?;
    let subjects = rule.subjects.iter().flatten().map(|holds| match holds {
        Holds::Transaction => "transaction".to_owned(),
        Holds::Lineage => "lineage".to_owned(),
        Holds::Remote => "remote".to_owned(),
    });
    strings("subjects", &subjects.collect::<Vec<_>>(), out)?;
    strings("skip_paths", &rule.skip_paths, out)?;
    tail(&rule.common, out)
}

fn process(rule: &ProcessRule, sensor: bool, out: &mut dyn Write) -> io::Result<()> {
    head("process.rule", &rule.common, sensor, out)?;
    let (event, about) = match rule.event {
        ProcessRuleEvent::BinExecution => ("bin-execution", "a program is started, or the kernel refuses to"),
        ProcessRuleEvent::RootEscalation => (
            "root-escalation",
            "the effective user becomes root, or the kernel refuses that",
        ),
        ProcessRuleEvent::TerminationFailure => (
            "termination-failure",
            "a program ends by a fault's signal or with a code that is not 0",
        ),
    };
    writeln!(out, "event = {event:?} # {about}")?;
    for (key, severity) in [
        ("success_severity", rule.success_severity),
        ("failure_severity", rule.failure_severity),
    ] {
        writeln!(
            out,
            "{key} = {:?}{}",
            list::severity(severity),
            severity.map_or_else(String::new, |s| points(&rule.common, s))
        )?;
    }
    strings("skip_paths", &rule.skip_paths, out)?;
    strings("skip_commands", &rule.skip_commands, out)?;
    tail(&rule.common, out)
}

fn file(watch: &FileWatch, sensor: bool, out: &mut dyn Write) -> io::Result<()> {
    head("file.watch", &watch.common, sensor, out)?;
    writeln!(out, "path = {}", quoted(&watch.path))?;
    writeln!(out, "recursive = {}", watch.recursive)?;
    let access: Vec<String> = watch.access.iter().map(|op| op.name().to_owned()).collect();
    strings("access", &access, out)?;
    let on = match watch.on {
        Outcome::Success => "success",
        Outcome::Failure => "failure",
        Outcome::Any => "any",
    };
    writeln!(out, "on = {on:?}")?;
    writeln!(
        out,
        "severity = {:?}{}",
        watch.severity.name(),
        points(&watch.common, watch.severity)
    )?;
    strings("exclude", &watch.exclude, out)?;
    strings("skip_paths", &watch.skip_paths, out)?;
    tail(&watch.common, out)
}

fn head(table: &str, common: &Common, sensor: bool, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# from the ruleset {}", common.ruleset)?;
    if !sensor {
        let section = table.split('.').next().unwrap_or(table);
        writeln!(out, "# never matches: enabled = false in [{section}]")?;
    }
    writeln!(out, "[[{table}]]\nid = {:?}\nenabled = {}", common.id, common.enabled)
}

fn points(common: &Common, severity: Severity) -> String {
    format!(
        " # {} points for each match",
        common.points.unwrap_or(severity.points())
    )
}

fn tail(common: &Common, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "alert = {:?}", list::alert(common.alert))?;
    if let Some(points) = common.points {
        writeln!(out, "points = {points}")?;
    }
    for (key, text) in [
        ("message", &common.message),
        ("when", &common.when),
        ("except", &common.except),
    ] {
        if let Some(text) = text {
            writeln!(out, "{key} = {}", quoted(text))?;
        }
    }
    strings("tags", &common.tags, out)
}

fn strings(key: &str, list: &[String], out: &mut dyn Write) -> io::Result<()> {
    if list.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = list.iter().map(|text| quoted(text)).collect();
    writeln!(out, "{key} = [{}]", list.join(", "))
}

/// As a TOML string.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

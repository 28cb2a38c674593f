//! The layers of settings: defaults, files, environment, flags. Each value is checked where it is written; figment merges them.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use figment::{
    Figment, Metadata, Profile, Provider,
    providers::Serialized,
    value::{Dict, Map, Value},
};
use toml::de::{DeTable, DeValue};

use super::{
    CONFIG_VERSION, Config, Metrics, Problem, ProcessMode,
    position::Place,
    report::Report,
    schema::{KEYS, Key},
    section::type_name,
    suggest::nearest,
};
use crate::{
    alertmanager::check as check_alertmanager,
    http::check_web_config,
    outputs::{OtlpError, check_otlp},
};

/// Only variables with this prefix are configuration.
pub const PREFIX: &str = "LAPWING__";
/// What `[process]`, `[file]` and `[network]` hold besides settings: rules, read by `rules.rs`.
const RULE_TABLES: [(&str, &str); 3] = [("process", "rule"), ("file", "watch"), ("network", "rule")];

/// The settings of the layers, merged so far.
pub struct Layers {
    figment: Figment,
    origins: HashMap<String, Place>,
}

impl Layers {
    /// The defaults alone.
    pub fn new() -> Layers {
        Layers {
            figment: Figment::from(Serialized::defaults(Config::default())),
            origins: HashMap::new(),
        }
    }

    /// Merges the settings of a file over what is there.
    pub fn file(&mut self, report: &mut Report<'_>, source: usize, table: &DeTable<'_>) {
        let mut layer = Layer::default();
        let place = |span: Range<usize>| Place::Text { source, span };
        for (name, value) in table.iter() {
            let (name, at): (&str, _) = (name.get_ref(), place(name.span()));
            if let Some(key) = find("", name) {
                self.set(report, &mut layer, key, place(value.span()), key.check(value.get_ref()));
            } else if !sections().any(|section| section == name) && name != "override" {
                let known: Vec<&str> = top_level().collect();
                report.unknown(&at, format!("unknown key or section {name}"), meant(name, &known));
            } else if name != "override" {
                match value.get_ref() {
                    DeValue::Table(table) => self.section(report, &mut layer, source, name, table),
                    other => {
                        report.problem(
                            &at,
                            format!("{name} must be a section, not {}", type_name(other)),
                            format!("write [{name}]"),
                        );
                    }
                }
            }
        }
        self.merge(layer);
    }

    fn section(
        &mut self,
        report: &mut Report<'_>,
        layer: &mut Layer,
        source: usize,
        section: &str,
        table: &DeTable<'_>,
    ) {
        for (name, value) in table.iter() {
            let (name, span): (&str, _) = (name.get_ref(), name.span());
            if let Some(key) = find(section, name) {
                self.set(
                    report,
                    layer,
                    key,
                    Place::Text {
                        source,
                        span: value.span(),
                    },
                    key.check(value.get_ref()),
                );
            } else if !RULE_TABLES.contains(&(section, name)) {
                let known: Vec<&str> = names_of(section).collect();
                let message = format!("unknown key {name} in [{section}]");
                report.unknown(&Place::Text { source, span }, message, meant(name, &known));
            }
        }
    }

    /// Merges `LAPWING__SECTION__KEY` variables over what is there; other variables are not looked at.
    pub fn environment(&mut self, report: &mut Report<'_>, variables: &BTreeMap<String, String>) {
        let mut layer = Layer::default();
        for (variable, value) in variables.iter().filter(|(variable, _)| variable.starts_with(PREFIX)) {
            let place = Place::Named(format!("environment variable {variable}"));
            let path = variable[PREFIX.len()..].to_ascii_lowercase();
            let (section, name) = path.split_once("__").unwrap_or(("", &path));
            match find(section, name) {
                Some(key) => self.set(report, &mut layer, key, place, key.check_text(value)),
                None => {
                    let all: Vec<String> = KEYS.iter().map(variable_of).collect();
                    let help = match nearest(variable, all.iter().map(String::as_str)) {
                        Some(near) => format!("did you mean {near}?"),
                        None => "variables are LAPWING__SECTION__KEY, as LAPWING__SCORE__THRESHOLD; rules are set in files only".into(),
                    };
                    report.unknown(&place, "no such setting".into(), help);
                }
            }
        }
        self.merge(layer);
    }

    /// Merges one flag (`--listen`, section, key, value) over what is there.
    pub fn flag(&mut self, report: &mut Report<'_>, (flag, section, name, value): &(String, &str, &str, String)) {
        let mut layer = Layer::default();
        if let Some(key) = find(section, name) {
            self.set(
                report,
                &mut layer,
                key,
                Place::Named(flag.clone()),
                key.check_text(value),
            );
        }
        self.merge(layer);
    }

    fn set(
        &mut self,
        report: &mut Report<'_>,
        layer: &mut Layer,
        key: &Key,
        place: Place,
        checked: Result<Value, (String, String)>,
    ) {
        match checked {
            Ok(value) => {
                layer.put(key, value);
                self.origins.insert(key.path(), place);
            }
            Err((message, help)) => report.problem(&place, message, help),
        }
    }

    fn merge(&mut self, layer: Layer) {
        let figment = std::mem::take(&mut self.figment);
        self.figment = figment.merge(layer);
    }

    /// The merged configuration, with the checks that need more than one setting, and where each setting is written.
    pub fn finish(self, report: &mut Report<'_>, web_config: bool) -> (Config, HashMap<String, Place>) {
        let config = self.figment.extract::<Config>().unwrap_or_else(|error| {
            // Every value was checked before it was merged: this says that check and type disagree.
            report.add(Problem::without_place(
                format!("the settings do not fit together: {error}"),
                "report this as a bug",
            ));
            Config::default()
        });
        let origin = |path: &str| self.origins.get(path).cloned().unwrap_or(Place::Named(path.into()));
        if config.metrics.enabled {
            endpoint(report, &config.metrics, web_config, &origin);
        }
        if let Err(error) = check_otlp(&config.otlp) {
            let key = match error {
                OtlpError::Header { .. } => "otlp.headers",
                OtlpError::Authority { .. } => "otlp.ca_file",
                OtlpError::Endpoint { .. } | OtlpError::Tls(_) | OtlpError::Exporter(_) => "otlp.endpoint",
            };
            report.problem(&origin(key), error.to_string(), "");
        }
        let network = &config.network;
        match (network.mode, network.processes.is_empty()) {
            (ProcessMode::All, false) => report.problem(
                &origin("network.processes"),
                "processes has no meaning with mode = \"all\"",
                "write mode = \"only\" or \"except\", or remove processes",
            ),
            (ProcessMode::Only | ProcessMode::Except, true) => report.problem(
                &origin("network.mode"),
                "this mode needs processes",
                "write processes = [\"nginx\"], or mode = \"all\"",
            ),
            _ => {}
        }
        if let Err(error) = check_alertmanager(&config.alertmanager) {
            report.problem(
                &origin(&format!("alertmanager.{}", error.key)),
                error.message,
                error.help,
            );
        }
        (config, self.origins)
    }
}

/// A listener that other hosts reach must be protected, unless that is not wanted; and what protects it must be right.
fn endpoint(report: &mut Report<'_>, metrics: &Metrics, read: bool, origin: &dyn Fn(&str) -> Place) {
    let reachable = format!("listen = \"{}\" is reachable from other hosts", metrics.listen);
    let exposed = !metrics.listen.ip().is_loopback() && !metrics.insecure;
    let Some(file) = &metrics.web_config_file else {
        if exposed {
            report.problem(
                &origin("metrics.listen"),
                format!("{reachable}, without encryption or authentication"),
                "write \"127.0.0.1:19754\", or a web_config_file with TLS and users (docs/endpoint.md), or insecure = true in [metrics] to allow it",
            );
        }
        return;
    };
    if !read {
        return;
    }
    match check_web_config(file) {
        Ok((strength, warnings)) => {
            warnings.into_iter().for_each(|warning| report.doubt(warning));
            if let Some(missing) = strength.missing().filter(|_| exposed) {
                report.problem(
                    &origin("metrics.listen"),
                    format!("{reachable}, and {} {missing}", file.display()),
                    "or write insecure = true in [metrics] to allow it",
                );
            }
        }
        Err(problems) => {
            for problem in problems {
                match problem.line {
                    0 => report.problem(
                        &origin("metrics.web_config_file"),
                        format!("web_config_file: {} {}", problem.file, problem.message),
                        problem.help,
                    ),
                    _ => report.add(problem),
                }
            }
        }
    }
}

/// The `config_version` that a file states, if it states a sensible one.
pub fn stated_version(table: &DeTable<'_>) -> u32 {
    let stated = table
        .get("config_version")
        .and_then(|value| value.get_ref().as_integer()?.as_str().parse().ok());
    stated.unwrap_or(CONFIG_VERSION)
}

/// The name of the variable that sets a key.
pub fn variable_of(key: &Key) -> String {
    format!("{PREFIX}{}", key.path().replace('.', "__").to_ascii_uppercase())
}

fn find(section: &str, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.section == section && key.name == name)
}

fn sections() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|key| key.section).filter(|section| !section.is_empty())
}

fn names_of(section: &str) -> impl Iterator<Item = &'static str> {
    let rules = RULE_TABLES
        .iter()
        .filter(move |(of, _)| *of == section)
        .map(|(_, name)| *name);
    KEYS.iter()
        .filter(move |key| key.section == section)
        .map(|key| key.name)
        .chain(rules)
}

fn top_level() -> impl Iterator<Item = &'static str> {
    let mut names: Vec<&str> = names_of("").chain(sections()).chain(["override"]).collect();
    names.dedup();
    names.into_iter()
}

fn meant(written: &str, known: &[&str]) -> String {
    match nearest(written, known.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("known: {}", known.join(", ")),
    }
}

/// One layer's settings, for figment.
#[derive(Default)]
struct Layer(Dict);

impl Layer {
    fn put(&mut self, key: &Key, value: Value) {
        if key.section.is_empty() {
            self.0.insert(key.name.into(), value);
            return;
        }
        let section = self
            .0
            .entry(key.section.into())
            .or_insert_with(|| Value::from(Dict::new()));
        if let Value::Dict(_, dict) = section {
            dict.insert(key.name.into(), value);
        }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named("configuration")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.0.clone())]))
    }
}

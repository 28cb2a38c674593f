//! From texts to what is meant: no file, no clock, no environment of the process, so that tests and fuzz targets reach all of it.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use lapwing_engine::{
    interest::{Processes, Selector},
    rule::RuleSet,
    spec::{NetworkSettings, ScoreSettings, Specs},
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use toml::{Spanned, de::DeTable};

use super::{
    CONFIG_VERSION, Config, Loaded, Network, OnOff, Problem, ProcessMode, Score,
    layers::{Layers, stated_version},
    position::Place,
    report::Report,
    rules::{Rule, Rules},
    section::Places,
    source::Source,
    tls_only, unmatched,
};
use crate::cli::Profile;

const DEFAULT_RULES: &str = include_str!("../../rules/default.toml");
const NETWORK_RULES: &str = include_str!("../../rules/network.toml");
const DEMO_RULES: &str = include_str!("../../rules/demo.toml");

/// Everything that configures, as text.
#[derive(Debug, Clone, Default)]
pub struct Input {
    /// The configuration file and those of `conf.d`, in this order.
    pub files: Vec<Source>,
    /// Variables; only those with `LAPWING__` count.
    pub environment: BTreeMap<String, String>,
    /// Flags: as written, section, key, value.
    pub flags: Vec<(String, &'static str, &'static str, String)>,
    /// A file could not be read: what seems to be missing may be in it.
    pub incomplete: bool,
    /// Whether `web_config_file` is read and judged too: that takes the files that it names, which a text alone does not have.
    pub web_config: bool,
}

/// Reads, checks and merges everything.
///
/// # Errors
/// Every problem, not the first only.
pub fn parse(input: &Input) -> Result<Loaded, Vec<Problem>> {
    let mut sources = input.files.clone();
    for (name, text, ruleset) in [
        ("<default rules>", DEFAULT_RULES, "default"),
        ("<network rules>", NETWORK_RULES, "default"),
        ("<demo rules>", DEMO_RULES, "demo"),
    ] {
        sources.push(Source {
            name: name.into(),
            text: text.into(),
            ruleset,
        });
    }
    let (built_in, demo) = (input.files.len(), input.files.len() + 2);
    let mut report = Report::new(&sources);
    let mut complete = !input.incomplete;
    let mut tables = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        let table = syntax(&mut report, index, &source.text);
        complete &= table.is_some();
        tables.push(table);
    }
    let files = || {
        tables
            .iter()
            .enumerate()
            .filter_map(|(index, table)| Some((index, table.as_ref()?.get_ref())))
    };
    report.newer = files().any(|(_, table)| stated_version(table) > CONFIG_VERSION);

    let mut layers = Layers::new();
    for (index, table) in files().filter(|(index, _)| *index < built_in) {
        layers.file(&mut report, index, table);
    }
    layers.environment(&mut report, &input.environment);
    for flag in &input.flags {
        layers.flag(&mut report, flag);
    }
    let (config, origins) = layers.finish(&mut report, input.web_config);

    let mut rules = Rules::default();
    // Built-in rules first: a file's rule that takes the id of one of them is what is wrong.
    let wanted = |index: usize| match index {
        _ if index == built_in || index == built_in + 1 => config.defaults,
        _ if index == demo => config.defaults && config.profile == Profile::Demo,
        _ => true,
    };
    let (of_files, of_binary): (Vec<_>, Vec<_>) = files()
        .filter(|(index, _)| wanted(*index))
        .partition(|(index, _)| *index < built_in);
    for (index, table) in of_binary.into_iter().chain(of_files) {
        rules.read(&mut report, index, sources[index].ruleset, table);
    }
    rules.apply_overrides(&mut report, complete);
    let (specs, places) = specs(&config, rules);
    let keys = tls_only::Keys {
        places: &places,
        origins: &origins,
    };
    tls_only::warn_off(&mut report, &config, &specs, keys);
    tls_only::warn(&mut report, &specs, &places);
    let rules = compile(&mut report, &specs, &places);
    if let Some(rules) = &rules {
        unmatched::warn(&mut report, &config, rules, &origins);
    }

    let (problems, warnings) = report.finish();
    match rules {
        Some(rules) if problems.is_empty() => Ok(Loaded {
            hash: hash(&config, &specs),
            rules_hash: digest(&[json(&specs)]),
            config,
            specs,
            rules: Arc::new(rules),
            warnings,
            sources: input.files.iter().map(|source| PathBuf::from(&source.name)).collect(),
        }),
        _ => Err(problems),
    }
}

/// The table of a TOML text; a text with syntax errors is not looked at any further, since what is read after one is a guess.
fn syntax<'t>(report: &mut Report<'_>, source: usize, text: &'t str) -> Option<Spanned<DeTable<'t>>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        report.problem(
            &Place::Text { source, span },
            format!("not TOML: {}", error.message()),
            "",
        );
    }
    errors.is_empty().then_some(table)
}

fn specs(config: &Config, rules: Rules) -> (Specs, BTreeMap<String, Places>) {
    let mut specs = Specs {
        score: ScoreSettings {
            incoming_threshold: config.network.incoming_threshold,
            outgoing_threshold: config.network.outgoing_threshold,
            ..score(&config.score)
        },
        network_settings: network(&config.network),
        ..Specs::default()
    };
    let mut all = BTreeMap::new();
    for (rule, places) in rules.build() {
        let id = match rule {
            Rule::Process(mut rule) => {
                rule.common.enabled &= config.process.enabled;
                specs.process.push(rule);
                &specs.process[specs.process.len() - 1].common.id
            }
            Rule::Watch(mut watch) => {
                watch.common.enabled &= config.file.enabled;
                specs.watches.push(watch);
                &specs.watches[specs.watches.len() - 1].common.id
            }
            Rule::Network(mut rule) => {
                rule.common.enabled &= config.network.enabled;
                specs.network.push(rule);
                &specs.network[specs.network.len() - 1].common.id
            }
        };
        all.insert(id.clone(), places);
    }
    (specs, all)
}

fn score(score: &Score) -> ScoreSettings {
    ScoreSettings {
        threshold: score.threshold,
        half_life: score.half_life.as_nanos() as u64,
        lineage_threshold: score.lineage_threshold,
        container_threshold: score.container_threshold,
        host_threshold: score.host_threshold,
        max_subjects: score.max_subjects,
        fold_window: score.fold_window.as_nanos() as u64,
        fold_after: score.fold_after,
        ..ScoreSettings::default()
    }
}

fn network(network: &Network) -> NetworkSettings {
    let selector = |text: &String| match text.starts_with('/') {
        true => Selector::Path(text.clone().into_bytes()),
        false => Selector::Name(text.clone().into_bytes()),
    };
    let processes = || network.processes.iter().map(selector).collect();
    NetworkSettings {
        processes: match network.mode {
            ProcessMode::All => Processes::All,
            ProcessMode::Only => Processes::Only(processes()),
            ProcessMode::Except => Processes::Except(processes()),
        },
        https: network.https == OnOff::On,
        incoming_rules: network.incoming_rules.clone(),
        outgoing_rules: network.outgoing_rules.clone(),
        ignored_rules: network.ignored_rules.clone(),
        proxies: network.proxies.clone(),
        request_bytes: network.max_bytes_per_message.request,
        response_bytes: network.max_bytes_per_message.response,
        excerpts: network.excerpts,
        max_flows: network.max_flows,
        max_buffered: network.max_buffered as usize,
    }
}

/// Compiles the rules; what the engine refuses gets the place where it is written.
fn compile(report: &mut Report<'_>, specs: &Specs, places: &BTreeMap<String, Places>) -> Option<RuleSet> {
    let errors = match RuleSet::compile(specs) {
        Ok(rules) => return Some(rules),
        Err(errors) => errors,
    };
    for error in errors {
        let of_rule = places.get(&error.rule);
        let pieces = of_rule.and_then(|keys| keys.get(error.key).or_else(|| keys.get("id")));
        // Of several pieces, the last one that begins at or before the offset.
        let offset = error.offset.unwrap_or(0);
        let piece = pieces.and_then(|pieces| {
            pieces
                .iter()
                .rev()
                .find(|(start, _)| *start <= offset)
                .or(pieces.first())
        });
        let message = format!("rule {:?}: {}: {}", error.rule, error.key, error.message);
        match piece {
            Some((start, place)) => {
                report.problem_inside(
                    place,
                    error.offset.map(|at| at.saturating_sub(*start)),
                    message,
                    error.help,
                );
            }
            None => report.add(Problem::without_place(message, error.help)),
        }
    }
    None
}

/// Of the whole meaning. The hash is public (a metric, recordings): it must not help to guess a credential.
fn hash(config: &Config, specs: &Specs) -> String {
    let mut config = config.clone();
    config.otlp.headers.values_mut().for_each(String::clear);
    digest(&[json(&config), json(specs)])
}

fn json(meaning: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(meaning).unwrap_or_default()
}

/// SHA-256, 16 hexadecimal digits of it: enough to see that two agents run the same.
fn digest(parts: &[Vec<u8>]) -> String {
    let mut digest = Sha256::new();
    parts.iter().for_each(|part| digest.update(part));
    digest.finalize()[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

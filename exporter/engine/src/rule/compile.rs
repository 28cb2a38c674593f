//! From specs to a rule set, collecting every error.

use super::{
    Condition, RuleError, RuleId, RuleInfo, RuleSet, exclude::Exclude, message::Template, moment::Moment, network,
    skip::Skip,
};
use crate::{
    event::Sensor,
    field::Kinds,
    paths,
    predicate::{Predicate, PredicateError},
    spec::{Common, FileWatch, Holds, NetworkEvent, NetworkProtocol, NetworkRule, ProcessRule, Specs},
};

/// Longest id: it is a metric's label.
const MAX_ID: usize = 128;

pub(super) fn compile(specs: &Specs) -> Result<RuleSet, Vec<RuleError>> {
    let mut compiler = Compiler::default();
    specs.process.iter().for_each(|rule| compiler.process_rule(rule));
    specs.watches.iter().for_each(|watch| compiler.watch(watch));
    compiler.set.network.set(&specs.network_settings);
    let selection = network::Selection::new(&specs.network_settings).unwrap_or_else(|(key, message, help)| {
        compiler.error("[network]", key, (message, help));
        network::Selection::default()
    });
    specs
        .network
        .iter()
        .for_each(|rule| compiler.network_rule(rule, &selection));
    compiler.set.network.finish();
    if compiler.errors.is_empty() {
        Ok(compiler.set)
    } else {
        Err(compiler.errors)
    }
}

#[derive(Default)]
struct Compiler {
    set: RuleSet,
    errors: Vec<RuleError>,
}

impl Compiler {
    fn process_rule(&mut self, rule: &ProcessRule) {
        let moments = Moment::ALL.into_iter().filter(|moment| moment.severity(rule).is_some());
        let kinds = moments.fold(Kinds::NONE, |kinds, moment| kinds.or(moment.kinds()));
        // A rule that is off altogether is still checked, against every event that it could be about.
        let kinds = if kinds == Kinds::NONE { Kinds::ALL } else { kinds };
        let mut info = info(&rule.common, Sensor::Process);
        (info.success_severity, info.failure_severity) = (rule.success_severity, rule.failure_severity);
        let (id, condition) = self.common(&rule.common, info, kinds);
        let skip = self.skip(&rule.common.id, &rule.skip_paths, &rule.skip_commands);
        if rule.common.enabled {
            self.set.process.push(id, rule, condition, skip);
        }
    }

    fn watch(&mut self, watch: &FileWatch) {
        let mut info = info(&watch.common, Sensor::File);
        let on = |outcome| (watch.on != outcome).then_some(watch.severity);
        (info.success_severity, info.failure_severity) =
            (on(crate::spec::Outcome::Failure), on(crate::spec::Outcome::Success));
        let (id, condition) = self.common(&watch.common, info, Kinds::FILE);
        let rule = &watch.common.id;
        if let Err(problem) = paths::check(&watch.path) {
            self.error(rule, "path", problem);
        }
        if watch.access.is_empty() {
            let help = "write access = [\"create\", \"write\", \"permission\", \"delete\", \"rename\"] or some of them";
            self.error(rule, "access", ("the watch is for no operation".into(), help.into()));
        }
        let mut exclude = Exclude::default();
        for entry in &watch.exclude {
            exclude
                .add(entry)
                .unwrap_or_else(|problem| self.error(rule, "exclude", problem));
        }
        let skip = self.skip(rule, &watch.skip_paths, &[]);
        if watch.common.enabled {
            self.set.watches.push(id, watch, exclude, condition, skip);
        }
    }

    fn network_rule(&mut self, rule: &NetworkRule, selection: &network::Selection) {
        let rule_id = &rule.common.id;
        let is_http = rule.protocol != NetworkProtocol::Tcp;
        if let Some(event) = rule.event.filter(|event| event.is_http() != is_http) {
            let message = format!("{:?} is no event of this protocol", event.name());
            let names: Vec<&str> = NetworkEvent::ALL
                .iter()
                .filter(|event| event.is_http() == is_http)
                .map(|event| event.name())
                .collect();
            self.error(
                rule_id,
                "event",
                (message, format!("write one of {}", names.join(", "))),
            );
        }
        if !is_http && rule.subjects.iter().flatten().any(|holds| *holds == Holds::Transaction) {
            let message = "only HTTP has transactions".to_owned();
            let help = "write subjects = [\"lineage\"], [\"remote\"] or both".to_owned();
            self.error(rule_id, "subjects", (message, help));
        }
        let kinds = rule.event.map_or(network::possible(rule.protocol), network::kinds);
        let directions = selection.directions(rule_id, rule.direction);
        let mut info = info(&rule.common, Sensor::Network);
        info.enabled &= directions.is_some();
        (info.success_severity, info.failure_severity) = match rule.event {
            Some(NetworkEvent::Refused) => (None, Some(rule.severity)),
            _ => (Some(rule.severity), None),
        };
        let (id, condition) = self.common(&rule.common, info, kinds);
        let event = rule
            .event
            .unwrap_or_else(|| network::event_of(rule.protocol, &condition));
        if rule.event.is_none() {
            self.check_kinds(&rule.common, event);
        }
        let skip = self.skip(rule_id, &rule.skip_paths, &[]);
        if let Some(directions) = directions.filter(|_| rule.common.enabled) {
            self.set.network.push(id, rule, (event, directions), condition, skip);
            let message = self.set.messages.last().into_iter().flatten();
            self.set.network.shows(message.flat_map(Template::fields));
        }
    }

    /// A rule that does not name its event was read as one about any: what it reads must come with the event that it turned out to be about.
    fn check_kinds(&mut self, common: &Common, event: NetworkEvent) {
        let kinds = network::kinds(event);
        for (key, text) in [("when", &common.when), ("except", &common.except)] {
            let Some(Err(error)) = text.as_deref().map(|text| Predicate::parse(text, kinds)) else {
                continue;
            };
            // What is wrong for every event was reported already.
            let reported = |known: &RuleError| known.rule == common.id && known.key == key;
            if !self.errors.iter().any(reported) {
                let help = format!(
                    "the rule is asked on {:?}; write event = ... to choose another",
                    event.name()
                );
                self.errors.push(RuleError {
                    rule: common.id.clone(),
                    key,
                    offset: Some(error.offset),
                    message: error.message,
                    help,
                });
            }
        }
    }

    fn common(&mut self, common: &Common, info: RuleInfo, kinds: Kinds) -> (RuleId, Condition) {
        let id = RuleId(self.set.infos.len() as u32);
        self.id(&common.id, id);
        self.set.infos.push(info);
        let message = common.message.as_deref().map(|text| Template::parse(text, kinds));
        let message = self.keep(&common.id, "message", message);
        self.set.messages.push(message);
        let when = common.when.as_deref().map(|text| Predicate::parse(text, kinds));
        let except = common.except.as_deref().map(|text| Predicate::parse(text, kinds));
        let condition = Condition {
            when: self.keep(&common.id, "when", when),
            except: self.keep(&common.id, "except", except),
        };
        (id, condition)
    }

    fn id(&mut self, text: &str, id: RuleId) {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
        if text.is_empty() || text.len() > MAX_ID || !text.bytes().all(allowed) {
            let help = format!("use a-z, 0-9, \".\", \"_\" and \"-\", at most {MAX_ID} of them");
            self.error(text, "id", (format!("{text:?} is no id"), help));
        } else if text.starts_with("score.") {
            let message = format!("{text:?} begins with \"score.\", which names the alerts of scores");
            self.error(text, "id", (message, "choose another id".into()));
        }
        if self.set.ids.insert(text.to_owned(), id).is_some() {
            let help = "choose another id, or change the first with [[override]]";
            self.error(text, "id", (format!("there is another rule {text:?}"), help.into()));
        }
    }

    fn skip(&mut self, rule: &str, paths: &[String], commands: &[String]) -> Skip {
        let mut skip = Skip::default();
        for path in paths {
            match paths::check(path) {
                Ok(()) => skip.paths.insert(path.as_bytes(), ()),
                Err(problem) => self.error(rule, "skip_paths", problem),
            }
        }
        for command in commands {
            if command.is_empty() || command.contains('/') {
                let message = format!("{command:?} is no file's name");
                self.error(
                    rule,
                    "skip_commands",
                    (message, "write names here and paths in skip_paths".into()),
                );
            }
            skip.commands.push(command.as_bytes().into());
        }
        skip.commands.sort();
        skip
    }

    fn keep<T>(&mut self, rule: &str, key: &'static str, parsed: Option<Result<T, PredicateError>>) -> Option<T> {
        match parsed? {
            Ok(value) => Some(value),
            Err(PredicateError { offset, message, help }) => {
                self.errors.push(RuleError {
                    rule: rule.to_owned(),
                    key,
                    offset: Some(offset),
                    message,
                    help,
                });
                None
            }
        }
    }

    fn error(&mut self, rule: &str, key: &'static str, (message, help): (String, String)) {
        self.errors.push(RuleError {
            rule: rule.to_owned(),
            key,
            offset: None,
            message,
            help,
        });
    }
}

fn info(common: &Common, sensor: Sensor) -> RuleInfo {
    RuleInfo {
        id: common.id.clone(),
        ruleset: common.ruleset.clone(),
        sensor,
        enabled: common.enabled,
        success_severity: None,
        failure_severity: None,
        points: common.points,
        alert: common.alert,
        tags: common.tags.clone(),
    }
}

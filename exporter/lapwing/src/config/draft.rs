//! A rule as written: every key optional, so that an override is the same thing and lies over it.

use lapwing_engine::{
    event::FileOp,
    spec::{AlertMode, Holds, NetworkEvent, NetworkProtocol, Outcome, ProcessRuleEvent, RuleDirection, Severity},
};

use super::{
    position::Place,
    section::{Places, Section},
};

const SEVERITIES: [(&str, Severity); 5] = [
    ("info", Severity::Info),
    ("low", Severity::Low),
    ("medium", Severity::Medium),
    ("high", Severity::High),
    ("critical", Severity::Critical),
];
const SEVERITIES_OR_OFF: [(&str, Option<Severity>); 6] = [
    ("off", None),
    ("info", Some(Severity::Info)),
    ("low", Some(Severity::Low)),
    ("medium", Some(Severity::Medium)),
    ("high", Some(Severity::High)),
    ("critical", Some(Severity::Critical)),
];
const ALERTS: [(&str, AlertMode); 2] = [("each", AlertMode::Each), ("score", AlertMode::Score)];
const OUTCOMES: [(&str, Outcome); 3] = [
    ("success", Outcome::Success),
    ("failure", Outcome::Failure),
    ("any", Outcome::Any),
];
const EVENTS: [(&str, ProcessRuleEvent); 3] = [
    ("bin-execution", ProcessRuleEvent::BinExecution),
    ("root-escalation", ProcessRuleEvent::RootEscalation),
    ("termination-failure", ProcessRuleEvent::TerminationFailure),
];
const PROTOCOLS: [(&str, NetworkProtocol); 3] = [
    ("tcp", NetworkProtocol::Tcp),
    ("http", NetworkProtocol::Http),
    ("https", NetworkProtocol::Https),
];
const DIRECTIONS: [(&str, RuleDirection); 3] = [
    ("both", RuleDirection::Both),
    ("incoming", RuleDirection::Incoming),
    ("outgoing", RuleDirection::Outgoing),
];
const SUBJECTS: [(&str, Holds); 3] = [
    ("transaction", Holds::Transaction),
    ("lineage", Holds::Lineage),
    ("remote", Holds::Remote),
];
const MAX_POINTS: u32 = 1_000_000;
const MAX_PATH: usize = 4_095;

/// The keys of rules, or of an override.
#[derive(Debug, Default)]
pub struct Draft {
    pub enabled: Option<bool>,
    pub severity: Option<Severity>,
    pub success_severity: Option<Option<Severity>>,
    pub failure_severity: Option<Option<Severity>>,
    pub points: Option<u32>,
    pub message: Option<String>,
    pub tags: Option<Vec<String>>,
    pub when: Option<String>,
    pub except: Option<String>,
    pub alert: Option<AlertMode>,
    pub event: Option<ProcessRuleEvent>,
    pub skip_paths: Option<Vec<String>>,
    pub skip_commands: Option<Vec<String>>,
    pub path: Option<String>,
    pub recursive: Option<bool>,
    pub access: Option<Vec<FileOp>>,
    pub exclude: Option<Vec<String>>,
    pub on: Option<Outcome>,
    pub protocol: Option<NetworkProtocol>,
    pub network_event: Option<NetworkEvent>,
    pub direction: Option<RuleDirection>,
    pub subjects: Option<Vec<Holds>>,
    pub places: Places,
}

impl Draft {
    /// Keys of every rule.
    pub fn read_common(&mut self, section: &mut Section<'_, '_, '_>) {
        self.enabled = section.boolean("enabled");
        self.severity = section.choice("severity", &SEVERITIES);
        self.points = section.number("points", MAX_POINTS);
        self.message = section.text("message", "\"...\"");
        self.tags = section
            .list("tags", "[\"T1059\"]")
            .map(|list| tags(section, "tags", list));
        self.when = section.text("when", "'proc.name = \"x\"'");
        self.except = section.text("except", "'proc.name = \"x\"'");
        self.alert = section.choice("alert", &ALERTS);
        self.skip_paths = paths(section, "skip_paths");
    }

    /// Keys of process rules that an override may change.
    pub fn read_process(&mut self, section: &mut Section<'_, '_, '_>) {
        self.success_severity = section.choice("success_severity", &SEVERITIES_OR_OFF);
        self.failure_severity = section.choice("failure_severity", &SEVERITIES_OR_OFF);
        self.skip_commands = commands(section, "skip_commands");
    }

    /// Keys of watches that an override may change.
    pub fn read_watch(&mut self, section: &mut Section<'_, '_, '_>) {
        let names = FileOp::ALL.map(|op| (op.name(), op));
        self.recursive = section.boolean("recursive");
        self.access = section.choices("access", &names);
        if self.access.as_ref().is_some_and(Vec::is_empty) {
            section.problem(
                "access",
                "access is empty: the watch would never match",
                "write access = [\"write\"], or enabled = false",
            );
        }
        self.exclude = excludes(section, "exclude");
        self.on = section.choice("on", &OUTCOMES);
    }

    /// What a process rule is about.
    pub fn read_event(&mut self, section: &mut Section<'_, '_, '_>) {
        section.required("event", "\"bin-execution\"");
        self.event = section.choice("event", &EVENTS);
    }

    /// Keys of network rules that an override may change.
    pub fn read_network(&mut self, section: &mut Section<'_, '_, '_>) {
        self.direction = section.choice("direction", &DIRECTIONS);
        self.subjects = section.choices("subjects", &SUBJECTS);
        if self.subjects.as_ref().is_some_and(Vec::is_empty) {
            section.problem(
                "subjects",
                "subjects is empty: the rule's points would count for nobody",
                "write subjects = [\"lineage\"], or points = 0",
            );
        }
    }

    /// What a network rule reads, and when.
    pub fn read_protocol(&mut self, section: &mut Section<'_, '_, '_>) {
        let events = NetworkEvent::ALL.map(|event| (event.name(), event));
        section.required("protocol", "\"tcp\"");
        self.protocol = section.choice("protocol", &PROTOCOLS);
        self.network_event = section.choice("event", &events);
    }

    /// What a watch is on.
    pub fn read_path(&mut self, section: &mut Section<'_, '_, '_>) {
        section.required("path", "\"/etc\"");
        self.path = section.text("path", "\"/etc\"").and_then(|path| {
            let place = section.place_of("path");
            if path.contains('*') {
                let message = format!("{}: path has a *, which stands for itself here", section.what);
                section.report.warning(
                    &place,
                    message,
                    "watch the directory, and narrow with when = 'fd.filename glob ...'",
                );
            }
            normal_path(section, &place, "path", &path)
        });
    }
}

/// What an override adds to lists and conditions instead of replacing them.
#[derive(Debug, Default)]
pub struct Additions {
    pub tags: Vec<String>,
    pub skip_paths: Vec<String>,
    pub skip_commands: Vec<String>,
    pub exclude: Vec<String>,
    pub except: Option<String>,
}

impl Additions {
    /// Reads the `add_*` keys.
    pub fn read(section: &mut Section<'_, '_, '_>) -> Additions {
        Additions {
            tags: section
                .list("add_tags", "[\"T1059\"]")
                .map(|list| tags(section, "add_tags", list))
                .unwrap_or_default(),
            skip_paths: paths(section, "add_skip_paths").unwrap_or_default(),
            skip_commands: commands(section, "add_skip_commands").unwrap_or_default(),
            exclude: excludes(section, "add_exclude").unwrap_or_default(),
            except: section.text("add_except", "'proc.name = \"x\"'"),
        }
    }
}

/// An absolute path in its plain form; a trailing slash is dropped.
fn normal_path(section: &mut Section<'_, '_, '_>, place: &Place, key: &str, path: &str) -> Option<String> {
    let trimmed = if path.len() > 1 {
        path.trim_end_matches('/')
    } else {
        path
    };
    let plain = trimmed == "/"
        || trimmed
            .strip_prefix('/')
            .is_some_and(|rest| rest.split('/').all(|part| !matches!(part, "" | "." | "..")));
    let why = match () {
        _ if !path.starts_with('/') => "is not absolute",
        _ if path.contains('\0') => "contains a NUL byte",
        _ if path.len() > MAX_PATH => "is longer than 4095 bytes",
        _ if !plain => "has an empty, . or .. part",
        _ => return Some(trimmed.to_owned()),
    };
    section.problem_at(
        place,
        format!("{key}: {path:?} {why}"),
        "write the path as `realpath` prints it",
    );
    None
}

fn paths(section: &mut Section<'_, '_, '_>, key: &'static str) -> Option<Vec<String>> {
    let list = section.list(key, "[\"/usr/bin/dpkg\"]")?;
    Some(
        list.iter()
            .filter_map(|(path, place)| normal_path(section, place, key, path))
            .collect(),
    )
}

fn commands(section: &mut Section<'_, '_, '_>, key: &'static str) -> Option<Vec<String>> {
    let list = section.list(key, "[\"dpkg\"]")?;
    let keep = |(name, place): &(String, Place)| {
        let fine = !name.is_empty() && !name.contains(['/', '\0']);
        if !fine {
            let message = format!("{key}: {name:?} is not the base name of an executable");
            section.problem_at(place, message, "write the name alone, or the path in skip_paths");
        }
        fine.then(|| name.clone())
    };
    Some(list.iter().filter_map(keep).collect())
}

/// Absolute paths, or globs over a file's name.
fn excludes(section: &mut Section<'_, '_, '_>, key: &'static str) -> Option<Vec<String>> {
    let list = section.list(key, "[\"/etc/mtab\", \"*.swp\"]")?;
    let mut read = |(text, place): &(String, Place)| {
        if text.starts_with('/') {
            return normal_path(section, place, key, text);
        }
        if text.is_empty() || text.contains(['/', '\0']) {
            let message = format!("{key}: {text:?} is neither an absolute path nor a glob over a file's name");
            section.problem_at(place, message, "write for example \"/etc/mtab\" or \"*.swp\"");
            return None;
        }
        Some(text.clone())
    };
    Some(list.iter().filter_map(&mut read).collect())
}

fn tags(section: &mut Section<'_, '_, '_>, key: &'static str, list: Vec<(String, Place)>) -> Vec<String> {
    let keep = |(tag, place): &(String, Place)| {
        let fine = !tag.is_empty() && tag.len() <= 64 && tag.chars().all(|c| c.is_ascii_graphic());
        if !fine {
            section.problem_at(
                place,
                format!("{key}: {tag:?} is not a tag"),
                "use 1 to 64 visible ASCII characters, no spaces",
            );
        }
        fine.then(|| tag.clone())
    };
    list.iter().filter_map(keep).collect()
}

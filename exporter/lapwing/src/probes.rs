//! `lapwing probes` and `lapwing check --attach`: load and attach for real, say what happened, leave.

pub mod verifier;

use lapwing_bpf::{HookState, Present, Sensors, State, present};
use lapwing_engine::{event::Flavour, rule::RuleSet};
use serde::Serialize;

use crate::{
    commands::{Failure, other},
    config::Loaded,
    run::{compile, options},
};

/// One variant of a hook, for people and for scripts.
#[derive(Debug, Serialize)]
pub struct Row {
    /// `process`, `file`.
    pub sensor: &'static str,
    /// The hook's name.
    pub hook: &'static str,
    /// `function` or `syscall`.
    pub flavour: &'static str,
    /// `attached`, `not_needed`, `not_chosen`, `refused`.
    pub state: &'static str,
    /// Why it was refused.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub why: String,
    /// What is not seen because of it.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub unseen: String,
}

impl From<&HookState> for Row {
    fn from(hook: &HookState) -> Row {
        Row {
            sensor: hook.sensor.name(),
            hook: hook.hook,
            flavour: flavour_name(hook.flavour),
            state: state_name(&hook.state),
            why: match &hook.state {
                State::Refused { why } => why.clone(),
                _ => String::new(),
            },
            unseen: hook.unseen.clone(),
        }
    }
}

/// The flavour's name in metrics and on the command line.
pub fn flavour_name(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::Function => "function",
        Flavour::Syscall => "syscall",
    }
}

/// The state's name in metrics and in `lapwing probes --json`.
pub fn state_name(state: &State) -> &'static str {
    match state {
        State::Attached => "attached",
        State::NotNeeded => "not_needed",
        State::NotChosen => "not_chosen",
        State::Refused { .. } => "refused",
    }
}

/// `lapwing probes`: every hook that the present rules need, by flavour.
///
/// # Errors
/// When this host cannot load BPF programs at all.
pub fn show(loaded: &Loaded, flavour: Option<Flavour>, json: bool) -> Result<(), Failure> {
    let sensors = open(loaded, flavour)?;
    let hooks = sensors.hooks();
    let rows: Vec<Row> = hooks.iter().map(Row::from).collect();
    match json {
        true => println!("{}", serde_json::to_string_pretty(&rows).map_err(other)?),
        false => print!("{}", table(&rows)),
    }
    Ok(())
}

/// `lapwing probes --loaded`: what the kernel has of lapwing now. After the agent's end that is nothing.
///
/// # Errors
/// When the kernel does not list what it has.
pub fn show_loaded(json: bool) -> Result<(), Failure> {
    let Some(Present { programs, links, maps }) = present() else {
        return Err(other(
            "listing the kernel's BPF programs needs CAP_SYS_ADMIN: run lapwing probes --loaded as root",
        ));
    };
    if json {
        println!(
            "{}",
            serde_json::json!({ "programs": programs, "links": links, "maps": maps })
        );
    } else if programs.is_empty() && maps.is_empty() {
        println!("nothing of lapwing is loaded");
    } else {
        println!(
            "programs ({links} attached): {}\nmaps: {}",
            programs.join(" "),
            maps.join(" ")
        );
    }
    Ok(())
}

/// `lapwing check --attach`
///
/// # Errors
/// When a hook that the rules need has no flavour that works.
pub fn attach_once(loaded: &Loaded, flavour: Option<Flavour>) -> Result<(), Failure> {
    let sensors = open(loaded, flavour)?;
    let missing: Vec<String> = unattached(&sensors.hooks())
        .into_iter()
        .map(|(hook, why)| format!("{hook}: {why}"))
        .collect();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(Failure::NotAttached(missing.join("; "))),
    }
}

/// Hooks that are needed and work in no flavour, with the reasons.
pub fn unattached(hooks: &[HookState]) -> Vec<(&'static str, String)> {
    let works = |name| {
        hooks
            .iter()
            .any(|h| h.hook == name && !matches!(h.state, State::Refused { .. }))
    };
    let mut missing: Vec<(&'static str, String)> = Vec::new();
    for hook in hooks.iter().filter(|hook| !works(hook.hook)) {
        let State::Refused { why } = &hook.state else { continue };
        match missing.iter_mut().find(|(name, _)| *name == hook.hook) {
            Some((_, reasons)) => *reasons = format!("{reasons}, {why}"),
            None => missing.push((hook.hook, why.clone())),
        }
    }
    missing
}

fn open(loaded: &Loaded, flavour: Option<Flavour>) -> Result<Sensors, Failure> {
    let rules: RuleSet = std::sync::Arc::into_inner(compile(loaded)?).ok_or_else(|| other("the rules are in use"))?;
    let (sensors, _reader) = Sensors::open(&options(&loaded.config, flavour), &rules.interest(1))?;
    Ok(sensors)
}

fn table(rows: &[Row]) -> String {
    let mut text = format!("{:<8} {:<20} {:<9} {}\n", "SENSOR", "HOOK", "FLAVOUR", "STATE");
    for row in rows {
        text += &format!("{:<8} {:<20} {:<9} {}\n", row.sensor, row.hook, row.flavour, row.state);
        for (label, detail) in [("why", row.why.as_str()), ("not seen", row.unseen.as_str())] {
            if !detail.is_empty() {
                text += &format!("{:<8}   {label}: {detail}\n", "");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use lapwing_engine::event::Sensor;

    use super::*;

    fn hook(flavour: Flavour, state: State) -> HookState {
        HookState {
            sensor: Sensor::File,
            hook: "file-open",
            flavour,
            state,
            unseen: String::new(),
        }
    }

    #[test]
    fn a_hook_is_missing_only_when_no_flavour_works() {
        let refused = || State::Refused { why: "EPERM".into() };
        let both = [hook(Flavour::Function, refused()), hook(Flavour::Syscall, refused())];
        assert_eq!(unattached(&both), [("file-open", "EPERM, EPERM".to_owned())]);
        let one = [
            hook(Flavour::Function, refused()),
            hook(Flavour::Syscall, State::Attached),
        ];
        assert!(unattached(&one).is_empty());
    }

    #[test]
    fn the_table_says_why_and_what_is_not_seen() {
        let mut state = hook(Flavour::Function, State::Refused { why: "EPERM".into() });
        state.unseen = "opens by io_uring".into();
        let text = table(&[Row::from(&state)]);
        assert!(
            text.contains("file-open") && text.contains("why: EPERM") && text.contains("not seen: opens by io_uring")
        );
    }
}

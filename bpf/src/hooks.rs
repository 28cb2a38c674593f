//! Which hooks there are, in which flavours, and what is not seen without them.

use std::collections::BTreeSet;

use lapwing_engine::{
    event::{Flavour, Sensor},
    interest::Interest,
};

/// All hooks of all sensors.
pub(crate) fn catalogue() -> impl Iterator<Item = &'static Hook> {
    crate::process::HOOKS
        .iter()
        .chain(crate::file::HOOKS)
        .chain(crate::net::HOOKS)
}

/// The object of the system-call flavour.
pub(crate) const SYSCALL: &str = "syscall";
/// Its one program, for all hooks: it is told which calls it sees to.
pub(crate) const SYSCALL_PROGRAMS: &[&str] = &["lw_sys_exit"];

/// One thing to be told, and the ways to be told it.
pub(crate) struct Hook {
    pub sensor: Sensor,
    pub name: &'static str,
    /// Whether the rules need it.
    pub needed: fn(&Interest) -> bool,
    /// The best first.
    pub variants: &'static [Variant],
    /// What nobody tells when no variant works.
    pub unseen: &'static str,
}

/// One way: programs of one object that work together.
pub(crate) struct Variant {
    pub flavour: Flavour,
    /// `c/NAME.bpf.c`.
    pub object: &'static str,
    /// All of them must attach and run in the self-test.
    pub programs: &'static [&'static str],
    /// Attached where the kernel has what they hook (32-bit calls for one); not run by the self-test.
    pub optional: &'static [&'static str],
    /// What this way does not tell; empty when it tells all.
    pub unseen: &'static str,
}

/// The sensors that may have lost something by a run of a program of `object` that was skipped: those with an attached hook of which a variant is in it.
/// Where none is attached (any more), all that it is for.
pub(crate) fn served(object: &str, states: &[HookState]) -> BTreeSet<Sensor> {
    let with = |wanted: &dyn Fn(&Hook, &Variant) -> bool| {
        catalogue()
            .filter(|hook| {
                hook.variants
                    .iter()
                    .any(|variant| variant.object == object && wanted(hook, variant))
            })
            .map(|hook| hook.sensor)
            .collect::<BTreeSet<_>>()
    };
    let attached = with(&|hook, variant| {
        states
            .iter()
            .any(|state| (state.hook, state.flavour) == (hook.name, variant.flavour) && state.state == State::Attached)
    });
    match attached.is_empty() {
        true => with(&|_, _| true),
        false => attached,
    }
}

/// Programs of the same object that stand in, together, for one that a kernel refuses or never runs; none for most.
pub(crate) fn substitutes(program: &str) -> &'static [&'static str] {
    match program {
        "lw_path_chown" => &["lw_chown_begin", "lw_chown_end"],
        "lw_vfs_rmdir" => &["lw_do_rmdir"],
        _ => &[],
    }
}

/// What became of one variant of a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookState {
    /// Whose hook.
    pub sensor: Sensor,
    /// Its name: `exec-failure`, `file-open`, ...
    pub hook: &'static str,
    /// Which variant.
    pub flavour: Flavour,
    /// Attached or why not.
    pub state: State,
    /// What is therefore not seen; empty when nothing is missing.
    pub unseen: String,
}

/// State of one variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Attached, and seen to work where the self-test can make it work.
    Attached,
    /// No enabled rule needs the hook.
    NotNeeded,
    /// A better variant is attached.
    NotChosen,
    /// The kernel, its table of known faults or the self-test refused it.
    Refused {
        /// Why, for people.
        why: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As chosen where of all hooks only those named are attached, in the system-call flavour.
    fn states(attached: &[&str]) -> Vec<HookState> {
        catalogue()
            .map(|hook| HookState {
                sensor: hook.sensor,
                hook: hook.name,
                flavour: Flavour::Syscall,
                state: match attached.contains(&hook.name) {
                    true => State::Attached,
                    false => State::NotNeeded,
                },
                unseen: String::new(),
            })
            .collect()
    }

    fn serves(object: &str, attached: &[&str]) -> Vec<Sensor> {
        served(object, &states(attached)).into_iter().collect()
    }

    #[test]
    fn what_the_program_of_all_calls_skips_is_charged_to_each_attached_sensor() {
        let both = [Sensor::Process, Sensor::File];
        assert_eq!(serves(SYSCALL, &["file-open", "exec-failure"]), both);
        assert_eq!(serves(SYSCALL, &["file-open"]), [Sensor::File]);
        assert_eq!(serves(SYSCALL, &["credentials"]), [Sensor::Process]);
        assert_eq!(serves(SYSCALL, &[]), both, "attached a moment ago, or in the self-test");
    }

    #[test]
    fn every_other_object_serves_one_sensor() {
        let variants = catalogue().flat_map(|hook| hook.variants.iter().map(move |variant| (hook, variant)));
        for (hook, variant) in variants.filter(|(_, variant)| variant.object != SYSCALL) {
            assert_eq!(serves(variant.object, &[]), [hook.sensor], "{}", variant.object);
        }
    }
}

//! Chooses a flavour for each hook, by trying: load, attach, and look whether it delivers.

use std::collections::{BTreeMap, BTreeSet};

use lapwing_engine::{event::Flavour, interest::Interest};

use super::Sensors;
use crate::{
    capability::Capabilities,
    faults, file,
    hooks::{self, Hook, HookState, State, Variant, catalogue},
    loader::{self, Refusals},
    process,
    reader::Reader,
    selftest,
};

impl Sensors {
    /// Settles every hook. With a reader, what is newly attached must prove that it delivers.
    pub(super) fn choose(&mut self, interest: &Interest, mut reader: Option<&mut Reader>) {
        let before = self.states.clone();
        let attached = |hook: &Hook, variant: &Variant| {
            before
                .iter()
                .any(|s| s.hook == hook.name && s.flavour == variant.flavour && s.state == State::Attached)
        };
        let mut states: BTreeMap<(&str, Flavour), State> = BTreeMap::new();
        for hook in catalogue() {
            for variant in hook.variants {
                let state = if !(hook.needed)(interest) {
                    State::NotNeeded
                } else if let Some(why) = self.unusable.get(&hook.sensor) {
                    State::Refused { why: why.clone() }
                } else if attached(hook, variant) {
                    State::Attached
                } else {
                    State::NotChosen
                };
                states.insert((hook.name, variant.flavour), state);
            }
        }
        self.detach_all_but(&self.attached_programs(&states));
        for flavour in [Flavour::Function, Flavour::Syscall] {
            let open: Vec<_> = catalogue()
                .filter(|hook| {
                    !hook
                        .variants
                        .iter()
                        .any(|v| states.get(&(hook.name, v.flavour)) == Some(&State::Attached))
                })
                .filter(|hook| (hook.needed)(interest) && !self.unusable.contains_key(&hook.sensor))
                .filter_map(|hook| Some((hook, hook.variants.iter().find(|v| v.flavour == flavour)?)))
                .collect();
            for (hook, state) in self.attempt(&open, reader.as_deref_mut()) {
                states.insert((hook, flavour), state);
            }
            self.detach_all_but(&self.attached_programs(&states));
        }
        self.config.calls = states
            .iter()
            .filter(|((_, flavour), state)| *flavour == Flavour::Syscall && **state == State::Attached)
            .fold(0, |calls, ((hook, _), _)| {
                calls | file::calls(hook) | process::calls(hook)
            });
        if let Err(error) = self.base.configure(&self.config) {
            tracing::error!(%error, "the system-call hooks could not be told what to see to");
        }
        // Until here the program of all calls saw to those of before.
        self.charge_skipped();
        self.held = Capabilities::held();
        self.states = catalogue().flat_map(|hook| rows(hook, &states, self.held)).collect();
    }

    /// Tries variants of one flavour, with substitutes for programs that do not work; says what became of each.
    fn attempt(
        &mut self,
        open: &[(&'static Hook, &'static Variant)],
        mut reader: Option<&mut Reader>,
    ) -> Vec<(&'static str, State)> {
        let refused = self.attempt_once(open, reader.as_deref_mut());
        // Where all of them are refused, no substitute would fare better.
        let doubtful: BTreeSet<_> = open
            .iter()
            .filter(|(_, variant)| variant.programs.iter().any(|program| !refused.contains_key(program)))
            .flat_map(|(_, variant)| variant.programs)
            .filter(|program| refused.contains_key(*program) && !hooks::substitutes(program).is_empty())
            .copied()
            .collect();
        if doubtful.is_empty() {
            return self.outcomes(open, &refused);
        }
        // They share maps with the rest of their object, so it is loaded anew as a whole.
        let anew: BTreeSet<_> = open
            .iter()
            .filter(|(_, variant)| variant.programs.iter().any(|program| doubtful.contains(program)))
            .map(|(_, variant)| variant.object)
            .collect();
        let programs: BTreeSet<_> = open
            .iter()
            .flat_map(|(_, variant)| self.wanted(variant).chain(variant.optional.iter().copied()))
            .collect();
        for loaded in self.loaded.iter_mut().filter(|loaded| anew.contains(loaded.source)) {
            loaded.links.retain(|program, _| !programs.contains(program));
        }
        self.unload();
        self.substituted.extend(doubtful);
        let refused = self.attempt_once(open, reader);
        self.outcomes(open, &refused)
    }

    /// What to attach for a variant on this kernel.
    fn wanted(&self, variant: &'static Variant) -> impl Iterator<Item = &'static str> {
        variant
            .programs
            .iter()
            .flat_map(|program| {
                if self.substituted.contains(program) {
                    hooks::substitutes(program)
                } else {
                    std::slice::from_ref(program)
                }
            })
            .copied()
    }

    /// Loads, attaches and tests; says which programs were refused and why.
    fn attempt_once(&mut self, open: &[(&'static Hook, &'static Variant)], reader: Option<&mut Reader>) -> Refusals {
        let mut refused = Refusals::new();
        let mut objects: BTreeMap<&'static str, BTreeSet<&'static str>> = BTreeMap::new();
        let types = loader::KernelTypes::default();
        for (hook, variant) in open {
            if let Some(why) = self.forbidden(hook, variant) {
                refused.extend(self.wanted(variant).map(|program| (program, why.clone())));
                continue;
            }
            let programs = self
                .wanted(variant)
                .chain(variant.optional.iter().copied())
                .filter(|program| !self.is_attached(program));
            objects.entry(variant.object).or_default().extend(programs);
        }
        let mut order: Vec<_> = objects
            .into_iter()
            .filter(|(_, programs)| !programs.is_empty())
            .collect();
        order.sort_by_key(|(object, _)| *object != process::LIFECYCLE_OBJECT);
        for (object, programs) in order {
            if let Some(why) = refused.get(process::LIFECYCLE_PROGRAM).cloned() {
                // No agent without processes: the rest is not worth the time.
                refused.extend(
                    programs
                        .into_iter()
                        .map(|program| (program, format!("not tried: {why}"))),
                );
                continue;
            }
            let (loaded, refusals) = loader::attach(&self.base, &types, object, &programs);
            self.loaded.extend(loaded);
            refused.extend(refusals);
        }
        if let Some(reader) = reader {
            let tested: Vec<_> = open
                .iter()
                .flat_map(|(_, v)| self.wanted(v))
                .filter(|p| !refused.contains_key(p))
                .collect();
            refused.extend(selftest::run(&self.loaded, &tested, reader));
        }
        refused
    }

    fn outcomes(&self, open: &[(&'static Hook, &'static Variant)], refused: &Refusals) -> Vec<(&'static str, State)> {
        open.iter()
            .map(|(hook, variant)| {
                let why: BTreeSet<&String> = self
                    .wanted(variant)
                    .filter_map(|program| refused.get(program))
                    .collect();
                if why.is_empty() {
                    return (hook.name, State::Attached);
                }
                let why = why.into_iter().cloned().collect::<Vec<_>>().join("; ");
                (hook.name, State::Refused { why })
            })
            .collect()
    }

    /// Why a variant is not even tried.
    fn forbidden(&self, hook: &Hook, variant: &Variant) -> Option<String> {
        if self.options.flavour.is_some_and(|only| only != variant.flavour) && hook.variants.len() > 1 {
            return Some("the other flavour is asked for".to_owned());
        }
        // Tracepoints need no trampoline: the only variant of a hook is one on tracepoints.
        // Who asks for the function flavour by name gets it.
        if variant.flavour == Flavour::Function && hook.variants.len() > 1 && self.options.flavour.is_none() {
            return faults::of_trampolines().map(str::to_owned);
        }
        None
    }

    fn is_attached(&self, program: &str) -> bool {
        self.loaded.iter().any(|loaded| loaded.links.contains_key(program))
    }

    /// Variants may share a program, so what to keep is said rather than what to drop.
    fn detach_all_but(&mut self, kept: &BTreeSet<&str>) {
        for loaded in &mut self.loaded {
            loaded.links.retain(|program, _| kept.contains(program));
        }
        self.unload();
    }

    /// Lets objects go of which nothing is attached any more; what they skipped is known first.
    fn unload(&mut self) {
        self.charge_skipped();
        self.loaded.retain(|loaded| !loaded.links.is_empty());
    }

    /// The programs of all attached variants.
    fn attached_programs(&self, states: &BTreeMap<(&str, Flavour), State>) -> BTreeSet<&'static str> {
        catalogue()
            .flat_map(|hook| hook.variants.iter().map(move |variant| (hook, variant)))
            .filter(|(hook, variant)| states.get(&(hook.name, variant.flavour)) == Some(&State::Attached))
            .flat_map(|(_, variant)| self.wanted(variant).chain(variant.optional.iter().copied()))
            .collect()
    }
}

/// The rows of a hook, with what is not seen: with the attached variant, or with none.
fn rows(hook: &'static Hook, states: &BTreeMap<(&str, Flavour), State>, held: Capabilities) -> Vec<HookState> {
    let any = hook
        .variants
        .iter()
        .any(|v| states.get(&(hook.name, v.flavour)) == Some(&State::Attached));
    hook.variants
        .iter()
        .map(|variant| {
            let state = states
                .get(&(hook.name, variant.flavour))
                .cloned()
                .unwrap_or(State::NotChosen);
            let unseen = match (&state, any) {
                (State::Attached, _) => {
                    let own = Some(variant.unseen).filter(|unseen| !unseen.is_empty());
                    let all: Vec<_> = own.into_iter().chain(held.unseen(hook.sensor, hook.name)).collect();
                    all.join("; ")
                }
                (State::Refused { .. }, false) => hook.unseen.to_owned(),
                _ => String::new(),
            };
            HookState {
                sensor: hook.sensor,
                hook: hook.name,
                flavour: variant.flavour,
                state,
                unseen,
            }
        })
        .collect()
}

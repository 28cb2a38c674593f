//! The sensors: chooses a flavour for each hook, attaches what the rules need, counts what is lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering},
};

use lapwing_engine::{
    event::{Flavour, Sensor},
    interest::Interest,
};
use libbpf_rs::MapCore;

use crate::{
    base::Base,
    check, cost, faults,
    hooks::{Hook, HookState, State, Variant, catalogue},
    libbpf_log,
    loader::{self, Loaded, Refusals},
    options::Options,
    reader::{Common, Reader},
    ring::Ring,
    selftest,
    unavailable::{ApplyError, Unavailable},
    wire::{lw_config, lw_want},
};

/// The loaded programs. Dropping it detaches everything.
pub struct Sensors {
    pub(crate) base: Base,
    pub(crate) loaded: Vec<Loaded>,
    pub(crate) common: Arc<Common>,
    options: Options,
    states: Vec<HookState>,
    config: lw_config,
    /// While it lives the kernel counts runs and time.
    _stats: Option<cost::Stats>,
}

impl Sensors {
    /// Loads and attaches what `interest` needs, in the best flavour that this kernel lets work.
    pub fn open(options: &Options, interest: &Interest) -> Result<(Sensors, Reader), Unavailable> {
        check::host()?;
        libbpf_log::capture();
        let base = Base::load(options).map_err(Unavailable::maps)?;
        let common = Arc::new(Common::default());
        let mut rings = Vec::new();
        for (sensor, ring) in &base.rings {
            rings.push((*sensor, Ring::map(ring, ring.max_entries()).map_err(|error| Unavailable::maps(error.into()))?));
        }
        let mut reader = Reader::new(rings, Arc::clone(&common));
        let stats = if options.stats { cost::Stats::enable().ok() } else { None };
        let mut sensors = Sensors {
            base,
            loaded: Vec::new(),
            common,
            options: options.clone(),
            states: Vec::new(),
            config: lw_config { generation: 0, self_pid: 0, flags: 0, reserved: 0 },
            _stats: stats,
        };
        sensors.configure(interest).map_err(Unavailable::maps)?;
        sensors.choose(interest, Some(&mut reader));
        if let Some(why) = sensors.lifecycle_refused() {
            return Err(Unavailable::NoLifecycle { why });
        }
        sensors.exclude_self(std::process::id());
        Ok((sensors, reader))
    }

    /// Makes the kernel judge by `interest` from now on: attaches what is newly needed, detaches what is not.
    pub fn apply(&mut self, interest: &Interest) -> Result<(), ApplyError> {
        self.configure(interest).map_err(|error| ApplyError(error.to_string()))?;
        self.choose(interest, None);
        Ok(())
    }

    /// What became of every variant of every hook.
    pub fn hooks(&self) -> Vec<HookState> {
        self.states.clone()
    }

    /// Excludes (and counts) what the process `pid` does: the agent itself.
    pub fn exclude_self(&mut self, pid: u32) {
        self.config.self_pid = pid;
        if let Err(error) = self.base.configure(&self.config) {
            tracing::warn!(%error, "the agent's own actions cannot be excluded");
        }
    }

    fn configure(&mut self, interest: &Interest) -> libbpf_rs::Result<()> {
        self.config.generation = interest.generation;
        self.config.flags = if interest.process && interest.credentials { lw_want::LW_WANT_CREDENTIALS.0 } else { 0 };
        self.base.configure(&self.config)
    }

    /// Settles every hook. With a reader, what is newly attached must prove that it delivers.
    fn choose(&mut self, interest: &Interest, mut reader: Option<&mut Reader>) {
        let before = std::mem::take(&mut self.states);
        let attached = |hook: &Hook, variant: &Variant| {
            before.iter().any(|s| s.hook == hook.name && s.flavour == variant.flavour && s.state == State::Attached)
        };
        let mut states: BTreeMap<(&str, Flavour), State> = BTreeMap::new();
        for hook in catalogue() {
            for variant in hook.variants {
                let state = if !(hook.needed)(interest) {
                    self.detach(variant);
                    State::NotNeeded
                } else if attached(hook, variant) {
                    State::Attached
                } else {
                    State::NotChosen
                };
                states.insert((hook.name, variant.flavour), state);
            }
        }
        for flavour in [Flavour::Function, Flavour::Syscall] {
            let open: Vec<_> = catalogue()
                .filter(|hook| !hook.variants.iter().any(|v| states.get(&(hook.name, v.flavour)) == Some(&State::Attached)))
                .filter(|hook| (hook.needed)(interest))
                .filter_map(|hook| Some((hook, hook.variants.iter().find(|v| v.flavour == flavour)?)))
                .collect();
            for (hook, state) in self.attempt(&open, reader.as_deref_mut()) {
                states.insert((hook, flavour), state);
            }
        }
        self.states = catalogue().flat_map(|hook| rows(hook, &states)).collect();
    }

    /// Tries variants of one flavour; says what became of each.
    fn attempt(&mut self, open: &[(&'static Hook, &'static Variant)], reader: Option<&mut Reader>) -> Vec<(&'static str, State)> {
        let mut refused = Refusals::new();
        let mut objects: BTreeMap<&'static str, BTreeSet<&'static str>> = BTreeMap::new();
        let fault = faults::of_trampolines();
        for (hook, variant) in open {
            if let Some(why) = self.forbidden(hook, variant, fault) {
                refused.extend(variant.programs.iter().map(|program| (*program, why.clone())));
                continue;
            }
            objects.entry(variant.object).or_default().extend(variant.programs.iter().chain(variant.optional));
        }
        for (object, programs) in objects {
            let (loaded, refusals) = loader::attach(&self.base, object, &programs);
            self.loaded.extend(loaded);
            refused.extend(refusals);
        }
        if let Some(reader) = reader {
            let tested: Vec<_> = open.iter().flat_map(|(_, v)| v.programs).filter(|p| !refused.contains_key(*p)).copied().collect();
            refused.extend(selftest::run(&self.loaded, &tested, reader));
        }
        open.iter()
            .map(|(hook, variant)| {
                let why: BTreeSet<&String> = variant.programs.iter().filter_map(|program| refused.get(program)).collect();
                if why.is_empty() {
                    return (hook.name, State::Attached);
                }
                self.detach(variant);
                let why = why.into_iter().cloned().collect::<Vec<_>>().join("; ");
                (hook.name, State::Refused { why })
            })
            .collect()
    }

    /// Why a variant is not even tried.
    fn forbidden(&self, hook: &Hook, variant: &Variant, fault: Option<&str>) -> Option<String> {
        if self.options.flavour.is_some_and(|only| only != variant.flavour) && hook.variants.len() > 1 {
            return Some("the other flavour is asked for".to_owned());
        }
        // Tracepoints need no trampoline: the only variant of a hook is one on tracepoints.
        if variant.flavour == Flavour::Function && hook.variants.len() > 1 {
            return fault.map(str::to_owned);
        }
        None
    }

    fn detach(&mut self, variant: &Variant) {
        for loaded in self.loaded.iter_mut().filter(|l| l.source == variant.object) {
            loaded.links.retain(|program, _| !variant.programs.contains(program) && !variant.optional.contains(program));
        }
        self.loaded.retain(|l| !l.links.is_empty());
    }

    fn lifecycle_refused(&self) -> Option<String> {
        self.states.iter().find(|s| s.hook == "process-lifecycle").and_then(|s| match &s.state {
            State::Refused { why } => Some(why.clone()),
            _ => None,
        })
    }

    /// Records that could not be decoded, of one sensor.
    pub(crate) fn undecoded(&self, sensor: Sensor) -> u64 {
        self.common.undecoded[sensor as usize].load(Ordering::Relaxed)
    }
}

/// The rows of a hook, with what is not seen: with the attached variant, or with none.
fn rows(hook: &'static Hook, states: &BTreeMap<(&str, Flavour), State>) -> Vec<HookState> {
    let any = hook.variants.iter().any(|v| states.get(&(hook.name, v.flavour)) == Some(&State::Attached));
    hook.variants
        .iter()
        .map(|variant| {
            let state = states.get(&(hook.name, variant.flavour)).cloned().unwrap_or(State::NotChosen);
            let unseen = match (&state, any) {
                (State::Attached, _) => variant.unseen,
                (State::Refused { .. }, false) => hook.unseen,
                _ => "",
            };
            HookState { sensor: hook.sensor, hook: hook.name, flavour: variant.flavour, state, unseen }
        })
        .collect()
}

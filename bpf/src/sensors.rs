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
    check, cost, faults, file,
    hooks::{Hook, HookState, State, Variant, catalogue},
    libbpf_log,
    loader::{self, Loaded, Refusals},
    net::NetworkRules,
    options::Options,
    process,
    reader::{Common, Reader},
    ring::Ring,
    selftest,
    unavailable::{ApplyError, Unavailable},
    watch::{InstallError, Watches},
    wire::{lw_config, lw_want},
};

/// The loaded programs. Dropping it detaches everything.
pub struct Sensors {
    pub(crate) base: Base,
    pub(crate) loaded: Vec<Loaded>,
    pub(crate) common: Arc<Common>,
    watches: Option<Watches>,
    network: Option<NetworkRules>,
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
            rings.push((
                *sensor,
                Ring::map(ring, ring.max_entries()).map_err(|error| Unavailable::maps(error.into()))?,
            ));
        }
        let mut reader = Reader::new(rings, Arc::clone(&common));
        let stats = if options.stats {
            cost::Stats::enable().ok()
        } else {
            None
        };
        let mut sensors = Sensors {
            base,
            loaded: Vec::new(),
            common,
            watches: None,
            network: None,
            options: options.clone(),
            states: Vec::new(),
            config: lw_config {
                generation: 0,
                self_pid: 0,
                flags: 0,
                calls: 0,
            },
            _stats: stats,
        };
        sensors.configure(interest, true).map_err(Unavailable::maps)?;
        sensors
            .install(interest)
            .map_err(|error| Unavailable::Maps { why: error.to_string() })?;
        sensors.install_network(interest).map_err(Unavailable::maps)?;
        sensors.choose(interest, Some(&mut reader));
        if let Some(why) = sensors.lifecycle_refused() {
            return Err(Unavailable::NoLifecycle { why });
        }
        sensors.exclude_self(std::process::id());
        Ok((sensors, reader))
    }

    /// Makes the kernel judge by `interest` from now on: attaches what is newly needed, detaches what is not.
    pub fn apply(&mut self, interest: &Interest) -> Result<(), ApplyError> {
        self.install(interest).map_err(|error| ApplyError(error.to_string()))?;
        self.install_network(interest)
            .map_err(|error| ApplyError(error.to_string()))?;
        let anew = wants_credentials(interest) && self.config.flags & lw_want::LW_WANT_CREDENTIALS.0 == 0;
        self.configure(interest, !anew)
            .map_err(|error| ApplyError(error.to_string()))?;
        self.choose(interest, None);
        if anew {
            // What was remembered before is old, and would look like changes that no call made.
            self.forget_credentials();
            self.configure(interest, true)
                .map_err(|error| ApplyError(error.to_string()))?;
            self.seed().map_err(|error| ApplyError(error.to_string()))?;
        } else {
            self.seed_network();
        }
        Ok(())
    }

    /// Tells the network hooks what the rules want; makes their maps when they are wanted for the first time.
    fn install_network(&mut self, interest: &Interest) -> libbpf_rs::Result<()> {
        let Some(wanted) = &interest.network else {
            self.network = None;
            return Ok(());
        };
        if self.base.add_network(&self.options)? {
            if let Some((sensor, ring)) = self.base.rings.last() {
                let ring = Ring::map(ring, ring.max_entries())?;
                let mut added = self
                    .common
                    .added
                    .lock()
                    .unwrap_or_else(|poisoned| poisoned.into_inner());
                added.push((*sensor, ring));
            }
        } else if self.network.is_none() {
            NetworkRules::clear(&self.base);
        }
        self.network
            .get_or_insert_with(NetworkRules::new)
            .install(&self.base, wanted, interest.generation)
    }

    /// Tells of the sockets from before, by the ring.
    pub(crate) fn seed_network(&mut self) {
        if let Some(network) = &mut self.network
            && let Err(error) = network.seed(&self.base)
        {
            tracing::warn!(error, "connections from before are unknown until they carry something");
        }
    }

    fn forget_credentials(&self) {
        if let Some(remembered) = self.base.map("lw_remembered") {
            let threads: Vec<_> = remembered.keys().collect();
            for thread in threads {
                let _ = remembered.delete(&thread); // it may have ended
            }
        }
    }

    /// Asks the kernel for the keys of the watched paths anew, if anything was mounted or unmounted since the last call; says whether. Cheap
    /// when not: call it every second or so.
    pub fn refresh_watches(&mut self) -> Result<bool, ApplyError> {
        match &mut self.watches {
            Some(watches) => watches.refresh().map_err(|error| ApplyError(error.to_string())),
            None => Ok(false),
        }
    }

    fn install(&mut self, interest: &Interest) -> Result<(), InstallError> {
        if self.watches.is_none() {
            if interest.watches.is_empty() {
                return Ok(());
            }
            self.watches = Some(Watches::new(&self.base, Arc::clone(&self.common.watches))?);
        }
        self.watches
            .as_mut()
            .map_or(Ok(()), |watches| watches.install(interest))
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

    fn configure(&mut self, interest: &Interest, remember: bool) -> libbpf_rs::Result<()> {
        self.config.generation = interest.generation;
        self.config.flags = if remember && wants_credentials(interest) {
            lw_want::LW_WANT_CREDENTIALS.0
        } else {
            0
        };
        self.base.configure(&self.config)
    }

    /// Settles every hook. With a reader, what is newly attached must prove that it delivers.
    fn choose(&mut self, interest: &Interest, mut reader: Option<&mut Reader>) {
        let before = std::mem::take(&mut self.states);
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
                } else if attached(hook, variant) {
                    State::Attached
                } else {
                    State::NotChosen
                };
                states.insert((hook.name, variant.flavour), state);
            }
        }
        self.detach_all_but(&attached_programs(&states));
        for flavour in [Flavour::Function, Flavour::Syscall] {
            let open: Vec<_> = catalogue()
                .filter(|hook| {
                    !hook
                        .variants
                        .iter()
                        .any(|v| states.get(&(hook.name, v.flavour)) == Some(&State::Attached))
                })
                .filter(|hook| (hook.needed)(interest))
                .filter_map(|hook| Some((hook, hook.variants.iter().find(|v| v.flavour == flavour)?)))
                .collect();
            for (hook, state) in self.attempt(&open, reader.as_deref_mut()) {
                states.insert((hook, flavour), state);
            }
            self.detach_all_but(&attached_programs(&states));
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
        self.states = catalogue().flat_map(|hook| rows(hook, &states)).collect();
    }

    /// Tries variants of one flavour; says what became of each.
    fn attempt(
        &mut self,
        open: &[(&'static Hook, &'static Variant)],
        reader: Option<&mut Reader>,
    ) -> Vec<(&'static str, State)> {
        let mut refused = Refusals::new();
        let mut objects: BTreeMap<&'static str, BTreeSet<&'static str>> = BTreeMap::new();
        let fault = faults::of_trampolines();
        for (hook, variant) in open {
            if let Some(why) = self.forbidden(hook, variant, fault) {
                refused.extend(variant.programs.iter().map(|program| (*program, why.clone())));
                continue;
            }
            let programs = variant
                .programs
                .iter()
                .chain(variant.optional)
                .filter(|program| !self.is_attached(program));
            objects.entry(variant.object).or_default().extend(programs);
        }
        for (object, programs) in objects.into_iter().filter(|(_, programs)| !programs.is_empty()) {
            let (loaded, refusals) = loader::attach(&self.base, object, &programs);
            self.loaded.extend(loaded);
            refused.extend(refusals);
        }
        if let Some(reader) = reader {
            let tested: Vec<_> = open
                .iter()
                .flat_map(|(_, v)| v.programs)
                .filter(|p| !refused.contains_key(*p))
                .copied()
                .collect();
            refused.extend(selftest::run(&self.loaded, &tested, reader));
        }
        open.iter()
            .map(|(hook, variant)| {
                let why: BTreeSet<&String> = variant
                    .programs
                    .iter()
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
    fn forbidden(&self, hook: &Hook, variant: &Variant, fault: Option<&str>) -> Option<String> {
        if self.options.flavour.is_some_and(|only| only != variant.flavour) && hook.variants.len() > 1 {
            return Some("the other flavour is asked for".to_owned());
        }
        // Tracepoints need no trampoline: the only variant of a hook is one on tracepoints.
        // Who asks for the function flavour by name gets it.
        if variant.flavour == Flavour::Function && hook.variants.len() > 1 && self.options.flavour.is_none() {
            return fault.map(str::to_owned);
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
        self.loaded.retain(|loaded| !loaded.links.is_empty());
    }

    fn lifecycle_refused(&self) -> Option<String> {
        self.states
            .iter()
            .find(|s| s.hook == "process-lifecycle")
            .and_then(|s| match &s.state {
                State::Refused { why } => Some(why.clone()),
                _ => None,
            })
    }

    /// Records that could not be decoded, of one sensor.
    pub(crate) fn undecoded(&self, sensor: Sensor) -> u64 {
        self.common.undecoded[sensor as usize].load(Ordering::Relaxed)
    }
}

/// The programs of all attached variants.
fn attached_programs(states: &BTreeMap<(&str, Flavour), State>) -> BTreeSet<&'static str> {
    catalogue()
        .flat_map(|hook| hook.variants.iter().map(move |variant| (hook, variant)))
        .filter(|(hook, variant)| states.get(&(hook.name, variant.flavour)) == Some(&State::Attached))
        .flat_map(|(_, variant)| variant.programs.iter().chain(variant.optional))
        .copied()
        .collect()
}

fn wants_credentials(interest: &Interest) -> bool {
    interest.process && interest.credentials
}

/// The rows of a hook, with what is not seen: with the attached variant, or with none.
fn rows(hook: &'static Hook, states: &BTreeMap<(&str, Flavour), State>) -> Vec<HookState> {
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
                (State::Attached, _) => variant.unseen,
                (State::Refused { .. }, false) => hook.unseen,
                _ => "",
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

//! The sensors: chooses a flavour for each hook, attaches what the rules need, counts what is lost.

mod choose;

use std::{
    collections::{BTreeMap, BTreeSet},
    os::fd::BorrowedFd,
    sync::{Arc, atomic::Ordering},
};

use lapwing_engine::{event::Sensor, interest::Interest};
use libbpf_rs::MapCore;

use crate::{
    base::Base,
    capability::Capabilities,
    check, cost,
    hooks::{HookState, State},
    libbpf_log,
    loader::Loaded,
    net::{NetworkRules, Walks},
    object::has_uprobe_multi,
    options::Options,
    reader::{Common, Reader},
    ring::Ring,
    tls::{self, Tls, TlsObject},
    unavailable::{ApplyError, Unavailable, memory_advice},
    watch::{InstallError, Watches},
    wire::{lw_config, lw_sensor, lw_stage, lw_want},
};

/// The loaded programs. Dropping it detaches everything.
pub struct Sensors {
    pub(crate) base: Base,
    pub(crate) loaded: Vec<Loaded>,
    pub(crate) common: Arc<Common>,
    watches: Option<Watches>,
    network: Option<NetworkRules>,
    pub(crate) walks: Walks,
    pub(crate) tls: Option<Tls>,
    pub(crate) census: tls::Census,
    pub(crate) skipped: cost::Skipped,
    options: Options,
    pub(crate) states: Vec<HookState>,
    /// Sensors that have nothing to work with (maps that the kernel does not make), and why: their hooks are refused, the others work.
    unusable: BTreeMap<Sensor, String>,
    /// The capabilities when the hooks were last settled.
    held: Capabilities,
    /// Programs that do not work here, and whose substitutes do.
    substituted: BTreeSet<&'static str>,
    config: lw_config,
    /// While it lives the kernel counts runs and time.
    _stats: Option<cost::Stats>,
}

impl Sensors {
    /// Loads and attaches what `interest` needs, in the best flavour that this kernel lets work.
    ///
    /// # Errors
    /// What this host lacks for any hook at all, or why the life of processes cannot be followed. Another hook that is refused is no error: [`Sensors::hooks`] has why.
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
            cost::Stats::enable()
                .inspect_err(|error| {
                    tracing::warn!(
                        %error,
                        "agent.bpf_stats: the kernel does not measure BPF programs for lapwing (CAP_SYS_ADMIN): their runs and times stay 0"
                    )
                })
                .ok()
        } else {
            None
        };
        let mut sensors = Sensors {
            base,
            loaded: Vec::new(),
            common,
            watches: None,
            network: None,
            walks: Walks::default(),
            tls: None,
            census: tls::Census::default(),
            skipped: cost::Skipped::default(),
            options: options.clone(),
            states: Vec::new(),
            unusable: BTreeMap::new(),
            held: Capabilities::held(),
            substituted: BTreeSet::new(),
            config: lw_config {
                generation: 0,
                self_pid: 0,
                flags: 0,
                calls: 0,
            },
            _stats: stats,
        };
        sensors.configure(interest, true).map_err(Unavailable::maps)?;
        if let Err(error) = sensors.install(interest) {
            sensors.unusable.insert(Sensor::File, error.to_string());
        }
        if let Err(error) = sensors.install_network(interest) {
            sensors.unusable.insert(Sensor::Network, maps_refused(&error));
        }
        sensors.choose(interest, Some(&mut reader));
        if let Some(why) = sensors.lifecycle_refused() {
            return Err(Unavailable::lifecycle(why));
        }
        sensors.exclude_self(std::process::id());
        Ok((sensors, reader))
    }

    /// Makes the kernel judge by `interest` from now on: attaches what is newly needed, detaches what is not.
    ///
    /// # Errors
    /// When the kernel does not take what the maps are to hold. A hook that is refused is no error.
    pub fn apply(&mut self, interest: &Interest) -> Result<(), ApplyError> {
        let installed = self.install(interest).map_err(|error| error.to_string());
        self.usable(Sensor::File, installed)?;
        let installed = self.install_network(interest).map_err(|error| maps_refused(&error));
        self.usable(Sensor::Network, installed)?;
        let anew = wants_credentials(interest) && self.config.flags & lw_want::LW_WANT_CREDENTIALS.0 == 0;
        self.configure(interest, !anew)
            .map_err(|error| ApplyError(error.to_string()))?;
        let before = self.states.clone();
        self.choose(interest, None);
        self.prove(&before);
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

    /// A sensor that had nothing to work with may have it now; one that still has not is no reason to refuse new rules.
    fn usable(&mut self, sensor: Sensor, installed: Result<(), String>) -> Result<(), ApplyError> {
        match installed {
            Ok(()) => {
                self.unusable.remove(&sensor);
                Ok(())
            }
            Err(why) if self.unusable.contains_key(&sensor) => {
                self.unusable.insert(sensor, why);
                Ok(())
            }
            Err(why) => Err(ApplyError(why)),
        }
    }

    /// Tells the network hooks what the rules want; makes their maps when they are wanted for the first time.
    fn install_network(&mut self, interest: &Interest) -> libbpf_rs::Result<()> {
        let Some(wanted) = &interest.network else {
            self.network = None;
            self.end_tls();
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
            .install(&self.base, wanted, interest.generation)?;
        if !wanted.https {
            self.end_tls();
        } else if self.tls.is_none() {
            self.base.add_tls(&self.options)?;
            self.tls = Some(Tls::open(&self.base));
        }
        Ok(())
    }

    fn end_tls(&mut self) {
        self.charge_skipped();
        self.tls = None;
    }

    /// Starts the thread that finds the TLS libraries which programs use, if the rules want them and it does not run: call it after opening the
    /// sensors, and now and then (a reload may want it). Until then only the libraries in the host's own directories are probed. The thread gives
    /// up what it does not need; before Linux 6.6 it needs CAP_SYS_ADMIN, so start it before that is dropped.
    pub fn find_tls(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.start();
        }
    }

    /// Whether the thread of [`Sensors::find_tls`] needs CAP_SYS_ADMIN.
    pub fn tls_needs_admin(&self) -> bool {
        !has_uprobe_multi()
    }

    /// The files whose TLS functions are probed now.
    pub fn tls_objects(&self) -> Vec<TlsObject> {
        self.tls.as_ref().map(Tls::objects).unwrap_or_default()
    }

    /// TLS connections that gave way to others since the kernel's table of them is full (part of `no_memory` of the network's losses), as of the
    /// last but one [`Sensors::kernel_tables`].
    pub fn tls_evicted(&self) -> u64 {
        self.census.evicted()
    }

    /// TLS connections of programs that ended before it was told how much had passed of them past the budget.
    pub fn tls_untold(&self) -> u64 {
        self.census.untold(&self.base)
    }

    /// The programs of the TLS probes.
    pub(crate) fn tls_programs(&self) -> impl Iterator<Item = (&'static str, BorrowedFd<'_>)> {
        self.tls.iter().flat_map(Tls::programs)
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
    ///
    /// # Errors
    /// When the kernel does not take them; those from before stay.
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
        let mut states = self.states.clone();
        states.push(tls::row(self.tls.as_ref(), self.held));
        states
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

    /// Whether what a reload has newly attached delivers, as far as that can be seen without CAP_SYS_ADMIN, which is dropped by then: the agent's
    /// own connection must be counted as its own. One that is not says so in its state.
    fn prove(&mut self, before: &[HookState]) {
        let was_attached = |state: &HookState| before.contains(state);
        let new = |state: &HookState| {
            state.sensor == Sensor::Network && state.state == State::Attached && !was_attached(state)
        };
        if !self
            .states
            .iter()
            .any(|state| new(state) && state.hook == "network-flow")
            || self.config.self_pid == 0
        {
            return;
        }
        let own = |base: &Base| base.count(lw_sensor::LW_NETWORK, lw_stage::LW_SELF);
        let counted = own(&self.base);
        crate::net::act();
        if own(&self.base) > counted {
            return;
        }
        for state in self.states.iter_mut().filter(|state| new(state)) {
            state.state = State::Refused {
                why: "attached by a reload, but it did not notice the agent's own connection; a restart tries again"
                    .to_owned(),
            };
        }
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

fn maps_refused(error: &libbpf_rs::Error) -> String {
    format!("the kernel does not make its maps ({error}); {}", memory_advice())
}

fn wants_credentials(interest: &Interest) -> bool {
    interest.process && interest.credentials
}

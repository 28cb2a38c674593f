//! Plaintext of TLS: uprobes on the functions of OpenSSL and its like, wherever a process maps them.

mod doors;
mod elf;
mod events;
mod finder;
mod instruction;
mod maps;
mod open;

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use lapwing_engine::event::{Flavour, Sensor};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_no_new_privs};

use crate::{
    base::Base,
    capability::Capabilities,
    hooks::{HookState, State},
    loader,
    object::has_uprobe_multi,
};
use elf::Elf;
pub use finder::TlsObject;
use finder::{Finder, Shared};

/// How long the end waits for the probes to be let go.
const PATIENCE: Duration = Duration::from_secs(2);
const NAME: &str = "tls-library";
const UNSEEN: &str = "what TLS libraries encrypt and decrypt";
const UNSEEN_BUT: &str = "TLS by other libraries (GnuTLS, NSS, Go, rustls, Java), by OpenSSL inside programs that do not export it, by 32-bit programs, by libraries in a memfd; QUIC; kTLS by sendfile";

/// The probes on TLS libraries.
pub(crate) struct Tls {
    shared: Arc<Shared>,
    refused: Option<String>,
    /// Until its thread is started.
    finder: Option<Finder>,
    thread: Option<JoinHandle<()>>,
}

impl Tls {
    /// Loads the programs and probes the host's own libraries.
    pub fn open(base: &Base) -> Tls {
        let shared = Arc::new(Shared::default());
        let programs = BTreeSet::from_iter(doors::PROGRAMS.iter().copied());
        let (finder, refused) = match loader::load(base, "tls_probe", &programs) {
            Ok(object) => (Some(Finder::new(object, Arc::clone(&shared))), None),
            Err(why) => (None, Some(why)),
        };
        let mut tls = Tls {
            shared,
            refused,
            finder,
            thread: None,
        };
        if let Some(finder) = &mut tls.finder {
            finder.add_own();
        }
        tls
    }

    /// Starts to look for libraries, if it has not.
    pub fn start(&mut self) {
        let Some(finder) = self.finder.take() else { return };
        match thread::Builder::new().name("tls-finder".to_owned()).spawn(move || {
            restrict();
            finder.run();
        }) {
            Ok(thread) => self.thread = Some(thread),
            Err(error) => self.refused = Some(format!("no thread to look for libraries: {error}")),
        }
    }

    /// What is probed now.
    pub fn objects(&self) -> Vec<TlsObject> {
        self.shared
            .objects
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone()
    }
}

impl Tls {
    /// The files that may be libraries and are not probed, for people.
    fn missed(&self) -> Option<String> {
        let count = self.shared.missed.load(Ordering::Relaxed);
        let why = self
            .shared
            .why
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone()?;
        Some(format!(
            "{count} mapped files that could not be examined or probed, the last of them {why}"
        ))
    }
}

impl Drop for Tls {
    /// Waits a while for the probes to go. The thread may hang in the kernel with a process that is stuck: then they go when it does.
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        let Some(thread) = self.thread.take() else { return };
        let end = Instant::now() + PATIENCE;
        while !thread.is_finished() && Instant::now() < end {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Gives up what finding and probing libraries does not need, in the thread that does it. Before 6.6 a probe wants CAP_SYS_ADMIN.
fn restrict() {
    let mut needed = CapabilitySet::BPF
        | CapabilitySet::PERFMON
        | CapabilitySet::DAC_READ_SEARCH
        | CapabilitySet::SYS_PTRACE
        | CapabilitySet::CHECKPOINT_RESTORE;
    if !has_uprobe_multi() {
        needed |= CapabilitySet::SYS_ADMIN;
    }
    let done = capabilities(None).and_then(|held| {
        let kept = held.permitted & needed;
        set_capabilities(
            None,
            CapabilitySets {
                effective: kept,
                permitted: kept,
                inheritable: CapabilitySet::empty(),
            },
        )
    });
    if let Err(error) = done.and_then(|()| set_no_new_privs(true)) {
        tracing::warn!(%error, "the thread that finds TLS libraries keeps its capabilities");
    }
}

/// Where in a file of these bytes functions would be probed (offsets): nowhere if it is no TLS library. For tests of files that lie.
pub fn tls_doors(file: &[u8]) -> Vec<u64> {
    let doors = Elf::parse(file).map(|elf| doors::doors(&elf));
    doors.into_iter().flatten().map(|door| door.offset).collect()
}

/// How the probes are, for people.
pub(crate) fn row(tls: Option<&Tls>, held: Capabilities) -> HookState {
    let (state, unseen) = match tls {
        None => (State::NotNeeded, ""),
        Some(Tls { refused: Some(why), .. }) => (State::Refused { why: why.clone() }, UNSEEN),
        Some(_) => (State::Attached, UNSEEN_BUT),
    };
    let mut unseen = vec![unseen.to_owned()];
    if let (Some(tls), State::Attached) = (tls, &state) {
        unseen.extend(held.unseen(Sensor::Network, NAME).map(str::to_owned));
        unseen.extend(tls.missed());
    }
    HookState {
        sensor: Sensor::Network,
        hook: NAME,
        flavour: Flavour::Function,
        state,
        unseen: unseen.join("; "),
    }
}

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

use crate::{
    base::Base,
    capability::Capabilities,
    hooks::{HookState, State},
    loader,
};
pub use finder::TlsObject;
use finder::{Finder, Shared};

/// How long the end waits for the probes to be let go.
const PATIENCE: Duration = Duration::from_secs(2);
const NAME: &str = "tls-library";
const UNSEEN: &str = "what TLS libraries encrypt and decrypt";
const UNSEEN_BUT: &str = "TLS by other libraries (GnuTLS, NSS, Go, rustls, Java), by OpenSSL inside programs that do not export it, by 32-bit programs; QUIC; kTLS by sendfile";

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
        match thread::Builder::new()
            .name("tls-finder".to_owned())
            .spawn(move || finder.run())
        {
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

/// How the probes are, for people.
pub(crate) fn row(tls: Option<&Tls>, held: Capabilities) -> HookState {
    let (state, unseen) = match tls {
        None => (State::NotNeeded, ""),
        Some(Tls { refused: Some(why), .. }) => (State::Refused { why: why.clone() }, UNSEEN),
        Some(_) => (State::Attached, UNSEEN_BUT),
    };
    let lost = held.unseen(Sensor::Network, NAME).filter(|_| state == State::Attached);
    let unseen: Vec<_> = [unseen].into_iter().chain(lost).collect();
    HookState {
        sensor: Sensor::Network,
        hook: NAME,
        flavour: Flavour::Function,
        state,
        unseen: unseen.join("; "),
    }
}

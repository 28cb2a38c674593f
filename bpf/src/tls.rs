//! Plaintext of TLS: uprobes on the functions of OpenSSL and its like, wherever a process maps them.

mod census;
mod doors;
mod elf;
mod events;
mod finder;
mod instruction;
mod maps;
mod open;
mod proof;

use std::{
    collections::BTreeSet,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    sync::{Arc, atomic::Ordering},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use lapwing_engine::event::{Flavour, Sensor};
use rustix::thread::{CapabilitySet, set_no_new_privs};

use crate::{
    base::Base,
    capability::{Capabilities, SYS_ADMIN, keep_capabilities},
    cost::Most,
    hooks::{HookState, State},
    loader,
    object::has_uprobe_multi,
};
pub(crate) use census::Census;
use elf::Elf;
pub use finder::TlsObject;
use finder::{Finder, Shared};

/// How long the end waits for the probes to be let go.
const PATIENCE: Duration = Duration::from_secs(2);
const NAME: &str = "tls-library";
const UNSEEN: &str = "what TLS libraries encrypt and decrypt";
const UNSEEN_BUT: &str = "HTTP/2, which browsers and most clients of APIs speak where the server offers it (connections are counted: lapwing_events_incomplete_total{reason=\"http2_unread\"}); TLS by other libraries (GnuTLS, NSS, Go, rustls, Java), by OpenSSL inside programs that do not export it, by 32-bit programs, by libraries in a memfd; QUIC; kTLS by sendfile";

/// The probes on TLS libraries.
pub(crate) struct Tls {
    shared: Arc<Shared>,
    refused: Option<String>,
    /// What else there is to say of it, for people.
    remarks: Vec<String>,
    programs: Vec<(&'static str, OwnedFd)>,
    /// The most runs of them that the kernel is known to have skipped.
    pub(crate) most_missed: Most,
    /// Until its thread is started.
    finder: Option<Finder>,
    thread: Option<JoinHandle<()>>,
}

impl Tls {
    /// Loads the programs and probes the host's own libraries.
    pub fn open(base: &Base) -> Tls {
        let shared = Arc::new(Shared::default());
        let mut tls = Tls {
            shared,
            refused: None,
            remarks: Vec::new(),
            programs: Vec::new(),
            most_missed: Most::default(),
            finder: None,
            thread: None,
        };
        match tls.finder(base) {
            Ok(mut finder) => {
                finder.add_own();
                tls.finder = Some(finder);
            }
            Err(why) => tls.refused = Some(why),
        }
        tls
    }

    /// What finds libraries, with the programs that were seen to work.
    fn finder(&mut self, base: &Base) -> Result<Finder, String> {
        may_probe(has_uprobe_multi(), Capabilities::held())?;
        let object = loader::load(base, "tls_probe", &BTreeSet::from_iter(doors::PROGRAMS.iter().copied()))?;
        for name in doors::PROGRAMS {
            let program = object.progs().find(|program| program.name() == *name);
            let fd = program.and_then(|program| program.as_fd().try_clone_to_owned().ok());
            self.programs.extend(fd.map(|fd| (*name, fd)));
        }
        let mut finder = Finder::new(object, Arc::clone(&self.shared));
        match proof::delivers(&finder, base) {
            Ok(true) => {}
            Ok(false) => {
                return Err("attached, but a call of a probed function of lapwing's own was not noticed".to_owned());
            }
            Err(why) => self.remarks.push(format!("attached, not tested: {why}")),
        }
        if let Err(why) = finder.count_exits() {
            let remark = format!("that a thread ended within a write, which is not counted as lost: {why}");
            self.remarks.push(remark);
        }
        Ok(finder)
    }

    /// The programs, whether or not a library is probed.
    pub fn programs(&self) -> impl Iterator<Item = (&'static str, BorrowedFd<'_>)> {
        self.programs.iter().map(|(name, fd)| (*name, fd.as_fd()))
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

/// Before 6.6 a probe wants what the agent gives up after its start.
fn may_probe(several: bool, held: Capabilities) -> Result<(), String> {
    match several || held.has(SYS_ADMIN) {
        true => Ok(()),
        false => Err(
            "before Linux 6.6 probing a library needs CAP_SYS_ADMIN, which lapwing has at its start only: restart it with https = \"on\""
                .to_owned(),
        ),
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
    let done = keep_capabilities(needed).and_then(|_| Ok(set_no_new_privs(true)?));
    if let Err(error) = done {
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
        unseen.extend(tls.remarks.iter().cloned());
    }
    HookState {
        sensor: Sensor::Network,
        hook: NAME,
        flavour: Flavour::Function,
        state,
        unseen: unseen.join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_reload_cannot_probe_it_says_to_restart() {
        let (few, all) = (
            Capabilities::of_status("CapEff:\t000000c000000000\n"),
            Capabilities::of_status(""),
        );
        assert_eq!(may_probe(true, few), Ok(()));
        assert_eq!(may_probe(false, all), Ok(()));
        assert!(
            may_probe(false, few)
                .unwrap_err()
                .ends_with("restart it with https = \"on\"")
        );
    }
}

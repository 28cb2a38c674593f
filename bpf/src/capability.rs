//! The capabilities that this process holds, and what is not seen for want of one.

use lapwing_engine::event::Sensor;
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

/// The system administrator's, which stands for those of BPF and of performance monitoring.
pub(crate) const SYS_ADMIN: u32 = 21;
/// What programs on packets need.
pub(crate) const NET_ADMIN: u32 = 12;
/// Raises limits past what the administrator set.
pub(crate) const SYS_RESOURCE: u32 = 24;

/// Without these nothing can be loaded.
const NEEDED: &[(u32, &str)] = &[(39, "CAP_BPF"), (38, "CAP_PERFMON")];

/// One that the sensors can do without, for a price.
struct Wanted {
    bit: u32,
    sensor: Sensor,
    /// The hook whose price it is; all of the sensor's when None.
    hook: Option<&'static str>,
    unseen: &'static str,
}

const WANTED: &[Wanted] = &[
    Wanted {
        bit: 2,
        sensor: Sensor::File,
        hook: None,
        unseen: "without CAP_DAC_READ_SEARCH: watched paths below directories that lapwing's user may not search",
    },
    Wanted {
        bit: 19,
        sensor: Sensor::Process,
        hook: Some("process-lifecycle"),
        unseen: "without CAP_SYS_PTRACE: executable and directory of processes from before, where the kernel's list of tasks leaves them out",
    },
    Wanted {
        bit: 19,
        sensor: Sensor::Network,
        hook: Some("tls-library"),
        unseen: "without CAP_SYS_PTRACE: the libraries of processes that are not lapwing's user's, and of those in containers",
    },
];

/// The effective set of this thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Capabilities(u64);

impl Capabilities {
    /// Those held now. Without /proc to ask all are taken for held: the kernel will answer.
    pub fn held() -> Capabilities {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
        Capabilities::of_status(&status)
    }

    pub(crate) fn of_status(status: &str) -> Capabilities {
        let effective = status
            .lines()
            .find_map(|line| line.strip_prefix("CapEff:"))
            .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
        Capabilities(effective.unwrap_or(u64::MAX))
    }

    pub fn has(self, bit: u32) -> bool {
        self.0 >> bit & 1 == 1
    }

    /// Names of those missing without which nothing can be loaded.
    pub fn missing(self) -> Vec<&'static str> {
        let missing = NEEDED.iter().filter(|(bit, _)| !self.has(*bit) && !self.has(SYS_ADMIN));
        missing.map(|(_, name)| *name).collect()
    }

    /// What an attached hook does not tell for want of a capability.
    pub fn unseen(self, sensor: Sensor, hook: &str) -> impl Iterator<Item = &'static str> {
        let lost = move |wanted: &&Wanted| {
            wanted.sensor == sensor && wanted.hook.is_none_or(|name| name == hook) && !self.has(wanted.bit)
        };
        WANTED.iter().filter(lost).map(|wanted| wanted.unseen)
    }
}

/// Gives up all capabilities but those of `needed`, in this thread and in those that it will start, and tells what is left: what of `needed` was permitted.
///
/// # Errors
/// When the kernel refuses, which it does not do for a thread that only gives up.
pub fn keep_capabilities(needed: CapabilitySet) -> std::io::Result<CapabilitySet> {
    let kept = capabilities(None)?.permitted & needed;
    let sets = CapabilitySets {
        effective: kept,
        permitted: kept,
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, sets)?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(bits: &[u32]) -> Capabilities {
        let set = bits.iter().fold(0u64, |set, bit| set | 1 << bit);
        Capabilities::of_status(&format!("Name:\tx\nCapPrm:\tffff\nCapEff:\t{set:016x}\n"))
    }

    #[test]
    fn the_administrators_capability_stands_for_those_that_load() {
        assert_eq!(with(&[]).missing(), ["CAP_BPF", "CAP_PERFMON"]);
        assert_eq!(with(&[39]).missing(), ["CAP_PERFMON"]);
        assert!(with(&[38, 39]).missing().is_empty());
        assert!(with(&[SYS_ADMIN]).missing().is_empty());
        assert!(
            Capabilities::of_status("").missing().is_empty(),
            "the kernel is to answer"
        );
    }

    #[test]
    fn what_is_missing_has_its_price_at_the_hooks_concerned() {
        let few = with(&[38, 39]);
        assert_eq!(few.unseen(Sensor::File, "file-open").count(), 1);
        assert_eq!(few.unseen(Sensor::Process, "process-lifecycle").count(), 1);
        assert_eq!(few.unseen(Sensor::Process, "credentials").count(), 0);
        assert_eq!(with(&[2, 19]).unseen(Sensor::File, "file-open").count(), 0);
    }
}

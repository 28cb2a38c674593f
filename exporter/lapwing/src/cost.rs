//! What the agent itself costs, asked from the kernel for one process only.

use std::fs;

use rustix::process::{Resource, getrlimit};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// Since its start, as far as the kernel tells.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Cost {
    /// Processor time in user and kernel mode, all threads.
    pub cpu_seconds: f64,
    /// Memory that is resident.
    pub resident_bytes: u64,
    /// Memory that is reserved.
    pub virtual_bytes: u64,
    /// When it started, seconds since 1970.
    pub started: u64,
    /// Open file descriptors.
    pub open_files: u64,
    /// Most file descriptors that it may open.
    pub max_files: u64,
    /// Its threads.
    pub threads: u64,
}

/// Of this process; takes about 0.3 ms. None where /proc cannot be read.
pub fn read() -> Option<Cost> {
    let pid = Pid::from_u32(std::process::id());
    let mut system = System::new().ok()?;
    let wanted = ProcessRefreshKind::nothing().with_cpu().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, wanted);
    let process = system.process(pid)?;
    Some(Cost {
        cpu_seconds: process.accumulated_cpu_time() as f64 / 1000.0,
        resident_bytes: process.memory(),
        virtual_bytes: process.virtual_memory(),
        started: process.start_time(),
        open_files: entries("/proc/self/fd"),
        max_files: getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX),
        threads: entries("/proc/self/task"),
    })
}

fn entries(directory: &str) -> u64 {
    fs::read_dir(directory).map_or(0, |entries| entries.count() as u64)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

    #[test]
    fn busy_time_and_memory_are_seen() {
        let before = super::read().unwrap();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(300) {
            std::hint::spin_loop();
        }
        let after = super::read().unwrap();
        // The machine may be busy: some of the time is enough.
        assert!(after.cpu_seconds > before.cpu_seconds, "{before:?} {after:?}");
        assert!((1 << 20..4 << 30).contains(&after.resident_bytes), "{after:?}");
        assert!(after.virtual_bytes >= after.resident_bytes, "{after:?}");
        assert!((3..=after.max_files).contains(&after.open_files), "{after:?}");
        let thread = std::thread::spawn(|| super::read().unwrap().threads);
        assert!(thread.join().unwrap() >= 2);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert!(
            after.started <= now + 1 && after.started + 3600 > now,
            "{after:?} {now}"
        );
    }
}

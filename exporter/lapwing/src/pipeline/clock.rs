//! The clock that events are stamped with.

use lapwing_engine::event::BootTime;
use rustix::time::{ClockId, clock_gettime};

/// Now, in boot time (CLOCK_BOOTTIME, what `bpf_ktime_get_boot_ns` reads).
pub fn boot_now() -> BootTime {
    let now = clock_gettime(ClockId::Boottime);
    BootTime(now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64)
}

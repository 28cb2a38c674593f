//! Whether probes deliver: a function of this very program is probed as a library's would be, and called, and its return must be noticed. That the
//! functions of each library are found where they are is for the tests; whether the kernel traps them, and hands calls and returns to the
//! programs, can be seen here.

use std::hint::black_box;

use libbpf_rs::{MapCore as _, MapFlags};

use super::{
    doors::Door,
    finder::Finder,
    maps::{self, Mapping},
    open,
};
use crate::{
    base::Base,
    wire::{lw_tls_thread, view},
};

/// The connection object of the call: an address that nobody has.
const MARK: u64 = 0xfee1_dead_01a9_01a9;

type Write = extern "C" fn(u64, u64, u64) -> i32;

/// As `SSL_write` is called, and says that nothing was written: no record comes of it.
#[inline(never)]
extern "C" fn writes_nothing(connection: u64, bytes: u64, length: u64) -> i32 {
    black_box((connection, bytes, length));
    black_box(-1)
}

/// Where the function is in the file of this program.
fn place(function: Write) -> Option<u64> {
    let address = function as usize as u64;
    let own = maps::of(std::process::id());
    let inside = |mapping: Mapping<'_>| {
        let (from, to) = mapping.range.split_once('-')?;
        let (from, to) = (u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?);
        (from..to)
            .contains(&address)
            .then(|| mapping.offset.checked_add(address - from))?
    };
    maps::executable(&own).find_map(inside)
}

/// Whether the call and its return were noticed. The error says why it could not be tried.
pub(super) fn delivers(finder: &Finder, base: &Base) -> Result<bool, String> {
    let function: Write = black_box(writes_nothing);
    let offset = place(function).ok_or("where in its own file a function of lapwing is cannot be told")?;
    let own = open::own("/proc/self/exe")?;
    let door = Door {
        offset,
        program: "lw_tls_write",
        returns: true,
        cheap: false,
    };
    let links = finder.attach(&own, &[door])?;
    function(MARK, 0, 0);
    drop(links);
    let threads = base.map("lw_tls_threads").ok_or("the map of threads is missing")?;
    // The kernel's `pid` and `tgid` of bpf_get_current_pid_tgid().
    let tid = rustix::thread::gettid().as_raw_nonzero().get();
    let key = (u64::from(std::process::id()) << 32 | u64::from(tid.unsigned_abs())).to_ne_bytes();
    let entry = threads.lookup(&key, MapFlags::ANY).map_err(|error| error.to_string())?;
    let _ = threads.delete(&key); // it may not be there
    let thread: Option<lw_tls_thread> = entry.as_deref().and_then(view);
    Ok(thread.is_some_and(|thread| thread.returned.ssl == MARK))
}

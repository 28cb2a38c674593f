//! The types of `c/lw.h`, as the skeleton of `base.bpf.c` has them, and the one place where bytes become them.

#[allow(
    missing_docs,
    unused,
    non_camel_case_types,
    non_snake_case,
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    clippy::expect_used,
    clippy::unwrap_used
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/base.skel.rs"));
}
pub(crate) use generated::types::*;

/// A type of which every bit pattern is valid and no byte is padding.
///
/// # Safety
/// Only for `repr(C)` structs made of integers, without padding.
pub(crate) unsafe trait Plain: Copy {}

macro_rules! plain {
    ($($name:ident $size:literal),* $(,)?) => {$(
        // The size that c/lw.h asserts too.
        const _: () = assert!(size_of::<$name>() == $size);
        // SAFETY: the C headers build it of fixed-width integers, and its size is the sum of theirs.
        unsafe impl Plain for $name {}
    )*};
}
// SAFETY: an integer.
unsafe impl Plain for u32 {}

plain! {
    lw_header 56, lw_fork 200, lw_exec 224, lw_snapshot 184, lw_exec_failure 64, lw_credentials 144, lw_exit 64, lw_file 104,
    lw_config 16, lw_file_rules 16400, lw_key 24, lw_entry_key 280, lw_watch 48, lw_node 312, lw_file_key 40,
    lw_ends 40, lw_flow 152, lw_segment 128, lw_net_rules 608, lw_net_name 20, lw_net_path 256, lw_tls 120, lw_tls_thread 336,
    lw_tls_key 16, lw_tls_conn 96,
}

/// The `T` that `bytes` begin with; None when they are too short.
pub(crate) fn view<T: Plain>(bytes: &[u8]) -> Option<T> {
    let bytes = bytes.get(..size_of::<T>())?;
    // SAFETY: `bytes` has as many bytes as T, T is Plain (valid whatever they are), and read_unaligned needs no alignment.
    Some(unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}

/// The bytes of `value`, for a map.
pub(crate) fn bytes_of<T: Plain>(value: &T) -> &[u8] {
    // SAFETY: `value` is valid for reads of its size, and T is Plain (no padding); the lifetime is `value`'s.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(value).cast::<u8>(), size_of::<T>()) }
}

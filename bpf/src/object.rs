//! The compiled BPF objects.

/// One `c/NAME.bpf.c`, compiled.
pub(crate) struct Source {
    /// NAME.
    pub name: &'static str,
    /// The ELF object.
    pub elf: &'static [u8],
}

/// libbpf reads the ELF headers in place.
#[repr(align(16))]
struct Aligned<T: ?Sized>(T);

macro_rules! aligned {
    ($path:literal) => {{
        static ELF: &Aligned<[u8]> = &Aligned(*include_bytes!($path));
        &ELF.0
    }};
}

/// All of them, `base` first.
pub(crate) const SOURCES: &[Source] = include!(concat!(env!("OUT_DIR"), "/objects.rs"));

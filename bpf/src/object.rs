//! The compiled BPF objects.

use std::sync::OnceLock;

use libbpf_rs::btf::types::Enum;

/// One `c/NAME.bpf.c`, compiled.
pub(crate) struct Source {
    /// NAME.
    pub name: &'static str,
    /// The ELF object.
    elf: &'static [u8],
    /// The same without callbacks, for kernels that do not know them.
    old: &'static [u8],
}

impl Source {
    /// The ELF object for this kernel.
    pub fn elf(&self) -> &'static [u8] {
        static LOOPS: OnceLock<bool> = OnceLock::new();
        if *LOOPS.get_or_init(has_loop) {
            self.elf
        } else {
            self.old
        }
    }
}

/// Whether the kernel has bpf_loop (5.17).
fn has_loop() -> bool {
    libbpf_rs::Btf::from_vmlinux().is_ok_and(|btf| {
        btf.type_by_name::<Enum<'_>>("bpf_func_id")
            .is_some_and(|ids| ids.iter().any(|id| id.name == Some("BPF_FUNC_loop".as_ref())))
    })
}

/// Whether the kernel attaches uprobes by BPF links (6.6), for which CAP_BPF and CAP_PERFMON suffice; perf events want CAP_SYS_ADMIN.
pub(crate) fn has_uprobe_multi() -> bool {
    static MULTI: OnceLock<bool> = OnceLock::new();
    *MULTI.get_or_init(|| {
        libbpf_rs::Btf::from_vmlinux().is_ok_and(|btf| {
            btf.type_by_name::<Enum<'_>>("bpf_attach_type").is_some_and(|types| {
                types
                    .iter()
                    .any(|kind| kind.name == Some("BPF_TRACE_UPROBE_MULTI".as_ref()))
            })
        })
    })
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

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
        // bpf_loop is there from Linux 5.17.
        if kernel().loops { self.elf } else { self.old }
    }
}

/// What the kernel's types say that it can do.
#[derive(Clone, Copy, Default)]
struct Kernel {
    loops: bool,
    uprobe_multi: bool,
}

/// Read once, since that is some five megabytes.
fn kernel() -> Kernel {
    static KERNEL: OnceLock<Kernel> = OnceLock::new();
    *KERNEL.get_or_init(|| {
        let Ok(types) = libbpf_rs::Btf::from_vmlinux() else {
            return Kernel::default();
        };
        let has = |list: &str, wanted: &str| {
            types
                .type_by_name::<Enum<'_>>(list)
                .is_some_and(|values| values.iter().any(|value| value.name == Some(wanted.as_ref())))
        };
        Kernel {
            loops: has("bpf_func_id", "BPF_FUNC_loop"),
            uprobe_multi: has("bpf_attach_type", "BPF_TRACE_UPROBE_MULTI"),
        }
    })
}

/// Whether the kernel attaches uprobes by BPF links (6.6), for which CAP_BPF and CAP_PERFMON suffice; perf events want CAP_SYS_ADMIN.
pub(crate) fn has_uprobe_multi() -> bool {
    kernel().uprobe_multi
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

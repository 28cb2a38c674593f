//! What the host must have before anything is loaded.

use std::path::Path;

use libbpf_rs::libbpf_sys;

use crate::unavailable::Unavailable;

/// Inode number of the initial PID namespace, fixed in the kernel (PROC_PID_INIT_INO).
const INITIAL_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

const SYS_ADMIN: u32 = 21;
/// What loading needs; CAP_SYS_ADMIN stands for the first two.
const NEEDED: &[(u32, &str)] = &[
    (39, "CAP_BPF"),
    (38, "CAP_PERFMON"),
    (2, "CAP_DAC_READ_SEARCH"),
    (19, "CAP_SYS_PTRACE"),
];

/// Checks capabilities, BTF, bpf() and the PID namespace.
pub(crate) fn host() -> Result<(), Unavailable> {
    capabilities()?;
    pid_namespace()?;
    if !Path::new("/sys/kernel/btf/vmlinux").exists() {
        return Err(Unavailable::NoBtf);
    }
    bpf()
}

fn capabilities() -> Result<(), Unavailable> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .unwrap_or(u64::MAX); // no /proc to ask: let the kernel answer
    let has = |bit: u32| effective >> bit & 1 == 1;
    let missing: Vec<_> = NEEDED
        .iter()
        .filter(|(bit, _)| !(has(*bit) || *bit >= 38 && has(SYS_ADMIN)))
        .map(|(_, name)| *name)
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Unavailable::NotRoot { missing })
    }
}

fn pid_namespace() -> Result<(), Unavailable> {
    use std::os::unix::fs::MetadataExt;
    match std::fs::metadata("/proc/self/ns/pid") {
        Ok(namespace) if namespace.ino() != INITIAL_PID_NAMESPACE => Err(Unavailable::NotHostPidNamespace),
        _ => Ok(()),
    }
}

/// Makes the smallest map there is.
fn bpf() -> Result<(), Unavailable> {
    let options = libbpf_sys::bpf_map_create_opts {
        sz: size_of::<libbpf_sys::bpf_map_create_opts>() as u64,
        ..Default::default()
    };
    libbpf_rs::MapHandle::create(libbpf_rs::MapType::Array, None::<&str>, 4, 4, 1, &options)
        .map(drop)
        .map_err(|error| Unavailable::NoBpf { why: error.to_string() })
}

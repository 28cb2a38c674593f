//! What the host must have before anything is loaded.

use std::{
    fs::{self, File},
    io::Read as _,
};

use libbpf_rs::libbpf_sys;

use crate::{capability::Capabilities, unavailable::Unavailable};

/// Inode number of the initial PID namespace, fixed in the kernel (PROC_PID_INIT_INO).
const INITIAL_PID_NAMESPACE: u64 = 0xEFFF_FFFC;
/// PROC_SUPER_MAGIC of linux/magic.h.
const PROC: u64 = 0x9fa0;
/// BTF_MAGIC of linux/btf.h, in this machine's byte order.
const BTF: u16 = 0xeb9f;
/// Where the kernel tells its types.
const TYPES: &str = "/sys/kernel/btf/vmlinux";

/// Checks /proc, capabilities, the PID namespace, BTF and bpf().
pub(crate) fn host() -> Result<(), Unavailable> {
    proc()?;
    let missing = Capabilities::held().missing();
    if !missing.is_empty() {
        return Err(Unavailable::NotRoot { missing });
    }
    pid_namespace()?;
    types()?;
    bpf()
}

fn proc() -> Result<(), Unavailable> {
    let mounted = rustix::fs::statfs("/proc").is_ok_and(|found| found.f_type as u64 == PROC);
    match mounted && fs::metadata("/proc/self").is_ok() {
        true => Ok(()),
        false => Err(Unavailable::NoProc),
    }
}

fn pid_namespace() -> Result<(), Unavailable> {
    use std::os::unix::fs::MetadataExt;
    match fs::metadata("/proc/self/ns/pid") {
        Ok(namespace) if namespace.ino() != INITIAL_PID_NAMESPACE => Err(Unavailable::NotHostPidNamespace),
        _ => Ok(()),
    }
}

/// Whether the kernel's types are there: a file that is empty or covered by another is as good as none.
fn types() -> Result<(), Unavailable> {
    let no = |why: String| Err(Unavailable::NoBtf { why });
    let mut magic = [0; 2];
    match File::open(TYPES).and_then(|mut file| file.read_exact(&mut magic)) {
        Ok(()) if u16::from_ne_bytes(magic) == BTF => Ok(()),
        Ok(()) => no(format!("{TYPES} is not what a kernel writes there")),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => no(format!("{TYPES} is empty")),
        Err(error) => no(format!("{TYPES}: {error}")),
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

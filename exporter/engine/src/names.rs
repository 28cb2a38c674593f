//! The names that people use for the kernel's numbers: errno, signals, capabilities, flags of open.

#[rustfmt::skip]
const ERRNO: [&str; 133] = [
    "EPERM", "ENOENT", "ESRCH", "EINTR", "EIO", "ENXIO", "E2BIG", "ENOEXEC", "EBADF", "ECHILD", "EAGAIN", "ENOMEM",
    "EACCES", "EFAULT", "ENOTBLK", "EBUSY", "EEXIST", "EXDEV", "ENODEV", "ENOTDIR", "EISDIR", "EINVAL", "ENFILE",
    "EMFILE", "ENOTTY", "ETXTBSY", "EFBIG", "ENOSPC", "ESPIPE", "EROFS", "EMLINK", "EPIPE", "EDOM", "ERANGE", "EDEADLK",
    "ENAMETOOLONG", "ENOLCK", "ENOSYS", "ENOTEMPTY", "ELOOP", "", "ENOMSG", "EIDRM", "ECHRNG", "EL2NSYNC", "EL3HLT",
    "EL3RST", "ELNRNG", "EUNATCH", "ENOCSI", "EL2HLT", "EBADE", "EBADR", "EXFULL", "ENOANO", "EBADRQC", "EBADSLT", "",
    "EBFONT", "ENOSTR", "ENODATA", "ETIME", "ENOSR", "ENONET", "ENOPKG", "EREMOTE", "ENOLINK", "EADV", "ESRMNT",
    "ECOMM", "EPROTO", "EMULTIHOP", "EDOTDOT", "EBADMSG", "EOVERFLOW", "ENOTUNIQ", "EBADFD", "EREMCHG", "ELIBACC",
    "ELIBBAD", "ELIBSCN", "ELIBMAX", "ELIBEXEC", "EILSEQ", "ERESTART", "ESTRPIPE", "EUSERS", "ENOTSOCK", "EDESTADDRREQ",
    "EMSGSIZE", "EPROTOTYPE", "ENOPROTOOPT", "EPROTONOSUPPORT", "ESOCKTNOSUPPORT", "EOPNOTSUPP", "EPFNOSUPPORT",
    "EAFNOSUPPORT", "EADDRINUSE", "EADDRNOTAVAIL", "ENETDOWN", "ENETUNREACH", "ENETRESET", "ECONNABORTED", "ECONNRESET",
    "ENOBUFS", "EISCONN", "ENOTCONN", "ESHUTDOWN", "ETOOMANYREFS", "ETIMEDOUT", "ECONNREFUSED", "EHOSTDOWN",
    "EHOSTUNREACH", "EALREADY", "EINPROGRESS", "ESTALE", "EUCLEAN", "ENOTNAM", "ENAVAIL", "EISNAM", "EREMOTEIO",
    "EDQUOT", "ENOMEDIUM", "EMEDIUMTYPE", "ECANCELED", "ENOKEY", "EKEYEXPIRED", "EKEYREVOKED", "EKEYREJECTED",
    "EOWNERDEAD", "ENOTRECOVERABLE", "ERFKILL", "EHWPOISON",
];

#[rustfmt::skip]
const SIGNALS: [&str; 31] = [
    "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1", "SIGSEGV",
    "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN",
    "SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS",
];

#[rustfmt::skip]
const CAPABILITIES: [&str; 41] = [
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
    "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
    "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
];

// The values are those of x86-64; on Arm four of them differ (O_DIRECTORY, O_NOFOLLOW, O_DIRECT, O_LARGEFILE).
#[cfg(not(any(target_arch = "aarch64", target_arch = "arm")))]
const PLACED: [(u32, &str); 4] = [
    (0o40000, "O_DIRECT"),
    (0o100000, "O_LARGEFILE"),
    (0o200000, "O_DIRECTORY"),
    (0o400000, "O_NOFOLLOW"),
];
#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
const PLACED: [(u32, &str); 4] = [
    (0o40000, "O_DIRECTORY"),
    (0o100000, "O_NOFOLLOW"),
    (0o200000, "O_DIRECT"),
    (0o400000, "O_LARGEFILE"),
];

const OPEN_FLAGS: [(u32, &str); 9] = [
    (0o100, "O_CREAT"),
    (0o200, "O_EXCL"),
    (0o400, "O_NOCTTY"),
    (0o1000, "O_TRUNC"),
    (0o2000, "O_APPEND"),
    (0o4000, "O_NONBLOCK"),
    (0o1000000, "O_NOATIME"),
    (0o2000000, "O_CLOEXEC"),
    (0o10000000, "O_PATH"),
];

/// `EACCES` for 13. None for 0 and for numbers that have no name.
pub fn errno(number: i32) -> Option<&'static str> {
    named(&ERRNO, number)
}

/// `SIGSEGV` for 11. None for 0 and for real-time signals.
pub fn signal(number: u8) -> Option<&'static str> {
    named(&SIGNALS, i32::from(number))
}

/// `CAP_SYS_ADMIN` for 21. None past the capabilities that are known here.
pub fn capability(bit: u32) -> Option<&'static str> {
    CAPABILITIES.get(bit as usize).copied()
}

/// The names in a set of capabilities, by number.
pub fn capabilities(set: u64) -> impl Iterator<Item = &'static str> {
    CAPABILITIES
        .iter()
        .enumerate()
        .filter(move |(bit, _)| set & (1 << bit) != 0)
        .map(|(_, name)| *name)
}

/// The flags of an open by name, the access mode (`O_RDONLY`, ...) first.
pub fn open_flags(flags: u32) -> impl Iterator<Item = &'static str> {
    let access = match flags & 0o3 {
        0 => "O_RDONLY",
        1 => "O_WRONLY",
        _ => "O_RDWR",
    };
    let rest = OPEN_FLAGS
        .iter()
        .chain(&PLACED)
        .filter(move |(bit, _)| flags & bit != 0)
        .map(|(_, name)| *name);
    std::iter::once(access).chain(rest)
}

/// The word for the type in an `st_mode`; None when the mode says none.
pub fn file_type(mode: u32) -> Option<&'static str> {
    match mode & 0o170000 {
        0o100000 => Some("file"),
        0o040000 => Some("directory"),
        0o120000 => Some("symlink"),
        0o020000 => Some("character-device"),
        0o060000 => Some("block-device"),
        0o010000 => Some("fifo"),
        0o140000 => Some("socket"),
        _ => None,
    }
}

fn named<const N: usize>(names: &'static [&'static str; N], number: i32) -> Option<&'static str> {
    let index = usize::try_from(number).ok()?.checked_sub(1)?;
    names.get(index).copied().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_names_of_the_kernel_headers() {
        assert_eq!(errno(13), Some("EACCES"));
        assert_eq!(errno(35), Some("EDEADLK"));
        assert_eq!(errno(40), Some("ELOOP"));
        assert_eq!(errno(110), Some("ETIMEDOUT"));
        assert_eq!(errno(133), Some("EHWPOISON"));
        assert_eq!((errno(0), errno(41), errno(-1), errno(134)), (None, None, None, None));
        assert_eq!(
            (signal(11), signal(31), signal(0), signal(34)),
            (Some("SIGSEGV"), Some("SIGSYS"), None, None)
        );
        assert_eq!(
            (capability(21), capability(40), capability(41)),
            (Some("CAP_SYS_ADMIN"), Some("CAP_CHECKPOINT_RESTORE"), None)
        );
        assert_eq!(file_type(0o120777), Some("symlink"));
    }

    #[test]
    fn sets_are_spelled_out() {
        assert_eq!(
            capabilities(1 << 7 | 1 << 39).collect::<Vec<_>>(),
            ["CAP_SETUID", "CAP_BPF"]
        );
        assert_eq!(
            open_flags(0o101 | 0o1000).collect::<Vec<_>>(),
            ["O_WRONLY", "O_CREAT", "O_TRUNC"]
        );
    }
}

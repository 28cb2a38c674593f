//! Operations by io_uring, which are no system calls: the kernel does them in this thread, in a worker of its own, or in a thread that polls.

use std::{ffi::CString, net::SocketAddrV4, os::unix::ffi::OsStrExt, path::Path};

use io_uring::{IoUring, Probe, opcode, squeue, types};

use crate::error::{Context, Error, Result};

/// Who in the kernel does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The thread that submits, where the operation cannot block; a worker otherwise.
    Plain,
    /// A worker in any case.
    Worker,
    /// A kernel's thread that polls the queue (IORING_SETUP_SQPOLL), and its workers: no call at all submits.
    Sqpoll,
}

impl std::str::FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Mode, String> {
        match text {
            "plain" => Ok(Mode::Plain),
            "worker" => Ok(Mode::Worker),
            "sqpoll" => Ok(Mode::Sqpoll),
            _ => Err(format!("{text} is no mode of io_uring")),
        }
    }
}

/// `act uring MODE OPERATION ARGUMENT...`.
pub fn main(mode: &str, what: &[&str]) -> Result<i32> {
    let mut ring = Ring::new(mode.parse().context("mode")?)?;
    match what {
        ["create", path] => ring
            .open(path, libc::O_CREAT | libc::O_EXCL | libc::O_WRONLY)
            .map(drop)?,
        ["write", path] => {
            let file = ring.open(path, libc::O_WRONLY | libc::O_APPEND)?;
            ring.write(file, b"more\n")?;
        }
        ["unlink", path] => ring.unlink(path)?,
        ["rename", from, to] => ring.rename(from, to)?,
        ["mkdir", path] => ring.mkdir(path)?,
        ["connect", address] => ring.connect(address.parse().context("address")?)?,
        _ => return Err(Error(format!("no such operation of io_uring: {what:?}"))),
    }
    Ok(0)
}

/// Why this kernel cannot do the operation by io_uring, if so.
pub fn lacking(operation: &str) -> Option<String> {
    let code = match operation {
        "unlink" => opcode::UnlinkAt::CODE,
        "rename" => opcode::RenameAt::CODE,
        "mkdir" => opcode::MkDirAt::CODE,
        "connect" => opcode::Connect::CODE,
        _ => opcode::OpenAt::CODE,
    };
    let ring = match IoUring::new(2) {
        Ok(ring) => ring,
        Err(e) => return Some(format!("this kernel refuses io_uring: {e}")),
    };
    let mut probe = Probe::new();
    match ring.submitter().register_probe(&mut probe) {
        Err(e) => Some(format!("this kernel does not say what its io_uring can do: {e}")),
        Ok(()) if !probe.is_supported(code) => Some(format!("this kernel's io_uring has no {operation}")),
        Ok(()) => None,
    }
}

/// A queue that is used for one operation at a time.
struct Ring {
    ring: IoUring,
    mode: Mode,
}

const HERE: types::Fd = types::Fd(libc::AT_FDCWD);

impl Ring {
    fn new(mode: Mode) -> Result<Ring> {
        let mut builder = IoUring::builder();
        if mode == Mode::Sqpoll {
            // Milliseconds until the thread sleeps.
            builder.setup_sqpoll(2_000);
        }
        let ring = builder.build(4).context("io_uring_setup")?;
        Ok(Ring { ring, mode })
    }

    /// Submits `entry` and waits for its end; the operation's result.
    ///
    /// # Safety
    /// What `entry` points to must be valid until this returns: the kernel reads it until the operation is complete.
    unsafe fn complete(&mut self, entry: squeue::Entry, what: &str) -> Result<i32> {
        let entry = match self.mode {
            Mode::Worker => entry.flags(squeue::Flags::ASYNC),
            Mode::Plain | Mode::Sqpoll => entry,
        };
        // SAFETY: the caller keeps what it points to until we return, and we return after its completion, or end the process with an error.
        unsafe { self.ring.submission().push(&entry) }.context("submission queue")?;
        while self.ring.completion().is_empty() {
            self.ring.submit_and_wait(1).context("io_uring_enter")?;
        }
        let result = self
            .ring
            .completion()
            .next()
            .map_or(-libc::EAGAIN, |done| done.result());
        match result {
            0.. => Ok(result),
            error => Err(Error(format!("{what}: {}", std::io::Error::from_raw_os_error(-error)))),
        }
    }

    fn open(&mut self, path: &str, flags: i32) -> Result<types::Fd> {
        let path = text(path)?;
        let entry = opcode::OpenAt::new(HERE, path.as_ptr()).flags(flags).mode(0o644);
        // SAFETY: `path` lives until the end of this function.
        unsafe { self.complete(entry.build(), "openat") }.map(types::Fd)
    }

    fn write(&mut self, file: types::Fd, data: &[u8]) -> Result<()> {
        let entry = opcode::Write::new(file, data.as_ptr(), data.len() as u32).offset(u64::MAX);
        // SAFETY: `data` is borrowed until the end of this function.
        unsafe { self.complete(entry.build(), "write") }.map(drop)
    }

    fn unlink(&mut self, path: &str) -> Result<()> {
        let path = text(path)?;
        // SAFETY: `path` lives until the end of this function.
        unsafe { self.complete(opcode::UnlinkAt::new(HERE, path.as_ptr()).build(), "unlinkat") }.map(drop)
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        let (from, to) = (text(from)?, text(to)?);
        let entry = opcode::RenameAt::new(HERE, from.as_ptr(), HERE, to.as_ptr());
        // SAFETY: both strings live until the end of this function.
        unsafe { self.complete(entry.build(), "renameat") }.map(drop)
    }

    fn mkdir(&mut self, path: &str) -> Result<()> {
        let path = text(path)?;
        let entry = opcode::MkDirAt::new(HERE, path.as_ptr()).mode(0o755);
        // SAFETY: `path` lives until the end of this function.
        unsafe { self.complete(entry.build(), "mkdirat") }.map(drop)
    }

    fn connect(&mut self, to: SocketAddrV4) -> Result<()> {
        // SAFETY: a call without pointers. The socket is open until the process ends.
        let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) };
        if socket < 0 {
            return Err(Error(format!("socket: {}", std::io::Error::last_os_error())));
        }
        let address = libc::sockaddr_in {
            sin_family: libc::AF_INET as libc::sa_family_t,
            sin_port: to.port().to_be(),
            sin_addr: libc::in_addr {
                s_addr: u32::from_ne_bytes(to.ip().octets()),
            },
            sin_zero: [0; 8],
        };
        let at: *const libc::sockaddr_in = &address;
        let entry = opcode::Connect::new(types::Fd(socket), at.cast(), size_of_val(&address) as libc::socklen_t);
        // SAFETY: `address` lives until the end of this function, and the length is its size.
        unsafe { self.complete(entry.build(), "connect") }.map(drop)
    }
}

fn text(path: &str) -> Result<CString> {
    CString::new(Path::new(path).as_os_str().as_bytes()).context(path)
}

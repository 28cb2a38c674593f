//! The string of a path changes while the call that was given it is under way.
//!
//! No luck is needed. The call is made to wait in the kernel, after it has copied the string, until the string is another: an open waits for
//! the other end of a FIFO; an unlink waits for the lock of its directory, which a reader of that directory holds as long as the page that it
//! reads into is missing (userfaultfd(2)).

use std::{
    fs::{self, OpenOptions},
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    path::Path,
    ptr,
    sync::{
        atomic::{AtomicU8, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::error::{Context, Error, Result};

const PAGE: usize = 4096;
/// A thread comes to where it waits.
const BOUND: Duration = Duration::from_secs(60);

/// `act race open|unlink REAL DECOY`: the kernel works on REAL; when the call ends, its string is DECOY.
pub fn main(what: &[&str]) -> Result<i32> {
    match what {
        ["open", real, decoy] => open(Path::new(real), decoy),
        ["unlink", real, decoy] => unlink(Path::new(real), decoy),
        _ => Err(Error(format!("no such race: {what:?}"))),
    }
}

/// Why an unlink cannot be made to wait on this machine, if so.
pub fn lacking() -> Option<String> {
    Hole::new().err().map(|e| format!("this machine refuses: {e}"))
}

/// `real` is a FIFO.
fn open(real: &Path, decoy: &str) -> Result<i32> {
    let string = Shared::new(&real.display().to_string(), decoy)?;
    // SAFETY: the string has its end within memory that is never freed.
    let call = started(libc::SYS_openat, move || unsafe {
        libc::syscall(libc::SYS_openat, libc::AT_FDCWD, string.start(), libc::O_WRONLY, 0)
    })?;
    string.write(decoy);
    let _other_end = fs::File::open(real).context(real.display())?;
    let descriptor = done(call, "openat")?;
    let opened = fs::read_link(format!("/proc/self/fd/{descriptor}")).context("what was opened")?;
    match opened == real {
        true => Ok(0),
        false => Err(Error(format!("{} was opened", opened.display()))),
    }
}

fn unlink(real: &Path, decoy: &str) -> Result<i32> {
    let string = Shared::new(&real.display().to_string(), decoy)?;
    let hole = Hole::new()?;
    let directory = OpenOptions::new()
        .read(true)
        .open(real.parent().unwrap_or(Path::new("/")))
        .context("directory")?;
    let (descriptor, page) = (directory.as_raw_fd(), hole.page);
    // SAFETY: the page is ours and never freed; nobody else writes to it.
    let reader = thread::spawn(move || unsafe { libc::syscall(libc::SYS_getdents64, descriptor, page, PAGE) });
    hole.wait()?;
    // SAFETY: the string has its end within memory that is never freed.
    let call = started(libc::SYS_unlinkat, move || unsafe {
        libc::syscall(libc::SYS_unlinkat, libc::AT_FDCWD, string.start(), 0)
    })?;
    string.write(decoy);
    hole.fill()?;
    reader.join().map_err(|_| Error("the reader failed".into()))?;
    done(call, "unlinkat")?;
    match real.exists() {
        true => Err(Error(format!("{} is still there", real.display()))),
        false => Ok(0),
    }
}

/// A string that the kernel reads while another thread writes it.
#[derive(Clone, Copy)]
struct Shared(&'static [AtomicU8]);

impl Shared {
    fn new(text: &str, other: &str) -> Result<Shared> {
        let size = text.len().max(other.len()) + 1;
        let shared = Shared(Box::leak((0..size).map(|_| AtomicU8::new(0)).collect()));
        shared.write(text);
        Ok(shared)
    }

    /// The rest becomes zeros.
    fn write(self, text: &str) {
        let bytes = text.bytes().chain(std::iter::repeat(0));
        for (cell, byte) in self.0.iter().zip(bytes) {
            cell.store(byte, Ordering::SeqCst);
        }
    }

    fn start(self) -> *const AtomicU8 {
        self.0.as_ptr()
    }
}

type Call = JoinHandle<io::Result<i64>>;

/// Starts a thread that makes the call, and waits until the kernel has put it to sleep there.
fn started(number: i64, call: impl FnOnce() -> i64 + Send + 'static) -> Result<Call> {
    let (tell, told) = mpsc::channel();
    let thread = thread::spawn(move || {
        let _ = tell.send(rustix::thread::gettid().as_raw_nonzero().get());
        match call() {
            result @ 0.. => Ok(result),
            _ => Err(io::Error::last_os_error()),
        }
    });
    let tid = told.recv().context("the thread that calls")?;
    let now = format!("/proc/self/task/{tid}/syscall");
    let deadline = Instant::now() + BOUND;
    // "running" while it does.
    while !fs::read_to_string(&now)
        .unwrap_or_default()
        .starts_with(&format!("{number} "))
    {
        if thread.is_finished() || Instant::now() > deadline {
            return Err(Error(format!("call {number} did not wait where it should")));
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(thread)
}

fn done(call: Call, what: &str) -> Result<i64> {
    let result = call.join().map_err(|_| Error(format!("{what} failed")))?;
    result.context(what)
}

/// A page that is not there until it is filled: who touches it waits.
struct Hole {
    page: usize,
    faults: OwnedFd,
}

// linux/userfaultfd.h
const UFFD_API: u64 = 0xaa;
const UFFDIO_API: u64 = 0xc018_aa3f;
const UFFDIO_REGISTER: u64 = 0xc020_aa00;
const UFFDIO_ZEROPAGE: u64 = 0xc020_aa04;
const MISSING: u64 = 1;

impl Hole {
    fn new() -> Result<Hole> {
        // SAFETY: an anonymous mapping of our own, whose address the kernel chooses.
        let page = unsafe {
            libc::mmap(
                ptr::null_mut(),
                PAGE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if page == libc::MAP_FAILED {
            return Err(Error(format!("mmap: {}", io::Error::last_os_error())));
        }
        // SAFETY: a call without pointers.
        let descriptor = unsafe { libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC) };
        if descriptor < 0 {
            return Err(Error(format!("userfaultfd: {}", io::Error::last_os_error())));
        }
        // SAFETY: the descriptor is new and nobody else's.
        let faults = unsafe { OwnedFd::from_raw_fd(descriptor as i32) };
        let hole = Hole {
            page: page as usize,
            faults,
        };
        hole.control(UFFDIO_API, &mut [UFFD_API, 0, 0], "UFFDIO_API")?;
        hole.control(
            UFFDIO_REGISTER,
            &mut [hole.page as u64, PAGE as u64, MISSING, 0],
            "UFFDIO_REGISTER",
        )?;
        Ok(hole)
    }

    /// Until somebody touches the page.
    fn wait(&self) -> Result<()> {
        let mut message = [0u8; 32];
        rustix::io::read(&self.faults, &mut message).context("userfaultfd")?;
        Ok(())
    }

    fn fill(&self) -> Result<()> {
        self.control(
            UFFDIO_ZEROPAGE,
            &mut [self.page as u64, PAGE as u64, 0, 0],
            "UFFDIO_ZEROPAGE",
        )
    }

    /// `argument` has the size that is part of the request's number.
    fn control(&self, request: u64, argument: &mut [u64], what: &str) -> Result<()> {
        assert_eq!(size_of_val(argument) as u64, request >> 16 & 0x3fff);
        // SAFETY: the kernel reads and writes as many bytes as the request says, which are those of `argument`.
        match unsafe { libc::ioctl(self.faults.as_raw_fd(), request as _, argument.as_mut_ptr()) } {
            0 => Ok(()),
            _ => Err(Error(format!("{what}: {}", io::Error::last_os_error()))),
        }
    }
}

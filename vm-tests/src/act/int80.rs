//! System calls as a 32-bit program makes them, which any 64-bit program can: `int 0x80`.

use std::os::unix::ffi::OsStrExt;

use crate::error::{Context, Error, Result};

const OPEN: i64 = 5;
const UNLINK: i64 = 10;
const GETPID: i64 = 20;

/// `act int80 open|unlink PATH`, or `act int80 probe`, which a kernel without 32-bit calls ends by a signal.
pub fn main(what: &[&str]) -> Result<i32> {
    let (call, path) = match what {
        ["probe"] => return int80(GETPID, [0; 3]).map(|_| 0),
        ["open", path] => (OPEN, path),
        ["unlink", path] => (UNLINK, path),
        _ => return Err(Error(format!("no such 32-bit call: {what:?}"))),
    };
    let low = low_string(path.as_ref())?;
    let flags = i64::from(libc::O_CREAT | libc::O_EXCL | libc::O_WRONLY);
    int80(call, [low, flags, 0o644]).context(path)?;
    Ok(0)
}

/// Copies a string to where 32 bits suffice for its address. It stays there.
fn low_string(text: &std::ffi::OsStr) -> Result<i64> {
    const PAGE: usize = 4096;
    if text.len() >= PAGE {
        return Err(Error("the path is longer than a page".into()));
    }
    // SAFETY: an anonymous mapping of our own, whose address the kernel chooses.
    let page = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            PAGE,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT,
            -1,
            0,
        )
    };
    if page == libc::MAP_FAILED {
        return Err(Error(format!("mmap: {}", std::io::Error::last_os_error())));
    }
    // SAFETY: the page is ours, large enough for the text, and filled with zeros, one of which ends the text.
    unsafe { std::ptr::copy_nonoverlapping(text.as_bytes().as_ptr(), page.cast(), text.len()) };
    Ok(page as i64)
}

fn int80(number: i64, [b, c, d]: [i64; 3]) -> Result<i32> {
    let answer: i64;
    // SAFETY: the calls made here only read a string of ours; rbx is reserved by the compiler and restored.
    unsafe {
        std::arch::asm!("xchg rbx, {b:r}", "int 0x80", "xchg rbx, {b:r}", b = inout(reg) b => _,
            inlateout("rax") number => answer, in("rcx") c, in("rdx") d, out("r8") _, out("r9") _, out("r10") _, out("r11") _);
    }
    match answer as i32 {
        error @ ..0 => Err(Error(std::io::Error::from_raw_os_error(-error).to_string())),
        value => Ok(value),
    }
}

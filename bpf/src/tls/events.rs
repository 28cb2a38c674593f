//! What processes map from now on: the kernel's perf events say every executable mapping of a file, whoever makes it, and nobody is woken for
//! them. One small ring for each CPU.

use std::{
    io,
    mem::size_of,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
    ptr::NonNull,
    sync::atomic::{AtomicU64, Ordering},
};

use libbpf_rs::libbpf_sys::perf_event_attr;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::maps::Mapped;

/// Pages of data of each ring: some 250 mappings, in the time between two reads.
const PAGES: usize = 8;
/// Where the first page says how far the kernel has written, and where how far we have read (`struct perf_event_mmap_page`).
const HEAD: usize = 1024;
const TAIL: usize = 1032;

/// Numbers of the kernel's interface (uapi/linux/perf_event.h).
const SOFTWARE: u32 = 1;
const DUMMY: u64 = 9;
const CLOSE_ON_EXEC: u64 = 8;
const RECORD_LOST: u32 = 2;
const RECORD_MMAP2: u32 = 10;

/// A file was mapped by a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NewMapping {
    pub pid: u32,
    pub file: Mapped,
}

/// What came since the last look.
#[derive(Debug, Default)]
pub(crate) struct News {
    pub mappings: Vec<NewMapping>,
    /// Some did not fit.
    pub lost: bool,
}

/// The rings of all CPUs.
pub(crate) struct Events {
    rings: Vec<Ring>,
}

impl Events {
    /// Fails where the kernel does not let us (it wants CAP_PERFMON, some distributions CAP_SYS_ADMIN).
    pub fn open() -> io::Result<Events> {
        let cpus = libbpf_rs::num_possible_cpus().map_err(io::Error::other)?;
        let mut rings = Vec::new();
        for cpu in 0..cpus {
            match Ring::open(cpu) {
                Ok(ring) => rings.push(ring),
                // A CPU that is not there.
                Err(error) if error.raw_os_error() == Some(libc::ENODEV) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Events { rings })
    }

    /// Takes what is there.
    pub fn take(&mut self) -> News {
        let mut news = News::default();
        self.rings.iter_mut().for_each(|ring| ring.take(&mut news));
        news
    }
}

struct Ring {
    _event: OwnedFd,
    at: NonNull<u8>,
    page: usize,
}

// SAFETY: the mapping is memory shared with the kernel that only this value uses and unmaps; it does not depend on the thread.
unsafe impl Send for Ring {}

impl Ring {
    fn open(cpu: usize) -> io::Result<Ring> {
        let page = rustix::param::page_size();
        let mut what = perf_event_attr {
            type_: SOFTWARE,
            size: size_of::<perf_event_attr>() as u32,
            config: DUMMY,
            ..Default::default()
        };
        what.set_exclude_kernel(1);
        what.set_mmap(1);
        what.set_mmap2(1);
        // Nobody waits for it: never wake.
        what.set_watermark(1);
        what.__bindgen_anon_2.wakeup_watermark = u32::MAX;
        // SAFETY: the call reads `size` bytes at the address of `what`, and gives a new descriptor or an error.
        let event = unsafe {
            libc::syscall(
                libc::SYS_perf_event_open,
                &raw const what,
                -1,
                cpu as libc::c_int,
                -1,
                CLOSE_ON_EXEC,
            )
        };
        let event = i32::try_from(event).unwrap_or(-1);
        if event < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel just gave it, so nobody else owns it.
        let event = unsafe { OwnedFd::from_raw_fd(event) };
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address that the kernel chooses touches no other memory.
        let at = unsafe {
            mmap(
                std::ptr::null_mut(),
                (1 + PAGES) * page,
                access,
                MapFlags::SHARED,
                &event,
                0,
            )?
        };
        let at = NonNull::new(at.cast()).ok_or_else(|| io::Error::other("mmap gave a null pointer"))?;
        tracing::trace!(fd = event.as_raw_fd(), cpu, "mappings are told");
        Ok(Ring {
            _event: event,
            at,
            page,
        })
    }

    fn take(&mut self, news: &mut News) {
        let (size, mut tail) = ((PAGES * self.page) as u64, self.position(TAIL).load(Ordering::Relaxed));
        let head = self.position(HEAD).load(Ordering::Acquire);
        if head.wrapping_sub(tail) > size {
            tail = head;
            news.lost = true;
        }
        let mut record = Vec::new();
        while head.wrapping_sub(tail) >= 8 {
            let start = self.bytes(tail, 8);
            let length = u64::from(u16::from_le_bytes([start[6], start[7]]));
            if length < 8 || length > head.wrapping_sub(tail) {
                news.lost = true;
                tail = head;
                break;
            }
            record.clear();
            record.extend(self.bytes(tail, length as usize));
            read(&record, news);
            tail = tail.wrapping_add(length);
        }
        self.position(TAIL).store(tail, Ordering::Release);
    }

    fn position(&self, offset: usize) -> &AtomicU64 {
        // SAFETY: both offsets are aligned and in the first page, which is mapped as long as `self` lives; the kernel uses them as atomics.
        unsafe { self.at.add(offset).cast().as_ref() }
    }

    /// `length` bytes at `position`, some of which may be at the data's begin again.
    fn bytes(&self, position: u64, length: usize) -> Vec<u8> {
        let size = PAGES * self.page;
        (0..length)
            .map(|number| {
                let offset = (position as usize).wrapping_add(number) & (size - 1);
                // SAFETY: `offset` is below `size`, and the data of that size follow the first page of the mapping. The kernel does not write
                // before the tail is moved.
                unsafe { self.at.add(self.page + offset).read_volatile() }
            })
            .collect()
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: address and length are what was mapped, and nothing borrows from a dropped ring.
        let _ = unsafe { munmap(self.at.as_ptr().cast(), (1 + PAGES) * self.page) };
    }
}

/// Reads one record: its header (type, flags, size), then pid, tid, address, length, offset, major, minor, inode.
fn read(record: &[u8], news: &mut News) {
    let word = |at: usize| Some(u32::from_ne_bytes(record.get(at..at + 4)?.try_into().ok()?));
    match word(0) {
        Some(RECORD_LOST) => news.lost = true,
        Some(RECORD_MMAP2) => {
            let inode = record
                .get(48..56)
                .and_then(|bytes| bytes.try_into().ok())
                .map(u64::from_ne_bytes);
            if let (Some(pid), Some(major), Some(minor), Some(inode)) = (word(8), word(40), word(44), inode)
                && inode != 0
            {
                let file = Mapped { major, minor, inode };
                news.mappings.push(NewMapping { pid, file });
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_starts_is_told_by_what_it_maps() {
        let mut events = Events::open().unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let mut news = Vec::new();
        let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
        let file = loop {
            let maps = super::super::maps::of(child.id());
            let found = super::super::maps::executable(&maps).find(|mapping| mapping.path.contains("libc.so"));
            if let Some(found) = found {
                break found.file;
            }
            assert!(std::time::Instant::now() < end, "sleep maps no libc");
        };
        let pid = child.id();
        while !news.contains(&NewMapping { pid, file }) {
            let more = events.take();
            assert!(!more.lost);
            news.extend(more.mappings);
            assert!(std::time::Instant::now() < end, "{news:?}");
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

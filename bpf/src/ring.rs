//! Reading a BPF ring buffer (kernel/bpf/ringbuf.c) through its mapping: one page with the reader's position, one with the
//! writer's, then the data. The kernel offers the data twice in a row, so that no record is ever torn; every mapped page counts as the agent's
//! resident memory, so we map it once and put the one record together that crosses the end.

use std::{
    io,
    os::fd::AsFd,
    ptr::NonNull,
    sync::atomic::{AtomicU32, AtomicUsize, Ordering},
};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;
const RECORD_HEADER: usize = 8;

/// The reader's end of one ring. There must be only one.
pub(crate) struct Ring {
    consumer: Mapping,
    producer: Mapping,
    /// Bytes of data, a power of two.
    size: usize,
    page: usize,
    /// For the record that crosses the end.
    whole: Vec<u8>,
}

struct Mapping {
    at: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping is shared memory that only this value unmaps; it does not depend on the thread.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(fd: impl AsFd, offset: usize, len: usize, protection: ProtFlags) -> io::Result<Mapping> {
        // SAFETY: a new mapping at an address that the kernel chooses touches no other memory.
        let at = unsafe {
            mmap(
                std::ptr::null_mut(),
                len,
                protection,
                MapFlags::SHARED,
                fd,
                offset as u64,
            )?
        };
        NonNull::new(at.cast())
            .map(|at| Mapping { at, len })
            .ok_or_else(|| io::Error::other("mmap gave a null pointer"))
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: `at` and `len` are what mmap gave, and nothing borrows from a dropped ring.
        let _ = unsafe { munmap(self.at.as_ptr().cast(), self.len) };
    }
}

impl Ring {
    /// Maps the ring `fd` of `size` bytes.
    pub fn map(fd: impl AsFd, size: u32) -> io::Result<Ring> {
        let (size, page) = (size as usize, rustix::param::page_size());
        let consumer = Mapping::new(&fd, 0, page, ProtFlags::READ | ProtFlags::WRITE)?;
        let producer = Mapping::new(&fd, page, page + size, ProtFlags::READ)?;
        Ok(Ring {
            consumer,
            producer,
            size,
            page,
            whole: Vec::new(),
        })
    }

    /// Up to where there are records, for [`Ring::drain`].
    pub fn end(&self) -> usize {
        self.produced().load(Ordering::Acquire)
    }

    /// Hands at most `budget` records that begin before `end` to `sink`, oldest first; returns how many. Fewer than `budget` means that none is
    /// left there, or that one is still being written.
    pub fn drain(&mut self, end: usize, budget: usize, mut sink: impl FnMut(&[u8])) -> usize {
        let mut seen = 0;
        let mut at = self.consumed().load(Ordering::Relaxed);
        while seen < budget && at < end {
            let Some((length, next)) = self.record(at) else { break };
            if let Some(length) = length {
                sink(self.bytes(at, length));
                seen += 1;
            }
            at = next;
            self.consumed().store(at, Ordering::Release);
        }
        seen
    }

    /// The length of the record at position `at` (None in it: discarded) and the position of the next; None while it is being written.
    fn record(&self, at: usize) -> Option<(Option<usize>, usize)> {
        let offset = self.page + (at & (self.size - 1));
        // SAFETY: `offset` is below page + size, which is how long the mapping is; records begin at multiples of eight, so their length does
        // not cross the end. The kernel writes it while we read it, hence the atomic.
        let length = unsafe { self.producer.at.add(offset).cast::<AtomicU32>().as_ref() }.load(Ordering::Acquire);
        if length & BUSY != 0 {
            return None;
        }
        let len = (length & !(BUSY | DISCARDED)) as usize;
        let next = at + (len + RECORD_HEADER).next_multiple_of(8);
        let kept = length & DISCARDED == 0 && len + RECORD_HEADER <= self.size;
        Some((kept.then_some(len), next))
    }

    /// The `length` bytes of the record at position `at`.
    fn bytes(&mut self, at: usize, length: usize) -> &[u8] {
        let start = (at + RECORD_HEADER) & (self.size - 1);
        let first = length.min(self.size - start);
        if first == length {
            return self.data(start, length);
        }
        let mut whole = std::mem::take(&mut self.whole);
        whole.clear();
        whole.extend_from_slice(self.data(start, first));
        whole.extend_from_slice(self.data(0, length - first));
        self.whole = whole;
        &self.whole
    }

    /// `start` + `length` must not be past the data's end.
    fn data(&self, start: usize, length: usize) -> &[u8] {
        debug_assert!(start + length <= self.size);
        // SAFETY: the bytes are inside the mapping (page + size long); the kernel does not write to them again before the position is moved
        // past them, which needs `&mut self`.
        unsafe { std::slice::from_raw_parts(self.producer.at.add(self.page + start).as_ptr(), length) }
    }

    fn consumed(&self) -> &AtomicUsize {
        // SAFETY: the first eight bytes of the reader's page are its position, aligned, and mapped as long as `self` lives.
        unsafe { self.consumer.at.cast().as_ref() }
    }

    fn produced(&self) -> &AtomicUsize {
        // SAFETY: the same for the writer's page.
        unsafe { self.producer.at.cast().as_ref() }
    }
}

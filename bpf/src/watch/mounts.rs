//! Whether anything was mounted or unmounted since the last look.

use std::{fs::File, io};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

/// The mount table of this process's namespace.
#[derive(Debug)]
pub(super) struct MountTable(File);

impl MountTable {
    /// Starts looking.
    pub fn open() -> io::Result<MountTable> {
        Ok(MountTable(File::open("/proc/self/mountinfo")?))
    }

    /// Whether it changed since the last call. Costs one system call.
    pub fn changed(&self) -> bool {
        let mut fds = [PollFd::new(&self.0, PollFlags::PRI)];
        match poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
            Ok(_) => fds[0].revents().intersects(PollFlags::PRI | PollFlags::ERR),
            Err(Errno::INTR) => false,
            Err(_) => true,
        }
    }
}

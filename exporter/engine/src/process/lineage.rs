//! Which processes are one lineage: one login session, one service or one container.
//!
//! A process belongs to the lineage of the parent that made it as long as both are in the same group. The group is, in this order:
//!
//! 1. the container (from the cgroup);
//! 2. the audit session, which a login sets once and nothing a process does afterwards changes;
//! 3. the systemd unit (`*.service`, or `*.scope` that is not init's), for daemons;
//! 4. the session (`setsid`), where none of these is known. A child that leaves its session stays in the lineage if the session that it
//!    left has a terminal: otherwise `setsid` alone would shed the score of an interactive shell.
//!
//! Init (pid 1) and kthreadd (pid 2) never have descendants in their lineage: everything would be one.
//!
//! The root is settled when a process appears and again at its exec, and is kept with it: neither a chain of forks deeper than any bound
//! nor the eviction of an ancestor splits a lineage.

use super::Process;
use crate::{
    container::id_of_cgroup,
    event::{ProcessSnapshot, Value},
};

const UNSET: u32 = u32::MAX;

/// Whether `child` belongs to the lineage of `parent`.
pub(super) fn same(parent: &Process, child: &Process) -> bool {
    if parent.key.pid <= 2 {
        return false;
    }
    let (theirs, mine) = (&parent.snapshot, &child.snapshot);
    let (their_cgroup, my_cgroup) = (cgroup(theirs), cgroup(mine));
    match (id_of_cgroup(their_cgroup), id_of_cgroup(my_cgroup)) {
        (None, None) => {}
        (a, b) => return a == b,
    }
    if theirs.session != UNSET || mine.session != UNSET {
        return theirs.session == mine.session;
    }
    match (unit(their_cgroup), unit(my_cgroup)) {
        (None, None) => {}
        (a, b) => return a == b,
    }
    theirs.sid == mine.sid || theirs.tty != Value::Missing
}

/// A child is born with its parent's sessions as they are at that moment: that tells of a login or a `setsid` since the parent's last exec.
pub(super) fn learn_from_child(parent: &mut Process, child: &ProcessSnapshot) {
    parent.snapshot.session = child.session;
    parent.snapshot.loginuid = child.loginuid;
    if child.sid != 0 {
        parent.snapshot.sid = child.sid;
    }
}

fn cgroup(snapshot: &ProcessSnapshot) -> &[u8] {
    snapshot.cgroup.get().map_or(&[], |path| path)
}

/// The outermost unit of systemd in the path: that name was given by the host, those below it may come from within.
fn unit(cgroup: &[u8]) -> Option<&[u8]> {
    cgroup
        .split(|byte| *byte == b'/')
        .find(|name| name.ends_with(b".service") || (name.ends_with(b".scope") && *name != b"init.scope"))
}

//! Records of the process sensor.

use lapwing_engine::event::{
    Body, Bytes, CredentialChange, Credentials, Exec, ExecFailure, Exit, ExitReason, Fork, Namespaces, ObjectKey,
    ProcessKey, ProcessSnapshot, Value,
};

use super::{
    DecodeError, fixed,
    tail::{Tail, map},
};
use crate::wire::{
    lw_credentials, lw_creds, lw_exec, lw_exec_failure, lw_exit, lw_field, lw_fork, lw_key, lw_process,
    lw_process_flag, lw_snapshot,
};

pub(super) fn fork(front: &[u8], tail: &Tail) -> Result<Body, DecodeError> {
    let raw: lw_fork = fixed(front)?;
    Ok(Body::Fork(Box::new(Fork {
        child: ProcessKey {
            pid: raw.child_pid,
            start: raw.child_start,
        },
        snapshot: process(&raw.process, raw.header.flags, tail),
    })))
}

pub(super) fn exec(front: &[u8], tail: &Tail) -> Result<Body, DecodeError> {
    let raw: lw_exec = fixed(front)?;
    Ok(Body::Exec(Box::new(Exec {
        snapshot: process(&raw.process, raw.header.flags, tail),
        filename: tail.owned(lw_field::LW_FILENAME),
        before: creds(&raw.before),
        mode: raw.process.mode,
        links: raw.process.links,
    })))
}

pub(super) fn snapshot(front: &[u8], tail: &Tail) -> Result<Body, DecodeError> {
    let raw: lw_snapshot = fixed(front)?;
    Ok(Body::Snapshot(Box::new(process(&raw.process, raw.header.flags, tail))))
}

pub(super) fn exec_failure(front: &[u8], tail: &Tail) -> Result<Body, DecodeError> {
    let raw: lw_exec_failure = fixed(front)?;
    // Partial by nature: the string of the call, which the kernel did not resolve.
    let filename = match tail.owned(lw_field::LW_FILENAME) {
        Value::Known(path) => Value::Partial(path),
        other => other,
    };
    Ok(Body::ExecFailure(Box::new(ExecFailure {
        filename,
        errno: raw.error,
    })))
}

pub(super) fn credentials(front: &[u8]) -> Result<Body, DecodeError> {
    let raw: lw_credentials = fixed(front)?;
    Ok(Body::Credentials(Box::new(CredentialChange {
        before: creds(&raw.before),
        after: creds(&raw.after),
        by_call: raw.by_call != 0,
        errno: raw.error,
    })))
}

pub(super) fn exit(front: &[u8]) -> Result<Body, DecodeError> {
    let raw: lw_exit = fixed(front)?;
    let [low, code, ..] = raw.status.to_le_bytes();
    let reason = match low & 0x7f {
        0 => ExitReason::Code(code),
        number => ExitReason::Signal {
            number,
            core_dumped: low & 0x80 != 0,
        },
    };
    Ok(Body::Exit(Exit { reason }))
}

fn process(raw: &lw_process, flags: u32, tail: &Tail) -> ProcessSnapshot {
    let known = flags & lw_process_flag::LW_HAS_EXECUTABLE.0 != 0;
    ProcessSnapshot {
        parent: ProcessKey {
            pid: raw.parent_pid,
            start: raw.parent_start,
        },
        name: Bytes::from(until_nul(&raw.comm)),
        executable: tail.owned(lw_field::LW_EXECUTABLE),
        executable_key: known.then(|| key(&raw.key)),
        args: map(tail.bytes(lw_field::LW_ARGS), arguments),
        cwd: tail.owned(lw_field::LW_CWD),
        tty: tail.owned(lw_field::LW_TTY),
        cgroup: tail.owned(lw_field::LW_CGROUP),
        credentials: creds(&raw.creds),
        loginuid: raw.loginuid,
        session: raw.session,
        sid: raw.sid,
        namespaces: Namespaces {
            pid: raw.ns_pid,
            mnt: raw.ns_mnt,
            net: raw.ns_net,
            user: raw.ns_user,
        },
    }
}

/// What lies between the NULs; the last one has its NUL unless the list was cut.
pub(crate) fn arguments(bytes: &[u8]) -> Vec<Bytes> {
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    if bytes.is_empty() {
        return Vec::new();
    }
    bytes.split(|byte| *byte == 0).map(Bytes::from).collect()
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

pub(super) fn key(raw: &lw_key) -> ObjectKey {
    ObjectKey {
        device: raw.device,
        generation: raw.generation,
        inode: raw.inode,
        layer: raw.layer,
    }
}

fn creds(raw: &lw_creds) -> Credentials {
    Credentials {
        uid: raw.uid,
        gid: raw.gid,
        euid: raw.euid,
        egid: raw.egid,
        suid: raw.suid,
        fsuid: raw.fsuid,
        cap_effective: raw.cap_effective,
        cap_permitted: raw.cap_permitted,
    }
}

//! Fields of the process, its parent and its ancestors.

use super::{Context, Field, Get, Kinds, Proc, Read, Scalar, Type, Who};
use crate::{
    container,
    event::{Body, Bytes, Exec},
};

const NAME: Get = Get::One(name);
const EXEPATH: Get = Get::One(exepath);
const EXE: Get = Get::One(exe);
const CMDLINE: Get = Get::Compose(cmdline);
const PID: Get = Get::One(pid);

const fn of(name: &'static str, kind: Type, get: Get, doc: &'static str) -> Field {
    Field::new(name, kind, Kinds::ALL, Read::Of(Who::Process, get), doc)
}

const fn parent(name: &'static str, kind: Type, get: Get, doc: &'static str) -> Field {
    Field::new(name, kind, Kinds::ALL, Read::Of(Who::Parent, get), doc)
}

const fn ancestor(name: &'static str, kind: Type, get: Get, doc: &'static str) -> Field {
    Field::new(name, kind, Kinds::ALL, Read::Of(Who::Ancestors, get), doc)
}

const fn exec(
    name: &'static str,
    kind: Type,
    get: for<'a> fn(&Context<'a>) -> Option<Scalar<'a>>,
    doc: &'static str,
) -> Field {
    Field::new(name, kind, Kinds::EXEC, Read::Event(get), doc)
}

#[rustfmt::skip] // a table reads best as one
pub(super) const FIELDS: &[Field] = &[
    of("proc.name", Type::Text, NAME, "comm: at most 15 bytes, chosen by the process itself"),
    of("proc.exepath", Type::Path, EXEPATH, "the executable as the kernel resolved it"),
    of("proc.is_exepath_partial", Type::Flag, Get::One(is_exepath_partial), "whether only the end of proc.exepath is known: deeper than the kernel's walk goes, or in no mounted file system (ours)"),
    of("proc.exe", Type::Text, EXE, "argv[0], chosen by the caller"),
    of("proc.args", Type::Text, Get::Compose(args), "the arguments after argv[0], joined by spaces"),
    of("proc.arg", Type::Text, Get::Many(arg), "each argument; [0] is argv[0] (ours)"),
    of("proc.nargs", Type::Number, Get::One(nargs), "how many arguments after argv[0]"),
    of("proc.cmdline", Type::Text, CMDLINE, "proc.name and proc.args"),
    of("proc.cwd", Type::Path, Get::One(cwd), "working directory"),
    of("proc.pid", Type::Number, PID, "pid in the host's namespace"),
    of("proc.ppid", Type::Number, Get::One(ppid), "pid of the parent that made it"),
    of("proc.tty", Type::Text, Get::One(tty), "controlling terminal (pts3); missing when there is none. Falco has a number here"),
    of("proc.sid", Type::Number, Get::One(sid), "pid of the session's leader"),
    of("proc.is_sid_leader", Type::Flag, Get::One(is_sid_leader), "whether it leads its session"),
    of("proc.exe_ino", Type::Number, Get::One(exe_ino), "inode number of the executable"),
    exec("proc.exe.mode", Type::Number, exe_mode, "mode of the executable with its type, as in st_mode (ours)"),
    exec("proc.exe.links", Type::Number, exe_links, "links to the executable; 0 for a deleted one or a memfd (ours)"),
    exec("proc.is_setuid", Type::Flag, is_setuid, "whether the executable has the setuid bit (ours)"),
    exec("proc.is_setgid", Type::Flag, is_setgid, "whether the executable has the setgid bit (ours)"),
    exec("proc.is_exe_from_memfd", Type::Flag, is_memfd, "whether the executable is a memfd"),
    of("proc.ns.pid", Type::Number, Get::One(ns_pid), "inode number of the PID namespace (ours)"),
    of("proc.ns.mnt", Type::Number, Get::One(ns_mnt), "inode number of the mount namespace (ours)"),
    of("proc.ns.net", Type::Number, Get::One(ns_net), "inode number of the network namespace (ours)"),
    of("proc.ns.user", Type::Number, Get::One(ns_user), "inode number of the user namespace (ours)"),
    parent("proc.pname", Type::Text, NAME, "proc.name of the parent"),
    parent("proc.pexepath", Type::Path, EXEPATH, "proc.exepath of the parent"),
    parent("proc.pexe", Type::Text, EXE, "proc.exe of the parent"),
    parent("proc.pcmdline", Type::Text, CMDLINE, "proc.cmdline of the parent"),
    ancestor("proc.aname", Type::Text, NAME, "proc.name of any ancestor; [1] is the parent"),
    ancestor("proc.aexepath", Type::Path, EXEPATH, "proc.exepath of any ancestor; [1] is the parent"),
    ancestor("proc.aexe", Type::Text, EXE, "proc.exe of any ancestor; [1] is the parent"),
    ancestor("proc.acmdline", Type::Text, CMDLINE, "proc.cmdline of any ancestor; [1] is the parent"),
    ancestor("proc.apid", Type::Number, PID, "pid of any ancestor; [1] is the parent"),
    Field::new("thread.tid", Type::Number, Kinds::ALL, Read::Event(tid), "the thread that did it"),
    of("thread.cgroups", Type::Text, Get::One(cgroup), "path of the cgroup"),
    of("container.id", Type::Text, Get::One(container_id), "first 12 digits of the container's id; \"host\" outside containers"),
    of("container.full_id", Type::Text, Get::One(container_full_id), "the container's id; missing outside containers"),
];

fn text(bytes: Option<&Bytes>) -> Option<Scalar<'_>> {
    bytes.map(|bytes| Scalar::Text(bytes))
}

fn name(proc: Proc<'_>) -> Option<Scalar<'_>> {
    Some(Scalar::Text(&proc.snapshot.name))
}

fn exepath(proc: Proc<'_>) -> Option<Scalar<'_>> {
    text(proc.snapshot.executable.get())
}

fn is_exepath_partial(proc: Proc<'_>) -> Option<Scalar<'_>> {
    proc.snapshot.executable.get()?;
    Some(proc.snapshot.executable.is_partial().into())
}

fn exe(proc: Proc<'_>) -> Option<Scalar<'_>> {
    text(proc.snapshot.args.get()?.first())
}

fn args(proc: Proc<'_>, buffer: &mut Vec<u8>) -> bool {
    let Some(args) = proc.snapshot.args.get() else {
        return false;
    };
    for (index, arg) in args.iter().skip(1).enumerate() {
        if index > 0 {
            buffer.push(b' ');
        }
        buffer.extend_from_slice(arg);
    }
    true
}

fn cmdline(proc: Proc<'_>, buffer: &mut Vec<u8>) -> bool {
    let Some(args) = proc.snapshot.args.get() else {
        return false;
    };
    buffer.extend_from_slice(&proc.snapshot.name);
    for arg in args.iter().skip(1) {
        buffer.push(b' ');
        buffer.extend_from_slice(arg);
    }
    true
}

fn arg<'a>(proc: Proc<'a>, visit: &mut dyn FnMut(Scalar<'a>) -> bool) -> bool {
    proc.snapshot
        .args
        .get()
        .is_some_and(|args| args.iter().any(|arg| visit(Scalar::Text(arg))))
}

fn nargs(proc: Proc<'_>) -> Option<Scalar<'_>> {
    let count = proc.snapshot.args.get()?.len().saturating_sub(1);
    Some(Scalar::Number(count as i64))
}

fn cwd(proc: Proc<'_>) -> Option<Scalar<'_>> {
    text(proc.snapshot.cwd.get())
}

fn pid(proc: Proc<'_>) -> Option<Scalar<'_>> {
    Some(proc.key.pid.into())
}

fn ppid(proc: Proc<'_>) -> Option<Scalar<'_>> {
    Some(proc.snapshot.parent.pid.into())
}

fn tty(proc: Proc<'_>) -> Option<Scalar<'_>> {
    text(proc.snapshot.tty.get())
}

fn sid(proc: Proc<'_>) -> Option<Scalar<'_>> {
    Some(proc.snapshot.sid.into())
}

fn is_sid_leader(proc: Proc<'_>) -> Option<Scalar<'_>> {
    Some((proc.snapshot.sid == proc.key.pid).into())
}

fn exe_ino(proc: Proc<'_>) -> Option<Scalar<'_>> {
    let inode = proc.snapshot.executable_key?.inode;
    Some(Scalar::Number(i64::try_from(inode).ok()?))
}

fn of_exec<'a>(context: &Context<'a>) -> Option<&'a Exec> {
    match &context.event.body {
        Body::Exec(exec) => Some(exec),
        _ => None,
    }
}

fn exe_mode<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    Some(of_exec(context)?.mode.into())
}

fn exe_links<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    Some(of_exec(context)?.links.into())
}

fn is_setuid<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    Some((of_exec(context)?.mode & 0o4000 != 0).into())
}

fn is_setgid<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    Some((of_exec(context)?.mode & 0o2000 != 0).into())
}

/// The kernel names a memfd's file `memfd:NAME`, at the root of an internal mount; it never has a link.
fn is_memfd<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    let exec = of_exec(context)?;
    let path = exec.snapshot.executable.get()?;
    let path = path.strip_prefix(b"/").unwrap_or(path);
    Some((exec.links == 0 && path.starts_with(b"memfd:")).into())
}

fn ns_pid(proc: Proc<'_>) -> Option<Scalar<'_>> {
    Some(proc.snapshot.namespaces.pid.into())
}

fn ns_mnt(proc: Proc<'_>) -> Option<Scalar<'_>> {
    Some(proc.snapshot.namespaces.mnt.into())
}

fn ns_net(proc: Proc<'_>) -> Option<Scalar<'_>> {
    Some(proc.snapshot.namespaces.net.into())
}

fn ns_user(proc: Proc<'_>) -> Option<Scalar<'_>> {
    Some(proc.snapshot.namespaces.user.into())
}

fn tid<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    Some(context.event.header.tid.into())
}

fn cgroup(proc: Proc<'_>) -> Option<Scalar<'_>> {
    text(proc.snapshot.cgroup.get())
}

fn container_full_id(proc: Proc<'_>) -> Option<Scalar<'_>> {
    container::id_of_cgroup(proc.snapshot.cgroup.get()?).map(Scalar::Text)
}

/// Missing when the cgroup is not known: a process that cannot be told to be the host's is not called so.
fn container_id(proc: Proc<'_>) -> Option<Scalar<'_>> {
    let id = container::id_of_cgroup(proc.snapshot.cgroup.get()?);
    Some(Scalar::Text(id.map_or(b"host".as_slice(), |id| &id[..12])))
}

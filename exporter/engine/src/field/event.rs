//! Fields of the event itself.

use super::{Context, Field, Kinds, Read, Scalar, Type};
use crate::{
    event::{Body, ExitReason, FileOp, FlowChange},
    names,
};

#[rustfmt::skip] // a table reads best as one
pub(super) const FIELDS: &[Field] = &[
    Field::new("evt.kind", Type::Text, Kinds::ALL, Read::Event(kind), "what happened, as alerts name it: file.create, process.exec, ... (ours)"),
    Field::new("evt.failed", Type::Flag, Kinds::ALL, Read::Event(failed), "whether the kernel refused it"),
    Field::new("evt.res", Type::Text, Kinds::ALL, Read::Event(res), "SUCCESS, or the name of the errno: EACCES, ..."),
    Field::new("evt.rawres", Type::Number, Kinds::ALL, Read::Event(rawres), "0, or the errno as a negative number"),
    Field::new("evt.cpu", Type::Number, Kinds::ALL, Read::Event(cpu), "the CPU that it was seen on"),
    Field::new("evt.syscall", Type::Number, Kinds::ALL, Read::Event(syscall), "the number of the system call (ours); read it by evt.abi"),
    Field::new("evt.abi", Type::Text, Kinds::ALL, Read::Event(abi), "whose numbering of system calls: x86_64, i386, aarch64, arm (ours)"),
    Field::new("evt.is_open_read", Type::Flag, Kinds::FILE, Read::Event(is_open_read), "an open for reading"),
    Field::new("evt.is_open_write", Type::Flag, Kinds::FILE, Read::Event(is_open_write), "an open for writing"),
    Field::new("evt.is_open_create", Type::Flag, Kinds::FILE, Read::Event(is_open_create), "an open that created the file"),
    Field::new("evt.arg.flags", Type::Text, Kinds::FILE, Read::EventMany(flags), "flags of an open: O_WRONLY, O_TRUNC, ..."),
    Field::new("evt.arg.filename", Type::Text, Kinds::EXEC.or(Kinds::EXEC_FAILURE), Read::Event(filename), "the path given to the exec, not resolved"),
    Field::new("proc.exit.code", Type::Number, Kinds::EXIT, Read::Event(exit_code), "what it returned; missing when a signal ended it (ours)"),
    Field::new("proc.exit.signal", Type::Number, Kinds::EXIT, Read::Event(exit_signal), "number of the signal that ended it (ours)"),
    Field::new("proc.exit.signal_name", Type::Text, Kinds::EXIT, Read::Event(exit_signal_name), "name of the signal that ended it: SIGSEGV, ... (ours)"),
    Field::new("proc.exit.core_dumped", Type::Flag, Kinds::EXIT, Read::Event(core_dumped), "whether a core was dumped; missing when it returned (ours)"),
];

fn kind<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    Some(name_of(&context.event.body).into())
}

/// The static name of an event, as alerts show it.
pub(crate) fn name_of(body: &Body) -> &'static str {
    match body {
        Body::Fork(_) => "process.fork",
        Body::Exec(_) | Body::ExecFailure(_) => "process.exec",
        Body::Credentials(_) => "process.credentials",
        Body::Exit(_) => "process.exit",
        Body::Snapshot(_) => "process.snapshot",
        Body::File(file) => match file.op {
            FileOp::Create => "file.create",
            FileOp::Write => "file.write",
            FileOp::Read => "file.read",
            FileOp::Permission => "file.permission",
            FileOp::Delete => "file.delete",
            FileOp::Rename => "file.rename",
            FileOp::Execute => "file.execute",
        },
        Body::Flow(flow) => match flow.change {
            FlowChange::Opening => "network.open",
            FlowChange::Established => "network.established",
            FlowChange::Refused(_) | FlowChange::RefusedUnseen => "network.refused",
            FlowChange::Closed | FlowChange::ClosedUnseen => "network.close",
            FlowChange::Listening => "network.listen",
            FlowChange::Existing => "network.existing",
            FlowChange::Taken => "network.taken",
        },
        Body::Segment(_) => "network.segment",
        Body::Tls(_) => "network.tls",
        Body::Traffic(traffic) => traffic.name(),
    }
}

fn failed<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    Some((context.errno() != 0).into())
}

fn res<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    match context.errno() {
        0 => Some("SUCCESS".into()),
        number => names::errno(number).map(Into::into),
    }
}

fn rawres<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    Some(Scalar::Number(-i64::from(context.errno())))
}

fn cpu<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    Some(u32::from(context.event.header.cpu).into())
}

fn syscall<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    context
        .event
        .header
        .syscall
        .map(|call| Scalar::Number(i64::from(call.number)))
}

fn abi<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    use crate::event::Abi;
    let name = match context.event.header.syscall?.abi {
        Abi::X86_64 => "x86_64",
        Abi::I386 => "i386",
        Abi::Aarch64 => "aarch64",
        Abi::Arm => "arm",
    };
    Some(name.into())
}

/// The flags of an open, if the event is one. Create and Write have other causes (mkdir, truncate), which carry no flags:
/// these cannot be told from an open for reading by their flags, but an open for reading is never a Create without O_CREAT or a Write.
fn open_flags(context: &Context<'_>) -> Option<u32> {
    const O_CREAT: u32 = 0o100;
    let file = context.file()?;
    match file.op {
        FileOp::Create if file.flags & O_CREAT != 0 => Some(file.flags),
        FileOp::Write if file.flags & 0o3 != 0 || file.flags & O_CREAT != 0 => Some(file.flags),
        FileOp::Read => Some(file.flags),
        _ => None,
    }
}

fn is_open_read<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    context.file()?;
    Some(open_flags(context).is_some_and(|flags| flags & 0o3 != 1).into())
}

fn is_open_write<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    context.file()?;
    Some(open_flags(context).is_some_and(|flags| flags & 0o3 != 0).into())
}

fn is_open_create<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    let file = context.file()?;
    let created = file.op == FileOp::Create && file.errno == 0;
    Some((created && open_flags(context).is_some()).into())
}

fn flags<'a>(context: &Context<'a>, visit: &mut dyn FnMut(Scalar<'a>) -> bool) -> bool {
    open_flags(context).is_some_and(|flags| names::open_flags(flags).any(|name| visit(name.into())))
}

fn filename<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    let filename = match &context.event.body {
        Body::Exec(exec) => &exec.filename,
        Body::ExecFailure(failure) => &failure.filename,
        _ => return None,
    };
    Some(Scalar::Text(filename.get()?))
}

fn exit(context: &Context<'_>) -> Option<ExitReason> {
    match &context.event.body {
        Body::Exit(exit) => Some(exit.reason),
        _ => None,
    }
}

fn exit_code<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    match exit(context)? {
        ExitReason::Code(code) => Some(u32::from(code).into()),
        ExitReason::Signal { .. } => None,
    }
}

fn signal(context: &Context<'_>) -> Option<(u8, bool)> {
    match exit(context)? {
        ExitReason::Signal { number, core_dumped } => Some((number, core_dumped)),
        ExitReason::Code(_) => None,
    }
}

fn exit_signal<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    Some(u32::from(signal(context)?.0).into())
}

fn exit_signal_name<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    names::signal(signal(context)?.0).map(Into::into)
}

fn core_dumped<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    Some(signal(context)?.1.into())
}

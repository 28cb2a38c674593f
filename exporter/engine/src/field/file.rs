//! Fields of the file that something was done to.

use super::{Context, Field, Kinds, Read, Scalar, Type};
use crate::{
    event::{Bytes, FileEvent, FileOp},
    names,
};

const fn of(
    name: &'static str,
    kind: Type,
    get: for<'a> fn(&Context<'a>) -> Option<Scalar<'a>>,
    doc: &'static str,
) -> Field {
    Field::new(name, kind, Kinds::FILE, Read::Event(get), doc)
}

#[rustfmt::skip] // a table reads best as one
pub(super) const FIELDS: &[Field] = &[
    of("fs.path.name", Type::Path, name, "the file; for a rename its old name, for a link its new one"),
    of("fs.path.source", Type::Path, source, "the old name of a rename, the existing file of a hard link, the text of a symbolic one"),
    of("fs.path.target", Type::Path, target, "the new name of a rename or link"),
    of("fd.name", Type::Path, name, "the same as fs.path.name"),
    of("fd.directory", Type::Path, directory, "the directory of fs.path.name"),
    of("fd.filename", Type::Text, filename, "the last component of fs.path.name"),
    of("fd.ino", Type::Number, inode, "inode number of the file"),
    of("file.mode", Type::Number, mode, "permissions, after the change: file.mode = 0o644 (ours)"),
    of("file.type", Type::Text, file_type, "file, directory, symlink, fifo, socket, block-device, character-device (ours)"),
    of("file.is_setuid", Type::Flag, is_setuid, "whether the mode has the setuid bit (ours)"),
    of("file.is_setgid", Type::Flag, is_setgid, "whether the mode has the setgid bit (ours)"),
    of("file.owner.uid", Type::Number, owner_uid, "the owner that a chown set (ours)"),
    of("file.owner.gid", Type::Number, owner_gid, "the group that a chown set (ours)"),
];

fn text(bytes: Option<&Bytes>) -> Option<Scalar<'_>> {
    bytes.map(|bytes| Scalar::Text(bytes))
}

fn name<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    text(context.file()?.path.get())
}

/// A link's `path` is its new name and its `target` what it links to; a rename's are the old and the new name.
fn source<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    let file = context.file()?;
    match file.op {
        FileOp::Rename => text(file.path.get()),
        FileOp::Create => text(file.target.get()),
        _ => None,
    }
}

fn target<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    let file = context.file()?;
    match (file.op, file.target.get()) {
        (FileOp::Rename, target) => text(target),
        (FileOp::Create, Some(_)) => text(file.path.get()),
        _ => None,
    }
}

fn split<'a>(context: &Context<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let path: &'a [u8] = context.file()?.path.get()?;
    let slash = path.iter().rposition(|byte| *byte == b'/')?;
    Some((&path[..slash.max(1)], &path[slash + 1..]))
}

fn directory<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    split(context).map(|(directory, _)| Scalar::Text(directory))
}

fn filename<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    split(context).map(|(_, name)| Scalar::Text(name))
}

fn inode<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    Some(Scalar::Number(i64::try_from(context.file()?.key?.inode).ok()?))
}

/// 0 is "not known" in the event. A `chmod 0` by path, where only the system call is seen, is not told from it.
fn known_mode(file: &FileEvent) -> Option<u32> {
    (file.mode != 0).then_some(file.mode)
}

fn mode<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    Some((known_mode(context.file()?)? & 0o7777).into())
}

fn file_type<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    names::file_type(context.file()?.mode).map(Into::into)
}

fn is_setuid<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    Some((known_mode(context.file()?)? & 0o4000 != 0).into())
}

fn is_setgid<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    Some((known_mode(context.file()?)? & 0o2000 != 0).into())
}

/// 4294967295 leaves the owner as it is.
fn set(id: u32) -> Option<Scalar<'static>> {
    (id != u32::MAX).then(|| id.into())
}

fn owner_uid<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    set(context.file()?.owner?.0)
}

fn owner_gid<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    set(context.file()?.owner?.1)
}

//! Fields of who the process acts as.

use super::{Context, Field, Get, Kinds, Proc, Read, Scalar, Type, Who};
use crate::{
    event::{Body, Credentials},
    names,
};

const CHANGES: Kinds = Kinds::EXEC.or(Kinds::CREDENTIALS);

const fn of(name: &'static str, kind: Type, get: Get, doc: &'static str) -> Field {
    Field::new(name, kind, Kinds::ALL, Read::Of(Who::Process, get), doc)
}

const fn before(name: &'static str, get: for<'a> fn(&Context<'a>) -> Option<Scalar<'a>>, doc: &'static str) -> Field {
    Field::new(name, Type::Number, CHANGES, Read::Event(get), doc)
}

#[rustfmt::skip] // a table reads best as one
pub(super) const FIELDS: &[Field] = &[
    of("user.uid", Type::Number, Get::One(euid), "effective user id, in the initial user namespace"),
    of("user.ruid", Type::Number, Get::One(uid), "real user id (ours)"),
    of("user.suid", Type::Number, Get::One(suid), "saved user id (ours)"),
    of("user.fsuid", Type::Number, Get::One(fsuid), "user id for file access (ours)"),
    of("user.loginuid", Type::Number, Get::One(loginuid), "the user that logged in; -1 when nobody did"),
    of("group.gid", Type::Number, Get::One(egid), "effective group id"),
    of("group.rgid", Type::Number, Get::One(gid), "real group id (ours)"),
    of("thread.cap_effective", Type::Text, Get::Many(cap_effective), "effective capabilities by name: CAP_SYS_ADMIN, ..."),
    of("thread.cap_permitted", Type::Text, Get::Many(cap_permitted), "permitted capabilities by name"),
    before("cred.before.uid", |context| of_before(context, |before| before.uid), "real user id before the change (ours)"),
    before("cred.before.euid", |context| of_before(context, |before| before.euid), "effective user id before the change (ours)"),
    before("cred.before.suid", |context| of_before(context, |before| before.suid), "saved user id before the change (ours)"),
    before("cred.before.egid", |context| of_before(context, |before| before.egid), "effective group id before the change (ours)"),
    Field::new("cred.by_call", Type::Flag, CHANGES, Read::Event(by_call), "whether a system call changed them; false is an exploit's mark (ours)"),
];

fn euid(proc: Proc<'_>) -> Option<Scalar<'_>> {
    Some(proc.snapshot.credentials.euid.into())
}

fn uid(proc: Proc<'_>) -> Option<Scalar<'_>> {
    Some(proc.snapshot.credentials.uid.into())
}

fn suid(proc: Proc<'_>) -> Option<Scalar<'_>> {
    Some(proc.snapshot.credentials.suid.into())
}

fn fsuid(proc: Proc<'_>) -> Option<Scalar<'_>> {
    Some(proc.snapshot.credentials.fsuid.into())
}

fn loginuid(proc: Proc<'_>) -> Option<Scalar<'_>> {
    Some(match proc.snapshot.loginuid {
        u32::MAX => Scalar::Number(-1),
        uid => uid.into(),
    })
}

fn egid(proc: Proc<'_>) -> Option<Scalar<'_>> {
    Some(proc.snapshot.credentials.egid.into())
}

fn gid(proc: Proc<'_>) -> Option<Scalar<'_>> {
    Some(proc.snapshot.credentials.gid.into())
}

fn cap_effective<'a>(proc: Proc<'a>, visit: &mut dyn FnMut(Scalar<'a>) -> bool) -> bool {
    names::capabilities(proc.snapshot.credentials.cap_effective).any(|name| visit(name.into()))
}

fn cap_permitted<'a>(proc: Proc<'a>, visit: &mut dyn FnMut(Scalar<'a>) -> bool) -> bool {
    names::capabilities(proc.snapshot.credentials.cap_permitted).any(|name| visit(name.into()))
}

fn of_before<'a>(context: &Context<'a>, get: fn(&Credentials) -> u32) -> Option<Scalar<'a>> {
    match &context.event.body {
        Body::Exec(exec) => Some(get(&exec.before).into()),
        Body::Credentials(change) => Some(get(&change.before).into()),
        _ => None,
    }
}

fn by_call<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    match &context.event.body {
        Body::Exec(_) => Some(true.into()),
        Body::Credentials(change) => Some(change.by_call.into()),
        _ => None,
    }
}

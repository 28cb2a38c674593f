//! The sentence of an alert.

mod network;

use super::Finding;
use crate::{
    alert::ActionResult,
    event::{Body, ExitReason, FileEvent, FileOp},
    field::{Context, Field, FieldRef, Kinds, Scalar, Type},
    names,
    predicate::{PredicateError, resolve},
    redact, view,
};

/// Most bytes of one value in a message.
const MAX_VALUE: usize = 1024;

/// A message of a rule: text with `{field}` in it; `{{` and `}}` are braces.
#[derive(Debug, Clone)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Field(FieldRef),
}

impl Template {
    pub fn parse(text: &str, kinds: Kinds) -> Result<Template, PredicateError> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let offset = text.len() - rest.len() + at;
            let (brace, after) = rest[at..].split_at(1);
            if let Some(after) = after.strip_prefix(brace) {
                plain.push_str(brace);
                rest = after;
                continue;
            }
            let (name, after) = field_name(brace, after, offset)?;
            parts.push(Part::Text(std::mem::take(&mut plain)));
            parts.push(Part::Field(resolve(name, offset + 1, kinds)?));
            rest = after;
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        Ok(Template { parts })
    }

    /// The fields that it shows.
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> {
        self.parts.iter().filter_map(|part| match part {
            Part::Field(field) => Some(field.field),
            Part::Text(_) => None,
        })
    }

    pub fn render(&self, context: &Context<'_>) -> String {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Field(field) => out.push_str(&shown(field, context)),
            }
        }
        // A command line in a message is as telling as one in the alert.
        redact::text(&out).into_owned()
    }
}

fn field_name<'a>(brace: &str, after: &'a str, offset: usize) -> Result<(&'a str, &'a str), PredicateError> {
    let closed = if brace == "{" { after.split_once('}') } else { None };
    closed.ok_or_else(|| PredicateError {
        offset,
        message: format!("a single {brace} in the message"),
        help: format!("write {{field}} for a field's value, {brace}{brace} for the brace itself"),
    })
}

/// A field's values for people, `?` when there is none. What a connection carried is not told, only how much of it there is; nor are
/// headers, cookies and arguments of which the name says that they are secrets, or does not say anything.
fn shown(field: &FieldRef, context: &Context<'_>) -> String {
    let mut out = String::new();
    let name = field.field.name;
    let is_payload = matches!(name, "tcp.payload" | "http.body" | "http.response.body");
    let is_named = matches!(
        name,
        "http.header" | "http.response.header" | "http.trailer" | "http.response.trailer" | "http.args" | "http.cookie"
    );

    let is_secret = is_named
        && (name == "http.cookie"
            || field
                .name()
                .is_none_or(|name| redact::is_secret(&String::from_utf8_lossy(name))));
    field.any(context, |value| {
        if !out.is_empty() {
            out.push_str(", ");
        }
        match value {
            Scalar::Text(text) if is_payload => out.push_str(&format!("{} bytes", text.len())),
            Scalar::Text(_) if is_secret => out.push_str(redact::REDACTED),
            Scalar::Text(text) if name == "http.query" => out.push_str(&view::network::arguments(text)),
            Scalar::Text(text) if name == "http.target" => out.push_str(&view::network::target(text)),
            Scalar::Text(text) => out.push_str(&printable(text)),
            Scalar::Number(number) if field.field.kind == Type::Flag => {
                out.push_str(if number == 0 { "false" } else { "true" })
            }
            Scalar::Number(number) if field.field.name.ends_with(".mode") => out.push_str(&format!("0{number:o}")),
            Scalar::Number(number) => out.push_str(&number.to_string()),
            Scalar::Address(address) => out.push_str(&address.to_string()),
        }
        out.len() > MAX_VALUE
    });
    if out.is_empty() { "?".into() } else { out }
}

/// Bytes for a line of text: no control characters, which could forge lines or steer a terminal, and not too many.
fn printable(bytes: &[u8]) -> String {
    view::printable(bytes, MAX_VALUE)
}

/// The sentence for a rule that has no message of its own.
pub(super) fn default(finding: &Finding, context: &Context<'_>) -> String {
    let object = printable(&finding.object);
    match &context.event.body {
        Body::File(file) => of_file(file, &object, context),
        Body::Exec(exec) if finding.event == "process.escalation" => {
            format!(
                "{} became root from {} by executing {object}",
                actor(context),
                user(exec.before.euid)
            )
        }
        Body::Exec(_) => format!("{object} was executed by {}", parent(context)),
        Body::ExecFailure(failure) => {
            format!(
                "{object} could not be executed by {}: {}",
                actor_user(context),
                errno(failure.errno)
            )
        }
        Body::Credentials(change) if finding.result == ActionResult::Failure => {
            let refused = errno(change.errno);
            format!(
                "{} was refused to become root from {}: {refused}",
                actor(context),
                user(change.before.euid)
            )
        }
        Body::Credentials(change) => {
            let how = if change.by_call { "" } else { " without a system call" };
            format!("{} became root from {}{how}", actor(context), user(change.before.euid))
        }
        Body::Exit(exit) => format!("{object}{} ended {}", ended_as(context), reason(exit.reason)),
        Body::Flow(flow) => network::of_flow(flow, &actor_user(context)),
        Body::Traffic(traffic) => network::of_traffic(traffic, &actor_user(context)),
        Body::Fork(_) | Body::Snapshot(_) | Body::Segment(_) | Body::Tls(_) => {
            format!("{} by {}", finding.event, actor_user(context))
        }
    }
}

fn of_file(file: &FileEvent, object: &str, context: &Context<'_>) -> String {
    let object = if object.is_empty() { "a watched file" } else { object };
    let done = match file.op {
        FileOp::Create => "created",
        FileOp::Write => "written",
        FileOp::Read => "read",
        FileOp::Permission => "changed in its permissions",
        FileOp::Delete => "deleted",
        FileOp::Rename => "renamed",
        FileOp::Execute => "executed",
    };
    let (from, to) = (file.path.get(), file.target.get());
    let other = match (file.op, from, to) {
        (FileOp::Rename, Some(from), Some(to)) if printable(to) == object => format!(" from {}", printable(from)),
        (FileOp::Rename, _, Some(to)) => format!(" to {}", printable(to)),
        _ => String::new(),
    };
    match file.errno {
        0 => format!("{object} was {done}{other} by {}", actor_user(context)),
        number => format!(
            "{object} could not be {done}{other} by {}: {}",
            actor_user(context),
            errno(number)
        ),
    }
}

fn reason(reason: ExitReason) -> String {
    match reason {
        ExitReason::Code(code) => format!("with code {code}"),
        ExitReason::Signal { number, core_dumped } => {
            let name = names::signal(number).map_or_else(|| format!("signal {number}"), Into::into);
            format!("by {name}{}", if core_dumped { " (core dumped)" } else { "" })
        }
    }
}

fn errno(number: i32) -> String {
    names::errno(number).map_or_else(|| format!("errno {number}"), Into::into)
}

fn user(uid: u32) -> String {
    if uid == 0 { "root".into() } else { format!("uid {uid}") }
}

/// `vim[812]`
fn actor(context: &Context<'_>) -> String {
    let pid = context.event.header.process.pid;
    match context.process() {
        Some(proc) => format!("{}[{pid}]", printable(&proc.snapshot.name)),
        None => format!("process {pid}"),
    }
}

/// `vim[812] (root)`
fn actor_user(context: &Context<'_>) -> String {
    match context.process() {
        Some(proc) => format!("{} ({})", actor(context), user(proc.snapshot.credentials.euid)),
        None => actor(context),
    }
}

/// `[812] (root)`, after the executable.
fn ended_as(context: &Context<'_>) -> String {
    let pid = context.event.header.process.pid;
    match context.process() {
        Some(proc) => format!("[{pid}] ({})", user(proc.snapshot.credentials.euid)),
        None => format!("[{pid}]"),
    }
}

/// Who executed it: after an exec the process is the new program already, so its parent says more.
fn parent(context: &Context<'_>) -> String {
    let uid = context.process().map(|proc| proc.snapshot.credentials.euid);
    let user = uid.map(|uid| format!(" as {}", user(uid))).unwrap_or_default();
    match context.ancestors().next() {
        Some(parent) => format!("{}[{}]{user}", printable(&parent.snapshot.name), parent.key.pid),
        None => format!("process {}{user}", context.event.header.process.pid),
    }
}

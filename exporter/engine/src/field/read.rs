//! Reading a field's values.

use std::{net::IpAddr, sync::Arc};

use super::{Context, Field, Proc};

/// One value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar<'a> {
    /// Text or a path.
    Text(&'a [u8]),
    /// A number; 1 and 0 for true and false.
    Number(i64),
    /// An IP address.
    Address(IpAddr),
}

impl From<u32> for Scalar<'_> {
    fn from(number: u32) -> Self {
        Scalar::Number(i64::from(number))
    }
}

impl From<bool> for Scalar<'_> {
    fn from(flag: bool) -> Self {
        Scalar::Number(i64::from(flag))
    }
}

impl<'a> From<&'a [u8]> for Scalar<'a> {
    fn from(text: &'a [u8]) -> Self {
        Scalar::Text(text)
    }
}

impl<'a> From<&'a str> for Scalar<'a> {
    fn from(text: &'a str) -> Self {
        Scalar::Text(text.as_bytes())
    }
}

/// Whose value it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The process that did it.
    Process,
    /// Its parent.
    Parent,
    /// Its ancestors: `[1]` is the parent, `[0]` the process itself; any ancestor without a selector.
    Ancestors,
}

/// How a value is got from a process.
#[derive(Debug, Clone, Copy)]
pub enum Get {
    /// It is there.
    One(for<'a> fn(Proc<'a>) -> Option<Scalar<'a>>),
    /// It has to be put together; false when it is missing.
    Compose(fn(Proc<'_>, &mut Vec<u8>) -> bool),
    /// There are several: shown one by one until the visitor says true, which is the answer.
    Many(for<'a> fn(Proc<'a>, &mut dyn FnMut(Scalar<'a>) -> bool) -> bool),
}

/// Is shown values one by one, until it says true.
pub type Visitor<'v, 'a> = &'v mut dyn FnMut(Scalar<'a>) -> bool;
/// The same for values that live only as long as they are shown.
pub type MadeVisitor<'v> = &'v mut dyn FnMut(Scalar<'_>) -> bool;

/// Shows the values of one name, or all of them.
pub type Named = fn(&Context<'_>, Option<&[u8]>, MadeVisitor<'_>) -> bool;
/// Shows one text that all values are parts of.
pub type Whole = fn(&Context<'_>, MadeVisitor<'_>) -> bool;

/// A stretch of a stream, and how many bytes came before it.
pub type Span<'a> = (&'a [u8], u64);

/// How a field is read.
#[derive(Debug, Clone, Copy)]
pub enum Read {
    /// From the event.
    Event(for<'a> fn(&Context<'a>) -> Option<Scalar<'a>>),
    /// Several values from the event.
    EventMany(for<'a> fn(&Context<'a>, Visitor<'_, 'a>) -> bool),
    /// Several values from the event, each with a name: all of them, or those of one name. The second shows one text that every value is a
    /// part of: what is nowhere in it is in no value.
    EventNamed(Named, Whole),
    /// One value that has to be made from the event, and is shown to the visitor.
    EventMade(fn(&Context<'_>, MadeVisitor<'_>) -> bool),
    /// A stretch of a stream, with the number of bytes before it.
    EventSpan(for<'a> fn(&Context<'a>) -> Option<Span<'a>>),
    /// From a process.
    Of(Who, Get),
}

/// What stands in brackets after a field's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// `[2]`
    Index(u32),
    /// `[user-agent]`
    Name(Arc<[u8]>),
    /// `[0:16]`: from which byte, and how many.
    Span(u32, u32),
}

/// A field as a rule names it, with its selector.
#[derive(Debug, Clone)]
pub struct FieldRef {
    /// The field.
    pub field: &'static Field,
    /// What stands in brackets.
    pub selector: Option<Selector>,
}

impl PartialEq for FieldRef {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.field, other.field) && self.selector == other.selector
    }
}

impl FieldRef {
    /// Whether `test` is true for any of the field's values; false when it has none.
    pub fn any(&self, context: &Context<'_>, mut test: impl FnMut(Scalar<'_>) -> bool) -> bool {
        match self.field.read {
            Read::Event(get) => get(context).is_some_and(test),
            Read::EventMany(visit) => visit(context, &mut test),
            Read::EventMade(show) => show(context, &mut test),
            Read::EventNamed(visit, _) => visit(context, self.name(), &mut test),
            Read::EventSpan(get) => get(context).is_some_and(|(bytes, before)| match self.span() {
                None => test(Scalar::Text(bytes)),
                Some(span) => within(bytes, before, span).is_some_and(|bytes| test(Scalar::Text(bytes))),
            }),
            Read::Of(Who::Process, get) => context
                .process()
                .is_some_and(|proc| self.of(context, get, proc, &mut test)),
            Read::Of(Who::Parent, get) => context
                .ancestors()
                .next()
                .is_some_and(|proc| self.of(context, get, proc, &mut test)),
            Read::Of(Who::Ancestors, get) => match self.index() {
                None => context.ancestors().any(|proc| self.of(context, get, proc, &mut test)),
                Some(0) => context
                    .process()
                    .is_some_and(|proc| self.of(context, get, proc, &mut test)),
                Some(n) => context
                    .ancestors()
                    .nth(n as usize - 1)
                    .is_some_and(|proc| self.of(context, get, proc, &mut test)),
            },
        }
    }

    /// Whether `test` is true for the text that all values are parts of; None where there is no such text.
    pub fn whole(&self, context: &Context<'_>, mut test: impl FnMut(&[u8]) -> bool) -> Option<bool> {
        let Read::EventNamed(_, whole) = self.field.read else {
            return None;
        };
        let mut test = |value: Scalar<'_>| matches!(value, Scalar::Text(text) if test(text));
        Some(whole(context, &mut test))
    }

    /// Whether there is a text that all values are parts of, and looking at it first saves looking at each.
    pub fn has_whole(&self) -> bool {
        self.selector.is_none() && matches!(self.field.read, Read::EventNamed(..))
    }

    /// How much reading it costs, for the order of checks.
    pub fn cost(&self) -> u32 {
        match (self.field.read, self.index()) {
            (Read::Event(_), _) => 1,
            (Read::EventMade(_), _) => 5,
            (Read::EventMany(_) | Read::EventNamed(..) | Read::EventSpan(_), _) => 10,
            (Read::Of(Who::Process, get), _) => 2 + get.cost(),
            (Read::Of(Who::Parent, get), _) => 6 + get.cost(),
            (Read::Of(Who::Ancestors, get), Some(n)) => 6 * n.min(20) + get.cost(),
            (Read::Of(Who::Ancestors, get), None) => 100 + 8 * get.cost(),
        }
    }

    /// The number in brackets.
    pub fn index(&self) -> Option<u32> {
        match self.selector {
            Some(Selector::Index(number)) => Some(number),
            _ => None,
        }
    }

    /// The name in brackets.
    pub fn name(&self) -> Option<&[u8]> {
        match &self.selector {
            Some(Selector::Name(name)) => Some(name),
            _ => None,
        }
    }

    fn span(&self) -> Option<(u64, u64)> {
        match self.selector {
            Some(Selector::Span(from, length)) => Some((u64::from(from), u64::from(length))),
            _ => None,
        }
    }

    fn of(&self, context: &Context<'_>, get: Get, proc: Proc<'_>, test: &mut impl FnMut(Scalar<'_>) -> bool) -> bool {
        match get {
            Get::One(get) => get(proc).is_some_and(test),
            Get::Compose(compose) => {
                let mut scratch = context.scratch.borrow_mut();
                scratch
                    .compose(self.field, proc, compose)
                    .is_some_and(|text| test(Scalar::Text(text)))
            }
            Get::Many(visit) => match self.index() {
                None => visit(proc, &mut *test),
                Some(wanted) => {
                    let mut index = 0;
                    let mut answer = false;
                    visit(proc, &mut |value| {
                        let found = index == wanted;
                        index += 1;
                        answer = found && test(value);
                        found
                    });
                    answer
                }
            },
        }
    }
}

/// What of `bytes`, which `before` others precede, lies in the span; None when nothing does.
fn within(bytes: &[u8], before: u64, (from, length): (u64, u64)) -> Option<&[u8]> {
    let end = from
        .saturating_add(length)
        .saturating_sub(before)
        .min(bytes.len() as u64);
    let start = from.saturating_sub(before).min(end);
    (start < end).then(|| &bytes[start as usize..end as usize])
}

impl Get {
    fn cost(self) -> u32 {
        match self {
            Get::One(_) => 0,
            Get::Many(_) => 10,
            Get::Compose(_) => 30,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_cut_out_of_the_piece_that_is_there() {
        let piece = b"0123456789";
        assert_eq!(within(piece, 0, (0, 4)), Some(&b"0123"[..]));
        assert_eq!(within(piece, 100, (98, 5)), Some(&b"012"[..]));
        assert_eq!(within(piece, 100, (104, 50)), Some(&b"456789"[..]));
        assert_eq!(within(piece, 100, (0, 4)), None, "it has passed");
        assert_eq!(within(piece, 0, (10, 4)), None, "it is still to come");
        assert_eq!(within(piece, u64::MAX, (0, u64::MAX)), None);
    }

    #[test]
    fn reading_an_ancestor_costs_more_than_reading_the_event() {
        let cost = |name: &str, selector| super::super::find(name).map(|field| FieldRef { field, selector }.cost());
        assert!(cost("fs.path.name", None) < cost("proc.name", None));
        assert!(cost("proc.name", None) < cost("proc.pname", None));
        assert!(cost("proc.pname", None) < cost("proc.aname", Some(Selector::Index(3))));
        assert!(cost("proc.aname", Some(Selector::Index(3))) < cost("proc.aname", None));
    }
}

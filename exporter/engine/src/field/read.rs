//! Reading a field's values.

use super::{Context, Field, Proc};

/// One value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar<'a> {
    /// Text or a path.
    Text(&'a [u8]),
    /// A number; 1 and 0 for true and false.
    Number(i64),
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

/// How a field is read.
#[derive(Debug, Clone, Copy)]
pub enum Read {
    /// From the event.
    Event(for<'a> fn(&Context<'a>) -> Option<Scalar<'a>>),
    /// Several values from the event.
    EventMany(for<'a> fn(&Context<'a>, &mut dyn FnMut(Scalar<'a>) -> bool) -> bool),
    /// From a process.
    Of(Who, Get),
}

/// A field as a rule names it, with its selector.
#[derive(Debug, Clone, Copy)]
pub struct FieldRef {
    /// The field.
    pub field: &'static Field,
    /// The number in brackets.
    pub selector: Option<u32>,
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
            Read::Of(Who::Process, get) => context
                .process()
                .is_some_and(|proc| self.of(context, get, proc, &mut test)),
            Read::Of(Who::Parent, get) => context
                .ancestors()
                .next()
                .is_some_and(|proc| self.of(context, get, proc, &mut test)),
            Read::Of(Who::Ancestors, get) => match self.selector {
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

    /// How much reading it costs, for the order of checks.
    pub fn cost(&self) -> u32 {
        match (self.field.read, self.selector) {
            (Read::Event(_), _) => 1,
            (Read::EventMany(_), _) => 10,
            (Read::Of(Who::Process, get), _) => 2 + get.cost(),
            (Read::Of(Who::Parent, get), _) => 6 + get.cost(),
            (Read::Of(Who::Ancestors, get), Some(n)) => 6 * n.min(20) + get.cost(),
            (Read::Of(Who::Ancestors, get), None) => 100 + 8 * get.cost(),
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
            Get::Many(visit) => match self.selector {
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
    fn reading_an_ancestor_costs_more_than_reading_the_event() {
        let cost = |name: &str, selector| super::super::find(name).map(|field| FieldRef { field, selector }.cost());
        assert!(cost("fs.path.name", None) < cost("proc.name", None));
        assert!(cost("proc.name", None) < cost("proc.pname", None));
        assert!(cost("proc.pname", None) < cost("proc.aname", Some(3)));
        assert!(cost("proc.aname", Some(3)) < cost("proc.aname", None));
    }
}

//! The headers of a message: its head as it came, and where in it they are.

/// A part of the head. Heads are bounded far below 4 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn new(start: usize, end: usize) -> Span {
        Span {
            start: start as u32,
            end: end as u32,
        }
    }

    pub fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    pub fn of(self, text: &[u8]) -> &[u8] {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// Headers in the order in which they came; names may repeat and are compared without case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    pub(crate) text: Vec<u8>,
    pub(crate) spans: Vec<(Span, Span)>,
}

impl Headers {
    /// How many.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Names and values as they came, without the white space around them.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.spans
            .iter()
            .map(|(name, value)| (name.of(&self.text), value.of(&self.text)))
    }

    /// Those whose names have one of these lengths.
    pub(crate) fn of_lengths(&self, lengths: [usize; 2]) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.spans
            .iter()
            .filter(move |(name, _)| lengths.contains(&name.len()))
            .map(|(name, value)| (name.of(&self.text), value.of(&self.text)))
    }

    /// Every value of `name`.
    pub fn all<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.spans
            .iter()
            // Most names differ by their length: of those nothing is read.
            .filter(move |(known, _)| known.len() == name.len() && known.of(&self.text).eq_ignore_ascii_case(name))
            .map(|(_, value)| value.of(&self.text))
    }

    /// The first value of `name`.
    pub fn get<'a>(&'a self, name: &'a [u8]) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// The head as it came (folded lines joined), the first line included.
    pub fn text(&self) -> &[u8] {
        &self.text
    }
}

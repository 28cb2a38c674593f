//! The head of a message (or the trailers of a chunked one), line by line, however it is cut.

use std::ops::Range;

use memchr::{memchr, memchr2, memchr3};

use super::{Headers, Oddities, Oddity, headers::Span, token::is_token};

/// Past the bound of the head, as much of each line is looked at: enough for the headers that frame the body.
const GLANCE: usize = 256;

/// Past the bound, at most so many such headers are kept.
const GLANCED_MOST: usize = 16;

/// The headers without which the end of the message cannot be found.
const FRAMING: [&[u8]; 5] = [
    b"content-length",
    b"transfer-encoding",
    b"content-encoding",
    b"connection",
    b"upgrade",
];

/// A head that was read.
#[derive(Debug, Default)]
pub(crate) struct Head {
    /// The first line; empty for trailers.
    pub first: Span,
    pub headers: Headers,
    pub oddities: Oddities,
    /// There was more than the bounds allow.
    pub truncated: bool,
}

/// What became of the bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fed {
    /// All are taken, the head goes on.
    More,
    /// The first line is complete; so many bytes are taken. Asked once.
    FirstLine(usize),
    /// The empty line was met; so many bytes are taken.
    Done(usize),
}

/// Reads a head. Memory is bounded by the bound of the head; time is linear in the bytes, however they come.
#[derive(Debug)]
pub(crate) struct Scanner {
    head: Head,
    /// Where the line under way starts in the text.
    line: usize,
    /// Bytes of the line under way, kept or not.
    length: usize,
    has_first: bool,
    /// The bound of the head is met: from now on only what frames the body is kept.
    full: bool,
    glanced: usize,
}

impl Scanner {
    /// For a head with a first line; empty lines before it are skipped, as servers do.
    pub fn new(expected: usize) -> Scanner {
        let headers = Headers {
            text: Vec::with_capacity(expected.clamp(64, 1024)),
            spans: Vec::new(),
        };
        Scanner {
            head: Head {
                headers,
                ..Head::default()
            },
            line: 0,
            length: 0,
            has_first: false,
            full: false,
            glanced: 0,
        }
    }

    /// For trailers.
    pub fn trailers() -> Scanner {
        Scanner {
            has_first: true,
            ..Scanner::new(0)
        }
    }

    /// Nothing but empty lines came so far.
    pub fn is_blank(&self) -> bool {
        !self.has_first && self.length == 0
    }

    /// The line under way, as far as kept.
    pub fn line(&self) -> &[u8] {
        &self.head.headers.text[self.line..]
    }

    /// Bytes of memory that it takes.
    pub fn cost(&self) -> usize {
        self.head.headers.text.capacity() + self.head.headers.spans.capacity() * size_of::<(Span, Span)>()
    }

    /// The head so far.
    pub fn peek(&self) -> &Head {
        &self.head
    }

    /// What was read, complete or not.
    pub fn into_head(mut self) -> Head {
        self.head
            .headers
            .text
            .truncate(self.line.max(self.head.first.end as usize));
        self.head
    }

    /// Whether the first line is there.
    pub fn has_first(&self) -> bool {
        self.has_first
    }

    /// The head so far, to be changed.
    pub fn head(&mut self) -> &mut Head {
        &mut self.head
    }

    /// Takes bytes up to the end of the head.
    pub fn feed(&mut self, bytes: &[u8], most: usize, most_headers: usize) -> Fed {
        let mut taken = 0;
        loop {
            taken += self.plain_lines(&bytes[taken..], most, most_headers);
            let Some(end) = memchr(b'\n', &bytes[taken..]) else {
                break;
            };
            self.keep(&bytes[taken..taken + end], most);
            taken += end + 1;
            match self.end_line(most, most_headers) {
                Line::First => return Fed::FirstLine(taken),
                Line::Empty => return Fed::Done(taken),
                Line::Taken => {}
            }
        }
        self.keep(&bytes[taken..], most);
        Fed::More
    }

    /// Takes the header lines at the start of `bytes` that are whole, within the bounds and as they should be: most are, and they are copied
    /// all at once. The others are for the caller. The answer is how many bytes they are.
    fn plain_lines(&mut self, bytes: &[u8], most: usize, most_headers: usize) -> usize {
        if !self.has_first || self.length != 0 || self.full {
            return 0;
        }
        let Headers { text, spans } = &mut self.head.headers;
        let base = text.len();
        let mut taken = 0;
        while spans.len() < most_headers
            && let Some((name, value, length)) = plain_line(&bytes[taken..])
            && base + taken + length < most
        {
            let start = base + taken;
            spans.push((
                Span::new(start, start + name),
                Span::new(start + value.start, start + value.end),
            ));
            taken += length;
        }
        text.extend_from_slice(&bytes[..taken]);
        self.line = text.len();
        taken
    }

    /// Keeps a part of the line under way, as far as there is room.
    fn keep(&mut self, part: &[u8], most: usize) {
        let text = &mut self.head.headers.text;
        let kept = text.len() - self.line;
        // Of one line the first bytes, never pieces of it.
        let whole = kept == self.length;
        let room = if self.full { 0 } else { most.saturating_sub(text.len()) }.max(GLANCE.saturating_sub(kept));
        let taken = if whole { part.len().min(room) } else { 0 };
        text.extend_from_slice(&part[..taken]);
        self.head.truncated |= taken < part.len();
        self.length += part.len();
    }

    fn end_line(&mut self, most: usize, most_headers: usize) -> Line {
        let text = &mut self.head.headers.text;
        let whole = text.len() - self.line == self.length;
        let end = text.len() - usize::from(whole && self.length > 0 && text.last() == Some(&b'\r'));
        let span = Span::new(self.line, end);
        self.length = 0;
        if span.start == span.end {
            text.truncate(self.line);
            // Empty lines before the first are skipped.
            return if self.has_first { Line::Empty } else { Line::Taken };
        }
        text.push(b'\n');
        if !self.has_first {
            self.has_first = true;
            self.head.first = span;
            self.line = self.head.headers.text.len();
            self.full = self.line >= most;
            self.head.headers.spans.reserve(16);
            return Line::First;
        }
        if !self.header(span, most_headers) {
            self.head.headers.text.truncate(self.line);
        }
        self.line = self.head.headers.text.len();
        self.full |= self.line >= most;
        Line::Taken
    }

    /// Reads a header line; false when its text is not needed any more.
    fn header(&mut self, line: Span, most_headers: usize) -> bool {
        let past = self.full || self.head.headers.spans.len() >= most_headers;
        let Head {
            headers,
            oddities,
            truncated,
            ..
        } = &mut self.head;
        let bytes = line.of(&headers.text);
        if memchr2(0, b'\r', bytes).is_some() {
            oddities.add(Oddity::ControlCharacter);
        }
        if matches!(bytes.first(), Some(b' ' | b'\t')) {
            oddities.add(Oddity::Folding);
            *truncated |= past;
            return !past && fold(headers, line);
        }
        let Some(colon) = memchr(b':', bytes) else {
            oddities.add(Oddity::NoColon);
            return false;
        };
        let name = &bytes[..colon];
        let name = name.trim_ascii_end();
        if name.is_empty() {
            oddities.add(Oddity::NoColon);
            return false;
        }
        if name.len() < colon {
            oddities.add(Oddity::SpaceBeforeColon);
        }
        if !name.iter().all(|byte| is_token(*byte)) {
            oddities.add(Oddity::HeaderName);
        }
        if past {
            *truncated = true;
            if self.glanced == GLANCED_MOST || !FRAMING.iter().any(|framing| framing.eq_ignore_ascii_case(name)) {
                return false;
            }
            self.glanced += 1;
        }
        let value = bytes[colon + 1..].trim_ascii_start();
        let start = line.start as usize;
        let value_start = line.end as usize - value.len();
        let value = value.trim_ascii_end();
        let spans = (
            Span::new(start, start + name.len()),
            Span::new(value_start, value_start + value.len()),
        );
        headers.spans.push(spans);
        true
    }
}

/// Reads a head that lies wholly in `bytes`, within the bounds and without any oddity: as [`Scanner::feed`] does, but at once. The answer has
/// the number of its bytes; None: it is for the scanner. `room` is where it is put together, and is left as it was found or taken.
pub(crate) fn plain_head(bytes: &[u8], most: usize, most_headers: usize, room: &mut Headers) -> Option<(Head, usize)> {
    let first = memchr(b'\n', bytes)?;
    let mut at = first + 1;
    let first = Span::new(0, first - usize::from(first > 0 && bytes[first - 1] == b'\r'));
    let spans = &mut room.spans;
    spans.clear();
    let end = loop {
        match &bytes[at..] {
            [b'\r', b'\n', ..] => break at + 2,
            [b'\n', ..] => break at + 1,
            _ if spans.len() == most_headers => return None,
            rest => {
                let (name, value, length) = plain_line(rest)?;
                let header = (Span::new(at, at + name), Span::new(at + value.start, at + value.end));
                spans.push(header);
                at += length;
            }
        }
    };
    if first.len() == 0 || at >= most {
        return None;
    }
    room.text.clear();
    room.text.extend_from_slice(&bytes[..at]);
    let headers = std::mem::take(room);
    let head = Head {
        first,
        headers,
        ..Head::default()
    };
    Some((head, end))
}

/// A header line without any oddity: the length of its name, its value and its length with its end.
fn plain_line(bytes: &[u8]) -> Option<(usize, Range<usize>, usize)> {
    let name = bytes.iter().position(|byte| !is_token(*byte))?;
    if name == 0 || bytes[name] != b':' {
        return None;
    }
    let rest = &bytes[name + 1..];
    let end = memchr3(b'\n', b'\r', 0, rest)?;
    let after = match &rest[end..] {
        [b'\n', ..] => 1,
        [b'\r', b'\n', ..] => 2,
        _ => return None,
    };
    let value = rest[..end].trim_ascii_start();
    let start = name + 1 + end - value.len();
    let value = value.trim_ascii_end();
    Some((name, start..start + value.len(), name + 1 + end + after))
}

/// What a line was.
enum Line {
    First,
    Taken,
    Empty,
}

/// Joins a folded line to the header before it; what ended that line becomes spaces (RFC 9112, section 5.2). False when there is none, or
/// nothing in the line: then its text is not kept, so that many such lines cost what they are and no more.
fn fold(headers: &mut Headers, line: Span) -> bool {
    let bytes = line.of(&headers.text).trim_ascii_end();
    let end = line.start as usize + bytes.len();
    let Some((_, value)) = headers.spans.last_mut().filter(|_| !bytes.is_empty()) else {
        return false;
    };
    for byte in &mut headers.text[value.end as usize..line.start as usize] {
        *byte = b' ';
    }
    value.end = end as u32;
    true
}

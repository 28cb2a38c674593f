//! The first line of a message.

use super::{Oddities, Oddity, Version, headers::Span, token::is_token};

/// No method in use is longer (the longest registered one has 17 characters).
const METHOD_MOST: usize = 32;

/// `method target HTTP/version`, as spans of the line's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestLine {
    pub method: Span,
    pub target: Span,
    pub version: Version,
}

/// `HTTP/version status reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StatusLine {
    pub version: Version,
    pub status: u16,
    pub reason: Span,
}

fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0x0b | 0x0c | b'\r')
}

/// Whether `start`, the first bytes of a line, can become a request line or a status line. Whatever can become one
/// could so from its first byte on: a line is judged alike in one piece and in many.
pub(crate) fn plausible(start: &[u8]) -> bool {
    // The first half of an empty line.
    if start == b"\r" {
        return true;
    }
    let Some(space) = start
        .iter()
        .take(METHOD_MOST + 1)
        .position(|byte| matches!(byte, b' ' | b'\t'))
    else {
        return start.len() <= METHOD_MOST && start.iter().all(|byte| is_token(*byte) || *byte == b'/');
    };
    let word = &start[..space];
    if word.starts_with(b"HTTP/") {
        return word.iter().all(|byte| is_token(*byte) || *byte == b'/');
    }
    // `method target`: a target starts with a slash, a star, a scheme or a host.
    let target = start[space..].iter().find(|byte| !is_space(byte));
    let starts = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'*' | b'[' | b'.' | b'%' | b'\\' | b'?') || *byte >= 0x80
    };
    !word.is_empty() && word.iter().all(|byte| is_token(*byte)) && target.is_none_or(starts)
}

/// Reads a request line as nearly all are: capital letters, one space, a path without odd bytes, one space, HTTP/1.0 or 1.1. Any other is for
/// [`plausible`] and [`request_line`], which say the same of these.
pub(crate) fn ordinary_request_line(text: &[u8], line: Span) -> Option<RequestLine> {
    let bytes = line.of(text);
    let (minor, rest) = bytes.split_last()?;
    let rest = rest
        .strip_suffix(b" HTTP/1.")
        .filter(|_| matches!(minor, b'0' | b'1'))?;
    let method = rest.iter().position(|byte| !byte.is_ascii_uppercase())?;
    let target = rest[method..].strip_prefix(b" ")?;
    let odd = |found: bool, byte: &u8| found | (*byte <= b' ') | (*byte == 0x7f);
    if !(1..=METHOD_MOST).contains(&method) || target.first() != Some(&b'/') || target.iter().fold(false, odd) {
        return None;
    }
    let start = line.start as usize;
    Some(RequestLine {
        method: Span::new(start, start + method),
        target: Span::new(start + method + 1, start + rest.len()),
        version: Version {
            major: 1,
            minor: minor - b'0',
        },
    })
}

/// Reads a request line as servers do: the method is before the first space, the version after the last, the target is all between.
/// None: it is not one of HTTP (a request without a version is HTTP/0.9, which nothing speaks any more).
pub(crate) fn request_line(text: &[u8], line: Span, oddities: &mut Oddities) -> Option<RequestLine> {
    let bytes = line.of(text).trim_ascii_end();
    let method = bytes.iter().position(is_space)?;
    let version_at = bytes.iter().rposition(is_space)? + 1;
    let version = version(&bytes[version_at..])?;
    if method == 0 || method > METHOD_MOST || !bytes[..method].iter().all(|byte| is_token(*byte)) {
        return None;
    }
    let between = &bytes[method..version_at];
    let target = method + between.iter().position(|byte| !is_space(byte))?;
    let target_end = method + between.iter().rposition(|byte| !is_space(byte))? + 1;
    if bytes[target..target_end]
        .iter()
        .any(|byte| *byte <= b' ' || *byte == 0x7f)
    {
        oddities.add(Oddity::Target);
    }
    if version != (Version { major: 1, minor: 1 }) && version != (Version { major: 1, minor: 0 }) {
        oddities.add(Oddity::Version);
    }
    let start = line.start as usize;
    Some(RequestLine {
        method: Span::new(start, start + method),
        target: Span::new(start + target, start + target_end),
        version,
    })
}

/// Reads a status line; a reason may be missing.
pub(crate) fn status_line(text: &[u8], line: Span, oddities: &mut Oddities) -> Option<StatusLine> {
    let bytes = line.of(text);
    let space = bytes.iter().position(is_space).unwrap_or(bytes.len());
    let version = version(&bytes[..space])?;
    let digits = space + bytes[space..].iter().position(|byte| !is_space(byte))?;
    let code = bytes.get(digits..digits + 3)?;
    if !code.iter().all(u8::is_ascii_digit) || bytes.get(digits + 3).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    if version.major != 1 {
        oddities.add(Oddity::Version);
    }
    let status = code
        .iter()
        .fold(0, |status, digit| status * 10 + u16::from(digit - b'0'));
    let reason = bytes[digits + 3..]
        .iter()
        .position(|byte| !is_space(byte))
        .map_or(bytes.len(), |at| digits + 3 + at);
    Some(StatusLine {
        version,
        status,
        reason: Span::new(line.start as usize + reason, line.end as usize),
    })
}

/// `HTTP/1.1`, with more digits where somebody insists.
fn version(word: &[u8]) -> Option<Version> {
    let digits = word.strip_prefix(b"HTTP/").or_else(|| word.strip_prefix(b"http/"))?;
    let dot = digits.iter().position(|byte| *byte == b'.')?;
    let number = |digits: &[u8]| {
        let all = !digits.is_empty() && digits.len() <= 3 && digits.iter().all(u8::is_ascii_digit);
        all.then(|| {
            digits.iter().fold(0, |number: u8, digit| {
                number.saturating_mul(10).saturating_add(digit - b'0')
            })
        })
    };
    Some(Version {
        major: number(&digits[..dot])?,
        minor: number(&digits[dot + 1..])?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_request_line_is_read_as_any_other() {
        let mut ordinary = 0;
        for line in [
            "GET / HTTP/1.1",
            "GET /a?b=c HTTP/1.0",
            "get / HTTP/1.1",
            "GET  / HTTP/1.1",
            "GET / HTTP/1.1 ",
            "GET /\u{7f} HTTP/1.1",
            "GET /a b HTTP/1.1",
            "GET / HTTP/1.2",
            "GET / HTTP/2.0",
            "GET http://a/ HTTP/1.1",
            "GET * HTTP/1.1",
            " / HTTP/1.1",
            "GET HTTP/1.1",
            "HTTP/1.1",
            "GET /x\tHTTP/1.1",
            "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF / HTTP/1.1",
            "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1",
            "HTTP / HTTP/1.1",
        ] {
            let (text, span) = (line.as_bytes(), Span::new(0, line.len()));
            let mut oddities = Oddities::default();
            let any = plausible(text)
                .then(|| request_line(text, span, &mut oddities))
                .flatten();
            if let Some(found) = ordinary_request_line(text, span) {
                ordinary += 1;
                assert_eq!((Some(found), true), (any, oddities.is_empty()), "{line}");
            }
        }
        assert_eq!(ordinary, 4);
    }
}

//! Requests.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

use super::{Args, Body, Headers, Oddities, Pairs, Version, decode, headers::Span};

/// A request. Bytes are as they were sent unless "decoded" is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub(crate) method: Span,
    pub(crate) target: Span,
    pub(crate) path: Span,
    pub(crate) query: Span,
    /// As in the request line.
    pub version: Version,
    /// In the order in which they came; the text of all is in [`Headers::text`].
    pub headers: Headers,
    /// The headers after a chunked body.
    pub trailers: Headers,
    /// The body.
    pub body: Body,
    /// What is wrong with it.
    pub oddities: Oddities,
    /// A bound was met: of the head, the number of headers, or the body.
    pub truncated: bool,
    /// Bytes are missing, or it ended early.
    pub partial: bool,
}

impl Request {
    /// `GET`.
    pub fn method(&self) -> &[u8] {
        self.method.of(&self.headers.text)
    }

    /// What was asked for, as in the request line: `/path?query`, `http://host/path?query`, `host:port`, `*`.
    pub fn target(&self) -> &[u8] {
        self.target.of(&self.headers.text)
    }

    /// The request line as it came, without its end.
    pub fn line(&self) -> &[u8] {
        let text = &self.headers.text;
        let end = memchr(b'\n', text).unwrap_or(text.len());
        text[..end].trim_ascii_end()
    }

    /// The target without scheme and host, query and fragment.
    pub fn path_raw(&self) -> &[u8] {
        self.path.of(&self.headers.text)
    }

    /// The path, percent-decoded once.
    pub fn path(&self) -> Cow<'_, [u8]> {
        decode(self.path_raw())
    }

    /// What follows the first `?`, as it came; empty when there is none.
    pub fn query(&self) -> &[u8] {
        self.query.of(&self.headers.text)
    }

    /// The arguments of the query and then, if the body is a form (`application/x-www-form-urlencoded`), of the body; decoded.
    pub fn args(&self) -> impl Iterator<Item = (Cow<'_, [u8]>, Cow<'_, [u8]>)> {
        Args::new(self.query()).chain(Args::new(self.form()))
    }

    /// The same as they were sent.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        Pairs::new(self.query()).chain(Pairs::new(self.form()))
    }

    /// False: there is none, which is told without looking at any.
    pub(crate) fn may_have_args(&self) -> bool {
        self.query.len() > 0 || !self.body.bytes.is_empty()
    }

    /// The body, if it is a form.
    fn form(&self) -> &[u8] {
        let body = self.body.bytes.as_slice();
        if !body.is_empty() && self.is_form() { body } else { b"" }
    }

    /// Whether the body is a form that is readable.
    pub fn is_form(&self) -> bool {
        const FORM: &[u8] = b"application/x-www-form-urlencoded";
        let is = |kind: &[u8]| {
            kind.get(..FORM.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(FORM))
        };
        !self.body.packed && self.headers.get(b"content-type").is_some_and(is)
    }

    /// Who is asked: the host of an absolute target, else the first `Host` header; with the port, if it is there.
    pub fn host(&self) -> Option<&[u8]> {
        let (host, _) = split_absolute(self.target());
        if self.method() == b"CONNECT" {
            return Some(self.target());
        }
        host.or_else(|| self.headers.get(b"host"))
    }

    /// The cookies, in order, as they came: names and values.
    pub fn cookies(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let parts = self
            .headers
            .all(b"cookie")
            .flat_map(|value| value.split(|byte| *byte == b';'));
        parts
            .map(<[u8]>::trim_ascii)
            .filter(|part| !part.is_empty())
            .map(|part| match memchr(b'=', part) {
                Some(equals) => (part[..equals].trim_ascii_end(), part[equals + 1..].trim_ascii_start()),
                None => (&b""[..], part),
            })
    }
}

/// Where path and query of a target are.
pub(crate) fn path_and_query(text: &[u8], target: Span) -> (Span, Span) {
    let (_, rest) = split_absolute(target.of(text));
    let end = target.end as usize;
    let start = end - rest.len();
    let Some(path_end) = memchr2(b'?', b'#', rest) else {
        return (Span::new(start, end), Span::new(end, end));
    };
    let path = Span::new(start, start + path_end);
    let query = memchr(b'?', rest).map_or(end, |at| start + at + 1);
    let fragment = memchr(b'#', &rest[query - start..]).map_or(end, |at| query + at);
    (path, Span::new(query, fragment))
}

/// Divides `scheme://host/path` into host and path; other targets are all path.
fn split_absolute(target: &[u8]) -> (Option<&[u8]>, &[u8]) {
    if target.first().is_none_or(|byte| !byte.is_ascii_alphabetic()) {
        return (None, target);
    }
    let Some(scheme) = target.iter().position(|byte| !byte.is_ascii_alphanumeric()) else {
        return (None, target);
    };
    let Some(rest) = target[scheme..].strip_prefix(b"://") else {
        return (None, target);
    };
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?' | b'#'))
        .unwrap_or(rest.len());
    let host = &rest[..end];
    // A user and a password before the host are not the host.
    let host = memchr::memrchr(b'@', host).map_or(host, |at| &host[at + 1..]);
    (Some(host), &rest[end..])
}

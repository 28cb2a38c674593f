//! Responses.

use super::{Body, Headers, Oddities, Version, headers::Span};

/// A response. Bytes are as they were sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub(crate) reason: Span,
    /// As in the status line.
    pub version: Version,
    /// `404`.
    pub status: u16,
    /// In the order in which they came.
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

impl Response {
    /// `Not Found`; may be empty.
    pub fn reason(&self) -> &[u8] {
        self.reason.of(&self.headers.text)
    }
}

//! HTTP/1.x messages, and the reading of them as leniently as servers do.
//!
//! Why not the crate httparse: what it refuses, servers accept, and that is where attacks hide: folded headers and a space before the colon
//! in requests, odd bytes in the target, header lines that are only nearly headers. It drops or refuses them; here they are read the way
//! servers read them and told as [`Oddity`]. It also starts over when a head comes in pieces, which 1-byte segments make quadratic.

mod body;
mod chunked;
mod head;
mod headers;
mod line;
mod oddity;
mod percent;
mod request;
mod response;
mod token;

pub use body::Body;
pub(crate) use body::Draft;
pub(crate) use chunked::{Chunked, Step};
pub(crate) use head::{Fed, Head, Scanner, plain_head};
pub use headers::Headers;
pub(crate) use line::{RequestLine, StatusLine, ordinary_request_line, plausible, request_line, status_line};
pub use oddity::{Oddities, Oddity};
pub use percent::{Args, decode, decode_form};
pub(crate) use percent::{Pairs, decode_form_into};
pub use request::Request;
pub(crate) use request::path_and_query;
pub use response::Response;

/// HTTP's version: the digits after `HTTP/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Before the dot.
    pub major: u8,
    /// After it.
    pub minor: u8,
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

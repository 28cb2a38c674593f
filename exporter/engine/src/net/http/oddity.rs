//! What is wrong with a message that is read nevertheless.

use std::fmt;

/// Something that a correct sender does not send. The name is stable: rules match it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Oddity {
    /// What should be a request line is none.
    RequestLine,
    /// What should be a status line is none.
    StatusLine,
    /// A space, or a control character, within the target.
    Target,
    /// A version other than 1.0 and 1.1.
    Version,
    /// A header line without a colon, or without a name.
    NoColon,
    /// A space between the name and the colon, which some servers take for a part of the name: a way to smuggle.
    SpaceBeforeColon,
    /// A header's name with characters that names do not have.
    HeaderName,
    /// A header that goes on in the next line (obsolete since RFC 7230, read differently by different servers).
    Folding,
    /// NUL, or CR that ends no line, within the head.
    ControlCharacter,
    /// Content-Length more than once, differing: a way to smuggle. The first is taken.
    ContentLengthDiffers,
    /// Content-Length that is no number.
    ContentLengthInvalid,
    /// Both Content-Length and Transfer-Encoding: a way to smuggle. The latter is taken, as servers do.
    LengthAndEncoding,
    /// Transfer-Encoding that does not end with chunked, or a disguise of it.
    TransferEncoding,
    /// More than one Host.
    HostTwice,
    /// No Host in a request of HTTP/1.1.
    HostMissing,
    /// A chunk without its size or its end.
    Chunk,
    /// A body that is not what Content-Encoding says.
    ContentEncoding,
}

/// Names by number.
const NAMES: [(Oddity, &str); 17] = [
    (Oddity::RequestLine, "request-line"),
    (Oddity::StatusLine, "status-line"),
    (Oddity::Target, "target"),
    (Oddity::Version, "version"),
    (Oddity::NoColon, "header-without-colon"),
    (Oddity::SpaceBeforeColon, "space-before-colon"),
    (Oddity::HeaderName, "header-name"),
    (Oddity::Folding, "header-folding"),
    (Oddity::ControlCharacter, "control-character"),
    (Oddity::ContentLengthDiffers, "content-length-differs"),
    (Oddity::ContentLengthInvalid, "content-length-invalid"),
    (Oddity::LengthAndEncoding, "content-length-and-transfer-encoding"),
    (Oddity::TransferEncoding, "transfer-encoding"),
    (Oddity::HostTwice, "host-twice"),
    (Oddity::HostMissing, "host-missing"),
    (Oddity::Chunk, "chunk"),
    (Oddity::ContentEncoding, "content-encoding"),
];

impl Oddity {
    /// All of them, with their names.
    pub fn all() -> impl Iterator<Item = (Oddity, &'static str)> {
        NAMES.into_iter()
    }

    /// The name that rules and alerts use.
    pub fn name(self) -> &'static str {
        NAMES[self as usize].1
    }
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Oddities(u32);

impl Oddities {
    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether it is there.
    pub fn contains(self, oddity: Oddity) -> bool {
        self.0 & (1 << oddity as u8) != 0
    }

    /// Those that are there.
    pub fn iter(self) -> impl Iterator<Item = Oddity> {
        // Nearly always there is none.
        let names: &[_] = if self.is_empty() { &[] } else { &NAMES };
        names
            .iter()
            .map(|(oddity, _)| *oddity)
            .filter(move |oddity| self.contains(*oddity))
    }

    pub(crate) fn add(&mut self, oddity: Oddity) {
        self.0 |= 1 << oddity as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_own_name_at_its_own_place() {
        for (index, (oddity, name)) in NAMES.into_iter().enumerate() {
            assert_eq!((oddity as usize, oddity.name()), (index, name));
        }
    }
}

//! The chunked coding (RFC 9112, section 7.1), read as leniently as servers do: extensions are skipped, a bare LF ends a line, a size may
//! have white space around it.

use memchr::memchr;

/// Where in it the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chunked {
    /// In a size: its value so far and whether a digit was there.
    Size { value: u64, digits: bool },
    /// After the digits of a size, up to the end of its line.
    Extension { value: u64 },
    /// In the data of a chunk, of which so many bytes are to come.
    Data(u64),
    /// After the data: its line end.
    DataEnd,
    /// The last chunk was there: trailers follow, up to an empty line.
    Trailers,
}

/// What the next bytes are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// So many bytes belong to the coding itself.
    Skip(usize),
    /// So many bytes are data of the body.
    Data(usize),
    /// They are trailers, for somebody else to read.
    Trailers,
    /// This is no chunk.
    Broken,
}

impl Chunked {
    /// The start of a body.
    pub const START: Chunked = Chunked::Size {
        value: 0,
        digits: false,
    };

    /// Looks at the next bytes, which must not be none.
    pub fn step(&mut self, bytes: &[u8]) -> Step {
        match *self {
            Chunked::Size { value, digits } => self.size(bytes, value, digits),
            Chunked::Extension { value } => match memchr(b'\n', bytes) {
                None => Step::Skip(bytes.len()),
                Some(end) => {
                    *self = if value == 0 {
                        Chunked::Trailers
                    } else {
                        Chunked::Data(value)
                    };
                    Step::Skip(end + 1)
                }
            },
            Chunked::Data(left) => {
                let taken = left.min(bytes.len() as u64);
                *self = if taken == left {
                    Chunked::DataEnd
                } else {
                    Chunked::Data(left - taken)
                };
                Step::Data(taken as usize)
            }
            Chunked::DataEnd => match bytes.first() {
                Some(b'\r' | b' ' | b'\t') => Step::Skip(1),
                Some(b'\n') => {
                    *self = Chunked::START;
                    Step::Skip(1)
                }
                _ => Step::Broken,
            },
            Chunked::Trailers => Step::Trailers,
        }
    }

    /// Passes over `length` bytes that are not there; false when the end of this chunk is among them.
    pub fn gap(&mut self, length: u64) -> bool {
        match self {
            Chunked::Data(left) if length < *left => *left -= length,
            Chunked::Data(left) if length == *left => *self = Chunked::DataEnd,
            _ => return false,
        }
        true
    }

    fn size(&mut self, bytes: &[u8], mut value: u64, mut digits: bool) -> Step {
        for (index, byte) in bytes.iter().enumerate() {
            if let Some(digit) = char::from(*byte).to_digit(16) {
                if value >> 56 != 0 {
                    return Step::Broken;
                }
                value = value << 4 | u64::from(digit);
                digits = true;
                continue;
            }
            match byte {
                b' ' | b'\t' if !digits => {}
                b';' | b' ' | b'\t' | b'\r' | b'\n' if digits => {
                    *self = Chunked::Extension { value };
                    return Step::Skip(index);
                }
                _ => return Step::Broken,
            }
        }
        *self = Chunked::Size { value, digits };
        Step::Skip(bytes.len())
    }
}

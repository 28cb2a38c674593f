//! Bodies: the first bytes are kept, the rest is counted; what was compressed is unpacked within a bound.

use std::io::Read;

use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::{super::budget::Budget, Headers, Oddities, Oddity};

/// What is known of a body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Body {
    /// Its first bytes, unpacked when `Content-Encoding` (or `Transfer-Encoding`) says gzip or deflate; without chunk sizes.
    pub bytes: Vec<u8>,
    /// Bytes that passed so far, packed as they were.
    pub length: u64,
    /// There is more than the bound allows to keep (or to unpack).
    pub truncated: bool,
    /// Bytes are missing from here on: lost, or the connection ended before the body.
    pub partial: bool,
    /// `bytes` are still packed: in a coding that is not read (br, zstd), or broken.
    pub packed: bool,
}

/// A body under way.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub body: Body,
    /// Taken from the budget.
    charged: usize,
}

impl Draft {
    /// Keeps `bytes` as far as bound and budget allow. False when some were not kept.
    pub fn add(&mut self, bytes: &[u8], most: usize, budget: &mut Budget) -> bool {
        self.body.length += bytes.len() as u64;
        let kept = &mut self.body.bytes;
        let room = most.saturating_sub(kept.len());
        let mut taken = bytes.len().min(room);
        if kept.capacity() - kept.len() < taken {
            let capacity = (kept.len() + taken).max(kept.capacity() * 2).min(most);
            if budget.take(capacity - self.charged) {
                self.charged = capacity;
                kept.reserve_exact(capacity - kept.len());
                // The allocator may give more; it is bounded by what it rounds to.
            } else {
                budget.counters.refused_bytes += taken as u64;
                taken = 0;
            }
        }
        kept.extend_from_slice(&bytes[..taken]);
        self.body.truncated |= taken < bytes.len();
        taken == bytes.len()
    }

    /// The body as rules see it, and what of the budget it holds. Unpacks at most `most` bytes.
    pub fn finish(
        mut self,
        headers: &Headers,
        most: usize,
        oddities: &mut Oddities,
        budget: &mut Budget,
    ) -> (Body, usize) {
        if !self.body.bytes.is_empty() {
            self.unpack(headers, most, oddities, budget);
        }
        (self.body, self.charged)
    }

    /// Gives back what it holds.
    pub fn release(self, budget: &mut Budget) {
        budget.give(self.charged);
    }

    fn unpack(&mut self, headers: &Headers, most: usize, oddities: &mut Oddities, budget: &mut Budget) {
        // What was done to the message on its way was done last.
        let codings = headers
            .all(b"content-encoding")
            .chain(headers.all(b"transfer-encoding"));
        let codings = codings.flat_map(|value| value.split(|byte| *byte == b','));
        let codings: Vec<&[u8]> = codings
            .map(<[u8]>::trim_ascii)
            .filter(|coding| !is_identity(coding))
            .take(MOST_CODINGS + 1)
            .collect();
        self.body.packed = !codings.is_empty();
        if codings.is_empty() || codings.len() > MOST_CODINGS {
            return;
        }
        let Some((bytes, whole)) = unpack_all(&self.body.bytes, &codings, most) else {
            return;
        };
        if bytes.is_empty() && whole == Unpacked::Broken {
            oddities.add_if(!self.is_cut(), Oddity::ContentEncoding);
            return;
        }
        // The packed bytes are held until here, the unpacked ones from here on.
        if bytes.capacity() > self.charged && !budget.take(bytes.capacity() - self.charged) {
            budget.counters.refused_bytes += bytes.len() as u64;
            return;
        }
        budget.give(self.charged.saturating_sub(bytes.capacity()));
        self.charged = bytes.capacity();
        self.body.packed = false;
        match whole {
            Unpacked::All => {}
            Unpacked::Bomb => self.body.truncated = true,
            // What was cut cannot be unpacked to its end.
            Unpacked::Broken => oddities.add_if(!self.is_cut(), Oddity::ContentEncoding),
        }
        self.body.partial |= whole == Unpacked::Broken && !self.body.truncated;
        self.body.bytes = bytes;
    }

    fn is_cut(&self) -> bool {
        self.body.truncated || self.body.partial
    }
}

/// More codings on top of each other are only there to be a bomb.
const MOST_CODINGS: usize = 3;

/// How far unpacking came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unpacked {
    All,
    /// There would be more than the bound.
    Bomb,
    /// The packed bytes end early or are not what they should be.
    Broken,
}

/// Nothing to unpack; chunks are taken apart elsewhere.
fn is_identity(coding: &[u8]) -> bool {
    coding.is_empty() || coding.eq_ignore_ascii_case(b"identity") || coding.eq_ignore_ascii_case(b"chunked")
}

/// Undoes the codings, the last first. None: one of them is not read here.
fn unpack_all(packed: &[u8], codings: &[&[u8]], most: usize) -> Option<(Vec<u8>, Unpacked)> {
    let mut bytes = None::<Vec<u8>>;
    let mut whole = Unpacked::All;
    for coding in codings.iter().rev() {
        let packed = bytes.as_deref().unwrap_or(packed);
        let (unpacked, how) = if coding.eq_ignore_ascii_case(b"gzip") || coding.eq_ignore_ascii_case(b"x-gzip") {
            read(MultiGzDecoder::new(packed), most)
        } else if coding.eq_ignore_ascii_case(b"deflate") {
            deflate(packed, most)
        } else {
            return None;
        };
        whole = if whole == Unpacked::All { how } else { whole };
        bytes = Some(unpacked);
    }
    Some((bytes?, whole))
}

/// "deflate" is zlib by the standard and raw deflate by habit: clients try both.
fn deflate(packed: &[u8], most: usize) -> (Vec<u8>, Unpacked) {
    let zlib = read(ZlibDecoder::new(packed), most);
    if zlib.0.is_empty() && zlib.1 == Unpacked::Broken {
        read(DeflateDecoder::new(packed), most)
    } else {
        zlib
    }
}

fn read(decoder: impl Read, most: usize) -> (Vec<u8>, Unpacked) {
    let mut bytes = Vec::new();
    let how = match decoder.take(most as u64 + 1).read_to_end(&mut bytes) {
        Err(_) => Unpacked::Broken,
        Ok(_) if bytes.len() > most => Unpacked::Bomb,
        Ok(_) => Unpacked::All,
    };
    bytes.truncate(most);
    bytes.shrink_to_fit();
    (bytes, how)
}

impl Oddities {
    fn add_if(&mut self, when: bool, oddity: Oddity) {
        if when {
            self.add(oddity);
        }
    }
}

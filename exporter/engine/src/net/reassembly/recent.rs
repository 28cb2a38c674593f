//! What the last segments said, to notice a repetition that says something else.

/// As many as a sender commonly repeats at once after a loss, at 24 bytes each.
const KEPT: usize = 4;

/// Place, length and hash of the last segments.
#[derive(Debug, Default)]
pub(super) struct Recent {
    kept: [(u64, u32, u32); KEPT],
    next: u8,
}

impl Recent {
    pub fn note(&mut self, offset: u64, data: &[u8]) {
        let Ok(length) = u32::try_from(data.len()) else { return };
        self.kept[usize::from(self.next)] = (offset, length, hash(data));
        self.next = (self.next + 1) % KEPT as u8;
    }

    /// Whether a segment of that place and length is known and said something else.
    pub fn differs(&self, offset: u64, length: u32, data: &[u8]) -> bool {
        let known = self.kept.iter().find(|(at, long, _)| (*at, *long) == (offset, length));
        known.is_some_and(|(_, _, known)| data.len() == length as usize && *known != hash(data))
    }
}

/// Fast, not strong: four words of eight bytes side by side, multiplied and rotated.
fn hash(data: &[u8]) -> u32 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: [u8; 8]| (hash ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR).rotate_left(29);
    let (words, rest) = data.as_chunks::<8>();
    let (fours, words) = words.as_chunks::<4>();
    let mut lanes = [data.len() as u64, 1, 2, 3];
    for four in fours {
        lanes = std::array::from_fn(|lane| mix(lanes[lane], four[lane]));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let hash = words.iter().fold(lanes[0], |hash, word| mix(hash, *word));
    let hash = lanes[1..]
        .iter()
        .fold(mix(hash, last), |hash, lane| mix(hash, lane.to_le_bytes()));
    (hash ^ (hash >> 32)) as u32
}

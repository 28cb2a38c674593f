//! Segments in any order, with any overlap, against a simple model of what Linux gives to the program.

#![no_main]

use lapwing_engine::{
    event::tcp,
    net::{
        budget::Budget,
        reassembly::{Bounds, Input, Piece, Stream},
    },
};
use libfuzzer_sys::fuzz_target;

/// A byte that is there, or one that passed and is not.
type Cell = Option<u8>;

/// Linux' queue, byte by byte and in no order.
#[derive(Default)]
struct Model {
    out: Vec<Cell>,
    waiting: Vec<(usize, Vec<Cell>)>,
}

impl Model {
    fn segment(&mut self, start: usize, cells: Vec<Cell>) {
        let end = start + cells.len();
        if end <= self.out.len() {
            return;
        }
        if start > self.out.len() {
            if self
                .waiting
                .iter()
                .any(|(at, other)| *at <= start && end <= at + other.len())
            {
                return;
            }
            self.waiting
                .retain(|(at, other)| !(start <= *at && at + other.len() <= end));
            self.waiting.push((start, cells));
            return;
        }
        self.out.extend_from_slice(&cells[self.out.len() - start..]);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(index) = self.first().filter(|index| self.waiting[*index].0 <= self.out.len()) {
            let (start, cells) = self.waiting.swap_remove(index);
            let known = self.out.len() - start;
            self.out.extend_from_slice(cells.get(known..).unwrap_or_default());
        }
    }

    fn first(&self) -> Option<usize> {
        (0..self.waiting.len()).min_by_key(|index| self.waiting[*index].0)
    }

    /// Nothing more comes.
    fn finish(mut self) -> Vec<Cell> {
        while let Some(index) = self.first() {
            self.out.resize(self.waiting[index].0.max(self.out.len()), None);
            self.drain();
        }
        self.out
    }
}

/// Puts pieces behind each other and looks at their places.
fn collect(out: &mut Vec<Cell>, offset: u64, piece: Piece<'_>) {
    match piece {
        Piece::Bytes(bytes) => {
            assert_eq!(offset, out.len() as u64);
            assert!(!bytes.is_empty());
            out.extend(bytes.iter().copied().map(Some));
        }
        Piece::Gap(length) | Piece::Uncopied(length) => {
            assert_eq!(offset, out.len() as u64);
            assert!(length > 0);
            out.resize(out.len() + length as usize, None);
        }
        Piece::Conflict | Piece::End | Piece::Reset => {}
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&[base, limit, honest], mut input)) = input.split_first_chunk::<3>() else {
        return;
    };
    // Near the wraparound, often.
    let base = (u32::from(base) << 24).wrapping_sub(300);
    let mut model = Model::default();
    let mut runs =
        [(1 << 20, 1 << 20), (usize::from(limit) * 8, 1 + usize::from(limit) % 7)].map(|(bytes, segments)| {
            (
                Stream::default(),
                Budget::new(bytes),
                Bounds { bytes, segments },
                Vec::new(),
                false,
            )
        });
    let mut first = true;
    while let Some((&[at, page, length, kept, byte], rest)) = input.split_first_chunk::<5>() {
        input = rest;
        let start = usize::from(at) + 256 * usize::from(page % 4);
        // With `honest`, all say the same of a place.
        let say = |place: usize| if honest & 1 == 1 { (place % 251) as u8 } else { byte };
        let data: Vec<u8> = (start..start + usize::from(length)).map(say).collect();
        let data = &data[..data.len() - data.len().min(usize::from(kept % 8))];
        let cells = (0..usize::from(length)).map(|index| data.get(index).copied()).collect();
        if length > 0 {
            model.segment(start, cells);
        }
        for (stream, budget, bounds, out, conflict) in &mut runs {
            let mut sink = |offset: u64, piece: Piece<'_>, _: &mut Budget| {
                *conflict |= piece == Piece::Conflict;
                collect(out, offset, piece);
            };
            if first {
                let syn = Input {
                    sequence: base.wrapping_sub(1),
                    flags: tcp::SYN,
                    length: 0,
                    data: &[],
                };
                stream.segment(syn, *bounds, budget, &mut sink);
            }
            let sequence = base.wrapping_add(start as u32);
            stream.segment(
                Input {
                    sequence,
                    flags: 0,
                    length: length.into(),
                    data,
                },
                *bounds,
                budget,
                &mut sink,
            );
            assert!(budget.used() <= bounds.bytes);
        }
        first = false;
    }
    let expected = model.finish();
    for (index, (stream, budget, _, out, conflict)) in runs.iter_mut().enumerate() {
        stream.give_up(budget, &mut |offset, piece, _| collect(out, offset, piece));
        assert_eq!(budget.used(), 0);
        assert_eq!(stream.offset(), out.len() as u64);
        assert!(!(*conflict && honest & 1 == 1), "a conflict where all agree");
        if index == 0 {
            assert_eq!(*out, expected);
        } else {
            // With small bounds holes are given up early: the same length, and what is there was said by somebody.
            assert_eq!(out.len(), expected.len());
            let known =
                |cell: &Cell, place: usize| honest & 1 == 0 || cell.is_none_or(|byte| byte == (place % 251) as u8);
            assert!(out.iter().enumerate().all(|(place, cell)| known(cell, place)));
        }
    }
});

//! Segments in every order, as a table. A stream is written as text: `<3>` is a gap of three bytes, `!` a conflict, `$` FIN, `#` RST.

use super::*;

const BOUNDS: Bounds = Bounds {
    bytes: 4096,
    segments: 8,
};

/// A stream from its SYN at `first`, minus one.
struct Play {
    stream: Stream,
    budget: Budget,
    bounds: Bounds,
    first: u32,
    text: String,
}

impl Play {
    fn midstream(first: u32) -> Play {
        Play {
            stream: Stream::default(),
            budget: Budget::new(1 << 20),
            bounds: BOUNDS,
            first,
            text: String::new(),
        }
    }

    fn new(first: u32) -> Play {
        let mut play = Play::midstream(first);
        play.raw(-1, tcp::SYN, 0, b"");
        play
    }

    fn raw(&mut self, at: i64, flags: u8, length: u32, data: &[u8]) -> &mut Self {
        let sequence = self.first.wrapping_add(at as u32);
        let text = &mut self.text;
        let mut sink = |_: u64, piece: Piece<'_>, _: &mut Budget| write(text, piece);
        self.stream.segment(
            Input {
                sequence,
                flags,
                length,
                data,
            },
            self.bounds,
            &mut self.budget,
            &mut sink,
        );
        self
    }

    fn data(&mut self, at: i64, data: &str) -> &mut Self {
        self.raw(at, 0, data.len() as u32, data.as_bytes())
    }

    fn ack(&mut self, at: i64) -> &mut Self {
        let text = &mut self.text;
        let mut sink = |_: u64, piece: Piece<'_>, _: &mut Budget| write(text, piece);
        self.stream
            .acknowledged(self.first.wrapping_add(at as u32), &mut self.budget, &mut sink);
        self
    }

    /// Gives up what is open and looks at the stream, which holds nothing any more.
    fn text(&mut self) -> String {
        let text = &mut self.text;
        self.stream
            .give_up(&mut self.budget, &mut |_, piece, _| write(text, piece));
        assert_eq!(self.budget.used(), 0);
        std::mem::take(text)
    }
}

fn write(text: &mut String, piece: Piece<'_>) {
    match piece {
        Piece::Bytes(bytes) => text.push_str(&String::from_utf8_lossy(bytes)),
        Piece::Gap(length) | Piece::Uncopied(length) => text.push_str(&format!("<{length}>")),
        Piece::Conflict => text.push('!'),
        Piece::End => text.push('$'),
        Piece::Reset => text.push('#'),
    }
}

/// What the segments become, at places with and without wraparound of the sequence numbers.
fn of(segments: &[(i64, &str)]) -> String {
    let results: Vec<String> = [0, 1000, u32::MAX, u32::MAX - 4, 0x7fff_fffe]
        .into_iter()
        .map(|first| {
            let mut play = Play::new(first);
            for (at, data) in segments {
                play.data(*at, data);
            }
            play.text()
        })
        .collect();
    assert!(results.iter().all(|result| *result == results[0]), "{results:?}");
    results[0].clone()
}

#[test]
fn order_repetition_and_overlap() {
    let cases: [(&[(i64, &str)], &str); 17] = [
        (&[(0, "abc"), (3, "def")], "abcdef"),
        (&[(3, "def"), (0, "abc")], "abcdef"),
        (&[(6, "ghi"), (3, "def"), (0, "abc")], "abcdefghi"),
        (&[(0, "abc"), (0, "abc"), (3, "d")], "abcd"),
        // A repetition that goes farther, and one that starts earlier.
        (&[(0, "abc"), (0, "abcdef")], "abcdef"),
        (&[(0, "abcd"), (2, "cdef")], "abcdef"),
        // A keepalive probe: one byte of no meaning before the next.
        (&[(0, "abc"), (2, "\0"), (3, "d")], "abcd"),
        // What is in order is never replaced.
        (&[(0, "abc"), (0, "xyz"), (3, "d")], "abc!d"),
        // Wholly within a waiting segment: dropped.
        (&[(2, "cdef"), (3, "XX"), (0, "ab")], "!abcdef"),
        (&[(2, "cdef"), (2, "XX"), (0, "ab")], "!abcdef"),
        // Waiting segments wholly within a new one: dropped for it.
        (&[(3, "XX"), (2, "cdef"), (0, "ab")], "!abcdef"),
        (&[(2, "XX"), (2, "cdef"), (0, "ab")], "!abcdef"),
        // Overlapping in part: the one that starts first gives the common bytes, whichever came first.
        (&[(4, "XXgh"), (2, "cdef"), (0, "ab")], "!abcdefgh"),
        (&[(2, "cdef"), (4, "XXgh"), (0, "ab")], "!abcdefgh"),
        // What comes in order goes before what waits in its place, wholly or in part.
        (&[(2, "XX"), (0, "abcd")], "!abcd"),
        (&[(2, "XXef"), (0, "abcd")], "!abcdef"),
        (&[(2, "cdef"), (0, "abcd")], "abcdef"),
    ];
    for (segments, stream) in cases {
        assert_eq!(of(segments), stream, "{segments:?}");
    }
}

#[test]
fn holes_are_told_with_their_length() {
    assert_eq!(of(&[(0, "ab"), (4, "ef"), (9, "jk")]), "ab<2>ef<3>jk");
    // By the kernel's budget: not all that passed was copied.
    assert_eq!(Play::new(5).raw(0, 0, 10, b"abc").data(10, "k").text(), "abc<7>k");
    assert_eq!(
        Play::new(5).raw(4, 0, 10, b"e").data(0, "abcd").data(14, "o").text(),
        "abcde<9>o"
    );
    // A repetition cannot fill it any more.
    assert_eq!(
        Play::new(5).raw(0, 0, 4, b"ab").data(0, "abcd").data(4, "e").text(),
        "ab<2>e"
    );
}

#[test]
fn an_acknowledgement_closes_a_hole() {
    let mut play = Play::new(u32::MAX - 1);
    play.data(0, "ab").data(4, "ef").ack(4);
    assert_eq!(play.text, "ab<2>ef");
    // Of what was lost altogether.
    play.ack(12).data(12, "mn");
    assert_eq!(play.text, "ab<2>ef<6>mn");
    // Old ones, the FIN's, and nonsense.
    play.ack(3).ack(14).ack(15).ack(1 << 31);
    assert_eq!(play.text, "ab<2>ef<6>mn");
    assert_eq!(play.data(16, "qr").ack(15).text, "ab<2>ef<6>mn<1>");
    assert_eq!(play.text(), "ab<2>ef<6>mn<1><1>qr");
}

#[test]
fn midstream_starts_with_what_is_seen() {
    let mut play = Play::midstream(1000);
    // Nothing to start with: a keepalive's number is one too small.
    play.raw(-1, 0, 0, b"").raw(0, tcp::ACK, 0, b"");
    assert_eq!(play.stream.beginning(), Beginning::Unseen);
    play.data(0, "abc").data(-2, "yz").data(-2, "yzabcd");
    assert_eq!(
        (play.text().as_str(), play.stream.beginning()),
        ("abcd", Beginning::Midstream)
    );
    // The SYN comes late.
    let mut play = Play::midstream(1000);
    assert_eq!(
        play.data(0, "abc").raw(-1, tcp::SYN, 0, b"").data(3, "d").text(),
        "abcd"
    );
    // Data with the SYN (Fast Open).
    let mut play = Play::midstream(1000);
    assert_eq!(play.raw(0, tcp::SYN, 3, b"abc").data(3, "d").text(), "abcd");
    assert_eq!(play.stream.beginning(), Beginning::Syn);
    // The SYN again.
    assert_eq!(
        Play::new(7)
            .raw(-1, tcp::SYN, 0, b"")
            .data(0, "a")
            .raw(-1, tcp::SYN, 0, b"")
            .data(1, "b")
            .text(),
        "ab"
    );
}

#[test]
fn ends() {
    assert_eq!(Play::new(0).data(0, "ab").raw(2, tcp::FIN, 0, b"").text, "ab$");
    assert_eq!(
        Play::new(0).raw(0, tcp::FIN, 2, b"ab").raw(0, tcp::FIN, 2, b"ab").text,
        "ab$"
    );
    // It waits for what is before it.
    assert_eq!(Play::new(0).raw(2, tcp::FIN, 2, b"cd").data(0, "ab").text, "abcd$");
    assert_eq!(Play::new(0).data(0, "ab").raw(4, tcp::FIN, 0, b"").text(), "ab<2>$");
    assert_eq!(Play::new(0).data(0, "ab").raw(2, tcp::RST, 0, b"").text, "ab#");
    // A RST that is not of this moment.
    assert_eq!(
        Play::new(0).data(0, "ab").raw(1, tcp::RST, 0, b"").data(2, "c").text(),
        "abc"
    );
    // Data after the end: that end was forged.
    assert_eq!(
        Play::new(0)
            .raw(0, tcp::FIN, 0, b"")
            .data(0, "ab")
            .raw(2, tcp::FIN, 0, b"")
            .text,
        "$!ab$"
    );
}

#[test]
fn what_is_outside_of_any_window_is_not_taken() {
    let mut play = Play::new(0);
    play.data(0, "ab")
        .data((1 << 30) + 3, "far")
        .data(-(1 << 30), "old")
        .data(2, "c");
    assert_eq!((play.text().as_str(), play.budget.counters.outside), ("abc", 2));
}

#[test]
fn what_continues_outside_of_the_window_is_believed_in_the_end() {
    const FAR: i64 = 7 << 29;
    let mut play = Play::new(7);
    play.data(0, "ab").data(FAR, "cd").data(FAR + 2, "ef");
    assert_eq!(play.text, "ab");
    play.data(FAR + 4, "gh").data(FAR + 6, "ij");
    assert_eq!(play.text(), format!("ab<{}>ghij", FAR + 2));
    assert_eq!(play.budget.counters.outside, 2);
}

#[test]
fn bounds_give_up_the_oldest_hole() {
    // Segments: eight may wait.
    let mut play = Play::new(0);
    for index in 0..9 {
        play.data(10 + index * 10, "x");
    }
    assert_eq!(play.text, "<10>x");
    assert_eq!((play.budget.counters.evictions, play.budget.counters.gaps), (1, 1));
    assert!(play.text().ends_with("<9>x"));
    // Bytes.
    let mut play = Play::new(0);
    play.data(10, &"y".repeat(3000)).data(4000, &"z".repeat(3000));
    assert_eq!(play.text, format!("<10>{}", "y".repeat(3000)));
    // A segment that is too large by itself goes out at once.
    let mut play = Play::new(0);
    play.data(10, &"y".repeat(5000)).data(5010, "z");
    assert_eq!(play.text, format!("<10>{}z", "y".repeat(5000)));
    // The budget of all.
    let mut play = Play::new(0);
    play.budget = Budget::new(100);
    play.data(10, "abc").data(20, "def").data(30, "ghi");
    assert_eq!(play.text, "<10>abc");
    assert!(play.budget.used() <= 100);
    assert_eq!(play.text(), "<10>abc<7>def<7>ghi");
}

#[test]
fn one_byte_segments_in_reverse() {
    let mut play = Play::new(u32::MAX - 2);
    play.bounds.segments = 100;
    let text = "the quick brown fox jumps over the lazy dog";
    for (at, _) in text.char_indices().rev() {
        play.data(at as i64, &text[at..=at]);
    }
    assert_eq!((play.text.as_str(), play.budget.counters.gaps), (text, 0));
}

//! However a stream is cut into segments, the messages are the same.

use super::talk::{FROM_CLIENT, FROM_SERVER, Talk};
use crate::{event::Way, net::conversation::Limits};

fn chunked(parts: &[&str]) -> String {
    let chunks: String = parts
        .iter()
        .map(|part| format!("{:x};e=1\r\n{part}\r\n", part.len()))
        .collect();
    format!("{chunks}0\r\nTrailer: x\r\nT2: y\r\n\r\n")
}

/// Conversations by turns, of everything that has a state of its own.
fn conversations() -> Vec<Vec<(Way, String)>> {
    let ask = |text: &str| (FROM_CLIENT, text.to_owned());
    let answer = |text: &str| (FROM_SERVER, text.to_owned());
    let chunks = chunked(&["Wiki", "pedia in\r\n\r\nchunks", "."]);
    vec![
        vec![
            ask(
                "\r\n\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\nPOST /p HTTP/1.1\nHost: h\nContent-Length: 5\n\nhello\r\nGET /q HTTP/1.0\r\n\r\n",
            ),
            answer(
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\nHTTP/1.0 200 OK\r\n\r\nall",
            ),
        ],
        vec![
            ask(&format!(
                "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\nContent-Length: 3\r\n\r\n{chunks}GET /n HTTP/1.1\r\nHost: h\r\n\r\n"
            )),
            answer(&format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"
            )),
        ],
        // Odd in every way.
        vec![
            ask(
                "GET /a b\x01 HTTP/1.1\r\n  folded first\r\nHost : h\r\nA: 1\r\n\t 2\r\n 3\r\nno colon\r\n: no name\r\nB\0: \rx\r\n\r\nGARBAGE\r\n\r\n",
            ),
            answer("HTTP/1.1 200\r\nContent-Length: x\r\n\r\n"),
            ask("GET /again HTTP/1.1\r\n\r\n"),
            answer("HTTP/2.7 200 what\r\n\r\nrest"),
        ],
        // Past every bound.
        vec![
            ask(&format!(
                "GET /{} HTTP/1.1\r\nX: {}\r\nContent-Length: 4\r\n\r\nbody",
                "l".repeat(700),
                "y".repeat(400)
            )),
            answer(&format!(
                "HTTP/1.1 200 OK\r\n{}Content-Length: 200\r\n\r\n{}",
                "A: b\r\n".repeat(20),
                "z".repeat(200)
            )),
            ask(&format!(
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{}",
                chunked(&[&"x".repeat(90), "abc"])
            )),
            answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ],
        vec![
            ask("SSH-2.0-x\r\n"),
            answer("SSH-2.0-y\r\n"),
            ask("GET / HTTP/1.1\r\n\r\n"),
        ],
        vec![
            ask("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX"),
            answer("HTTP/1.1 400 Bad\r\nConnection: close\r\n\r\nbad"),
            ask("GET / HTTP/1.1\r\n\r\n"),
        ],
    ]
}

fn story(turns: &[(Way, String)], mut say: impl FnMut(&mut Talk, Way, &[u8])) -> Vec<String> {
    let limits = Limits {
        head: 900,
        headers: 12,
        request_body: 64,
        response_body: 100,
        ..Limits::default()
    };
    let mut talk = Talk::with(limits, 1 << 20);
    for (way, text) in turns {
        say(&mut talk, *way, text.as_bytes());
    }
    talk.close();
    talk.story()
}

#[test]
fn every_division_into_two_and_every_size_say_the_same() {
    for turns in conversations() {
        let whole = story(&turns, |talk, way, bytes| {
            talk.say(way, bytes);
        });
        assert!(whole.is_empty() == turns[0].1.starts_with("SSH"), "{whole:?}");
        for size in 1..40 {
            let pieces = story(&turns, |talk, way, bytes| {
                talk.say_in(size, way, bytes);
            });
            assert_eq!(pieces, whole, "in pieces of {size}");
        }
        let longest = turns.iter().map(|(_, text)| text.len()).max().unwrap_or(0);
        for at in 1..longest {
            let halves = story(&turns, |talk, way, bytes| {
                let (head, tail) = bytes.split_at(at.min(bytes.len()));
                talk.say(way, head).say(way, tail);
            });
            assert_eq!(halves, whole, "divided at {at}");
        }
    }
}

#[test]
fn segments_in_reverse_order_say_the_same() {
    for turns in conversations() {
        let whole = story(&turns, |talk, way, bytes| {
            talk.say(way, bytes);
        });
        let reversed = story(&turns, |talk, way, bytes| {
            let parts: Vec<(usize, &[u8])> = bytes.chunks(17).enumerate().collect();
            for (index, part) in parts.into_iter().rev() {
                talk.packet(way, index as i32 * 17, 0, part);
            }
            talk.advance(way, bytes.len());
        });
        assert_eq!(reversed, whole);
    }
}

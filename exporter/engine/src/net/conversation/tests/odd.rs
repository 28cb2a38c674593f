//! What no correct sender sends, and how servers read it.

use super::talk::{FROM_CLIENT, Talk};

/// A request's head, and what is to be said of it.
fn odd(lines: &str) -> (Vec<String>, Vec<&'static str>) {
    let mut talk = Talk::new();
    talk.ask(format!("{lines}\r\n\r\n")).close();
    let messages = talk.story().into_iter().filter(|line| !line.starts_with("malformed"));
    (messages.collect(), talk.malformed())
}

#[test]
fn oddities_are_told_and_read_nevertheless() {
    let cases = [
        ("GET / HTTP/1.1", "GET / []", "host-missing"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b", "GET / []", "host-twice"),
        ("GET /a b HTTP/1.1\r\nHost: a", "GET /a b []", "target"),
        ("GET   /a \t HTTP/1.1  \r\nHost: a", "GET /a []", ""),
        ("get /a HTTP/1.1\r\nHost: a", "get /a []", ""),
        (
            "GET /<script>\u{e4} HTTP/1.1\r\nHost: a",
            "GET /<script>\\xc3\\xa4 []",
            "",
        ),
        ("GET / HTTP/1.7\r\nHost: a", "GET / []", "version"),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nnothing",
            "GET / []",
            "header-without-colon",
        ),
        ("GET / HTTP/1.1\r\nHost: a\r\n: x", "GET / []", "header-without-colon"),
        ("GET / HTTP/1.1\r\nHost : a", "GET / []", "space-before-colon"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX(: y", "GET / []", "header-name"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z", "GET / []", "header-folding"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: y\0z", "GET / []", "control-character"),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nX: y\rY: z",
            "GET / []",
            "control-character",
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +0",
            "GET / []",
            "content-length-invalid",
        ),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0, 0", "GET / []", ""),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999",
            "GET / []",
            "content-length-invalid",
        ),
    ];
    for (lines, message, what) in cases {
        let (messages, malformed) = odd(lines);
        assert_eq!(messages, [message], "{lines:?}");
        assert_eq!(malformed.join(" "), what, "{lines:?}");
    }
}

#[test]
fn folded_headers_are_joined() {
    let mut talk = Talk::new();
    talk.ask("GET / HTTP/1.1\r\nHost: h\r\nX: one\r\n  two\r\n\tthree \r\nY: z\r\n\r\n");
    let requests = talk.requests();
    assert_eq!(requests[0].headers.get(b"x"), Some(&b"one    two  \tthree"[..]));
    assert_eq!(requests[0].headers.get(b"y"), Some(&b"z"[..]));
}

#[test]
fn smuggling_is_told_and_read_as_most_servers_do() {
    let follows = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
    // CL.TE and TE.CL: the coding is taken.
    let mut talk = Talk::new();
    let body = format!("0\r\n\r\n{follows}");
    talk.ask(format!(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n{body}",
        body.len()
    ));
    assert_eq!(
        talk.story(),
        [
            "malformed content-length-and-transfer-encoding",
            "POST / []",
            "GET /smuggled []"
        ]
    );
    // Two lengths: the first is taken.
    let mut talk = Talk::new();
    talk.ask(format!(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: {}\r\n\r\n{follows}",
        follows.len()
    ));
    assert_eq!(
        talk.story(),
        ["malformed content-length-differs", "POST / []", "GET /smuggled []"]
    );
    // A disguised coding.
    for coding in ["xchunked", "chunked, identity", "\"chunked\""] {
        let mut talk = Talk::new();
        talk.ask(format!(
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: {coding}\r\n\r\n{follows}"
        ));
        assert_eq!(
            talk.story(),
            ["malformed transfer-encoding", "POST / []", "GET /smuggled []"],
            "{coding}"
        );
    }
    let mut talk = Talk::new();
    talk.ask(format!("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{follows}"));
    assert_eq!(talk.malformed(), ["space-before-colon", "transfer-encoding"]);
    assert_eq!(talk.requests().len(), 2);
}

#[test]
fn what_is_no_message_is_told_and_ends_that_turn() {
    let mut talk = Talk::new();
    talk.ask("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n\x01\x02binary")
        .answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n\0\0\0");
    talk.ask("GET /2 HTTP/1.1\r\nHost: h\r\n\r\n").close();
    let story = [
        "GET /1 []",
        "malformed request-line",
        "200 for /1 []",
        "malformed status-line",
        "GET /2 []",
    ];
    assert_eq!(talk.story(), story);
    // The server speaks something else from its first byte on.
    let mut talk = Talk::new();
    talk.ask("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n")
        .answer("<html>as in 1991</html>\n")
        .close();
    assert_eq!(talk.story(), ["GET /1 []", "malformed status-line"]);
}

#[test]
fn broken_chunks() {
    let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    for chunks in [
        "xyz\r\n",
        "\r\n\r\n",
        "-1\r\n",
        "fffffffffffffffff\r\n",
        "3\r\nabcdef\r\n",
    ] {
        for size in [1, 1000] {
            let mut talk = Talk::new();
            talk.say_in(size, FROM_CLIENT, format!("{head}{chunks}")).close();
            assert_eq!(talk.malformed(), ["chunk"], "{chunks:?}");
            assert!(talk.requests()[0].partial, "{chunks:?}");
        }
    }
}

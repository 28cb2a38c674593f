//! Where messages end, and what belongs together.

use super::talk::{FROM_CLIENT, FROM_SERVER, Talk};
use crate::event::tcp;

const GET: &str =
    "GET /a?x=1&y=%20z HTTP/1.1\r\nHost: h.example:80\r\nCookie: s=1; t=a=b\r\nX-Y: one\r\nx-y:  two \r\n\r\n";

#[test]
fn a_request_is_read_in_all_its_parts() {
    let mut talk = Talk::new();
    talk.ask(GET);
    let requests = talk.requests();
    let request = requests[0];
    assert_eq!(
        (request.method(), request.target()),
        (&b"GET"[..], &b"/a?x=1&y=%20z"[..])
    );
    assert_eq!((request.path_raw(), request.query()), (&b"/a"[..], &b"x=1&y=%20z"[..]));
    assert_eq!(request.line(), b"GET /a?x=1&y=%20z HTTP/1.1");
    assert_eq!(request.version.to_string(), "1.1");
    assert_eq!(request.host(), Some(&b"h.example:80"[..]));
    let args: Vec<_> = request
        .args()
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    assert_eq!(args, [(b"x".to_vec(), b"1".to_vec()), (b"y".to_vec(), b" z".to_vec())]);
    let cookies: Vec<_> = request.cookies().collect();
    assert_eq!(cookies, [(&b"s"[..], &b"1"[..]), (b"t", b"a=b")]);
    assert_eq!(request.headers.all(b"X-y").collect::<Vec<_>>(), [&b"one"[..], b"two"]);
    assert_eq!(request.headers.len(), 4);
    assert_eq!(request.headers.text(), &GET.as_bytes()[..GET.len() - 2]);
    assert!(!request.truncated && !request.partial && request.oddities.is_empty());
}

#[test]
fn pipelined_requests_get_their_responses_in_order() {
    let mut talk = Talk::new();
    talk.ask("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nHEAD /2 HTTP/1.1\r\nHost: h\r\n\r\nGET /3 HTTP/1.1\r\nHost: h\r\n\r\n");
    talk.answer("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\noneHTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    talk.answer("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n")
        .close();
    let story = [
        "GET /1 []",
        "HEAD /2 []",
        "GET /3 []",
        "200 for /1 [one]",
        "200 for /2 []",
        "304 for /3 []",
    ];
    assert_eq!(talk.story(), story);
}

#[test]
fn keep_alive_with_bodies_of_every_kind() {
    let mut talk = Talk::new();
    talk.ask("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\na=1&b=2");
    talk.answer(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;ext=\"x\"\r\nWiki\r\n 5 \r\npedia\n0\r\nX-T: v\r\n\r\n",
    );
    talk.ask("PUT /q HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    talk.answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.0 200\r\n\r\nuntil ");
    talk.answer("the end").packet(FROM_SERVER, 0, tcp::FIN, b"").close();
    let story = [
        "POST /p [a=1&b=2]",
        "200 for /p [Wikipedia]",
        "PUT /q [abc]",
        "200 for /q [until the end]",
    ];
    assert_eq!(talk.story(), story);
    assert_eq!(talk.requests()[0].args().count(), 2);
    assert_eq!(talk.responses()[0].0.trailers.get(b"x-t"), Some(&b"v"[..]));
    assert_eq!(talk.responses()[1].0.reason(), b"");
}

#[test]
fn expect_100_continue() {
    let mut talk = Talk::new();
    talk.ask("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    talk.answer("HTTP/1.1 100 Continue\r\n\r\n").ask("body");
    talk.answer("HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(talk.story(), ["POST / [body]", "204 for / []"]);
}

#[test]
fn an_early_answer_tells_the_request_before_itself() {
    let mut talk = Talk::new();
    talk.ask("POST /big HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n1234");
    talk.answer("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
    talk.ask("567890GET /next HTTP/1.1\r\nHost: h\r\n\r\n")
        .answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        .close();
    assert_eq!(
        talk.story(),
        [
            "POST /big [1234] partial",
            "413 for /big []",
            "GET /next []",
            "200 for /next []"
        ]
    );
}

#[test]
fn what_follows_an_upgrade_is_not_http() {
    let mut talk = Talk::new();
    talk.ask("GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n");
    talk.answer("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n\x01\x02")
        .ask("GET /no HTTP/1.1\r\n\r\n")
        .close();
    assert_eq!(talk.story(), ["GET /ws []", "101 for /ws []", "upgraded websocket"]);
    let mut talk = Talk::new();
    talk.ask("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n")
        .answer("HTTP/1.1 200 OK\r\n\r\n")
        .ask(b"\x16\x03\x01")
        .close();
    assert_eq!(
        talk.story(),
        ["CONNECT h:443 []", "200 for h:443 []", "upgraded CONNECT"]
    );
    let mut talk = Talk::new();
    talk.ask("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n")
        .answer("HTTP/1.1 407 Who\r\nContent-Length: 2\r\n\r\nno");
    talk.ask("CONNECT h:444 HTTP/1.1\r\nHost: h:444\r\n\r\n").close();
    assert_eq!(
        talk.story(),
        ["CONNECT h:443 []", "407 for h:443 [no]", "CONNECT h:444 []"]
    );
    let mut talk = Talk::new();
    talk.ask("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").close();
    assert_eq!(talk.story(), ["upgraded h2"]);
}

#[test]
fn the_target_in_all_its_forms() {
    let cases = [
        ("http://u:p@h.example:8/x/%41?q#f", "/x/A", "q", "h.example:8"),
        ("https://other", "", "", "other"),
        ("*", "*", "", "h"),
        ("/a//../b;c?d?e", "/a//../b;c", "d?e", "h"),
        ("/%2e%2e/%c3%a4", "/../\u{e4}", "", "h"),
    ];
    for (target, path, query, host) in cases {
        let mut talk = Talk::new();
        talk.ask(format!("OPTIONS {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
        let requests = talk.requests();
        assert_eq!(&*requests[0].path(), path.as_bytes(), "{target}");
        assert_eq!(requests[0].query(), query.as_bytes(), "{target}");
        assert_eq!(requests[0].host(), Some(host.as_bytes()), "{target}");
    }
}

#[test]
fn http_is_found_by_content_on_either_side_only() {
    let others: [&[u8]; 8] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"EHLO mail.example\r\nMAIL FROM:<a@b>\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        b"OPTIONS sip:x SIP/2.0\r\nVia: y\r\n\r\n",
        b"GET /old\r\n",
        b"{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}\n",
        b"\0\0\0\0",
    ];
    for other in others {
        for size in [1, 1000] {
            let mut talk = Talk::new();
            talk.say_in(size, FROM_CLIENT, other)
                .answer("220 hello\r\n")
                .ask("GET / HTTP/1.1\r\n\r\n")
                .close();
            assert_eq!(talk.story(), [""; 0], "{}", other.escape_ascii());
            assert!(!talk.conversation.is_http());
        }
    }
}

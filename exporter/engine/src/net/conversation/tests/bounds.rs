//! Hostile peers: everything stays within its bound, and is counted.

use super::talk::{FROM_CLIENT, FROM_SERVER, Talk};
use crate::net::conversation::{Conversation, Limits};

fn limits() -> Limits {
    Limits {
        request_body: 1000,
        response_body: 2000,
        ..Limits::default()
    }
}

#[test]
fn bodies_past_the_bound_are_told_early_and_passed_over() {
    let mut talk = Talk::with(limits(), 1 << 20);
    talk.ask(format!(
        "POST /big HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000000\r\n\r\n{}",
        "x".repeat(1001)
    ));
    assert_eq!(talk.requests()[0].body.bytes.len(), 1000);
    assert_eq!(talk.requests()[0].body.length, 10_000_000_000);
    assert!(talk.requests()[0].truncated && !talk.requests()[0].partial);
    let used = talk.budget.used();
    for _ in 0..1000 {
        talk.ask([b'y'; 60_000]);
    }
    assert_eq!(talk.budget.used(), used);
    // Exactly as much as the bound is whole.
    let mut talk = Talk::with(limits(), 1 << 20);
    talk.ask(format!(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n{}",
        "x".repeat(1000)
    ));
    assert!(!talk.requests()[0].truncated);
}

#[test]
fn a_head_past_the_bound_still_frames_its_body() {
    let mut talk = Talk::new();
    talk.ask("POST /h HTTP/1.1\r\nHost: h\r\n")
        .ask(format!("Cookie: {}\r\n", "c".repeat(100_000)));
    for number in 0..10_000 {
        talk.ask(format!("X-{number}: value\r\n"));
    }
    assert!(talk.budget.used() < 200_000, "{}", talk.budget.used());
    talk.ask("Content-Length: 4\r\n\r\nbodyGET /next HTTP/1.1\r\nHost: h\r\n\r\n")
        .close();
    assert_eq!(talk.story(), ["POST /h [body] truncated", "GET /next []"]);
    let cookie = talk.requests()[0].headers.get(b"cookie").map(<[u8]>::len);
    assert!(cookie.is_some_and(|length| length > 60_000), "{cookie:?}");
}

#[test]
fn ten_thousand_headers() {
    let lines: String = (0..10_000).map(|number| format!("a{number}:b\r\n")).collect();
    let mut talk = Talk::with(
        Limits {
            head: 1 << 20,
            ..Limits::default()
        },
        1 << 20,
    );
    talk.ask(format!("GET /m HTTP/1.1\r\nHost: h\r\n{lines}\r\n")).close();
    assert_eq!(
        (talk.requests()[0].headers.len(), talk.requests()[0].truncated),
        (2000, true)
    );
}

#[test]
fn a_line_without_end() {
    for start in ["GET /", "GET / HTTP/1.1\r\nX: "] {
        let mut talk = Talk::new();
        talk.ask(start);
        for _ in 0..100 {
            talk.ask([b'a'; 10_000]);
        }
        assert!(talk.budget.used() < 200_000);
        talk.close();
    }
}

#[test]
fn slowloris_is_bounded_and_counted() {
    let limits = std::sync::Arc::new(Limits::default());
    let mut talk = Talk::with(Limits::default(), 1 << 20);
    let mut all = Vec::new();
    for _ in 0..10_000 {
        talk.conversation = Conversation::new(limits.clone());
        talk.ask("GET / HTTP/1.1\r\nHost: h\r\n").ask("X-a: b\r\n");
        all.push(std::mem::replace(
            &mut talk.conversation,
            Conversation::new(limits.clone()),
        ));
    }
    assert!(talk.budget.used() <= 1 << 20 && talk.budget.is_tight());
    assert!(talk.counters().refused_bytes > 0);
    for conversation in &mut all {
        conversation.close(crate::net::conversation::End::Evicted, &mut talk.budget, &mut talk.said);
    }
    assert_eq!(talk.budget.used(), 0);
    assert!(talk.requests().len() > 100, "what was held is told");
}

#[test]
fn an_idle_conversation_is_small() {
    assert!(size_of::<Conversation>() <= 640, "{}", size_of::<Conversation>());
    let mut talk = Talk::new();
    talk.ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        .answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(talk.budget.used(), 0, "nothing is held between messages");
}

#[test]
fn unanswered_requests_are_forgotten_at_a_bound() {
    let mut talk = Talk::with(limits(), 1 << 20);
    for _ in 0..3000 {
        talk.ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    assert_eq!(talk.requests().len(), 3000);
    assert!(talk.budget.used() < 100_000, "{}", talk.budget.used());
    assert!(talk.counters().unpaired > 1000);
    talk.close();
}

#[test]
fn without_a_budget_messages_are_told_without_bodies() {
    let mut talk = Talk::with(limits(), 0);
    talk.ask("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET /y HTTP/1.1\r\nHost: h\r\n\r\n")
        .close();
    assert_eq!(talk.story(), ["POST /x [] truncated", "GET /y []"]);
    assert_eq!(talk.counters().unpaired, 2);
}

#[test]
fn payload_is_given_out_as_far_as_asked() {
    let mut talk = Talk::with(
        Limits {
            payload: 7,
            ..Limits::default()
        },
        1 << 20,
    );
    talk.say(FROM_CLIENT, "hello")
        .say(FROM_SERVER, "\x01\x02")
        .say(FROM_CLIENT, " world")
        .say(FROM_CLIENT, "more")
        .close();
    assert_eq!(
        talk.story(),
        ["payload 0 hello", "payload 0 \\x01\\x02", "payload 5  w"]
    );
}

#[test]
fn binary_on_port_80() {
    let noise: Vec<u8> = (0..100_000_u64)
        .map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
        .collect();
    let mut talk = Talk::new();
    talk.say_in(1400, FROM_CLIENT, &noise)
        .say_in(1, FROM_SERVER, &noise[..5000])
        .close();
    assert_eq!(talk.story(), [""; 0]);
    // Instead of a body.
    let mut talk = Talk::new();
    talk.ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n")
        .say_in(999, FROM_CLIENT, &noise)
        .close();
    assert_eq!(talk.requests()[0].body.bytes, noise);
}

#[test]
fn empty_folded_lines_are_not_kept() {
    let mut talk = Talk::new();
    let lines = " \r\n".repeat(20_000);
    talk.ask(format!("GET / HTTP/1.1\r\nHost: h\r\nX: 1\r\n{lines} 2\r\n\r\n"));
    assert_eq!(talk.requests()[0].headers.get(b"x"), Some(&b"1   2"[..]));
    assert!(talk.requests()[0].headers.text().len() < 100 && !talk.requests()[0].truncated);
}

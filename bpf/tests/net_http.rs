//! What is copied of HTTP, on the real kernel: of responses only those whose status is asked for, as long as it is certain which they are.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
};

use common::{
    Rig,
    net::{budgets, closed, interest, pair, segments, stream},
};
use lapwing_bpf::Options;
use lapwing_engine::{
    event::{Segment, Way, tcp},
    interest::{Appetite, Sides, Statuses},
};

/// A request, and the response that the server gives to it.
type Turn = (Vec<u8>, Vec<u8>);

/// What was seen at the client and at the server: copied of the questions, copied of the answers, answers passed uncopied as whole messages.
type Seen = [(Vec<u8>, Vec<u8>, u64); 2];

fn get(path: &str, more: usize) -> Vec<u8> {
    format!(
        "GET /{path} HTTP/1.1\r\nHost: h\r\nX-More: {}\r\n\r\n",
        "m".repeat(more)
    )
    .into_bytes()
}

fn answer(status: u16, body: usize) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status} Some\r\nContent-Length: {body}\r\n\r\n{}",
        "b".repeat(body)
    )
    .into_bytes()
}

/// Lets them talk while responses with status 404 are asked for.
fn talk(turns: &[Turn]) -> Seen {
    let mut statuses = Statuses::default();
    statuses.insert(404);
    let mut wanted = budgets(4096, 4096);
    wanted.sides = Sides::same(Appetite {
        statuses,
        foreign_request: 100,
        foreign_response: 200,
        ..Appetite::all(4096, 4096)
    });
    wanted.foreign_bytes = 1000;
    let mut rig = Rig::open(&Options::default(), &interest(wanted));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    for (question, answer) in turns {
        client.write_all(question).unwrap();
        server.read_exact(&mut vec![0; question.len()]).unwrap();
        // The head first, as servers do.
        let head = answer.len().min(60);
        server.write_all(&answer[..head]).unwrap();
        server.write_all(&answer[head..]).unwrap();
        client.read_exact(&mut vec![0; answer.len()]).unwrap();
    }
    drop((client, server));
    rig.until(|events| closed(events, port) == 2);
    assert_eq!(rig.lost(), 0);
    let (client, server) = pair(&rig.events, port);
    let total = |of: fn(&Turn) -> usize| turns.iter().map(of).sum::<usize>() as u64;
    [(client, Way::Sent), (server, Way::Received)].map(|(flow, asks)| {
        let passed = |s: &&&Segment| s.flow == flow && s.way == asks && s.passed > 0;
        let whole = |s: &&&Segment| s.flow == flow && s.way != asks && s.flags & tcp::WHOLE != 0;
        let segments = segments(&rig.events, port);
        let passed: u64 = segments.iter().filter(passed).map(|s| u64::from(s.passed)).sum();
        let whole: u64 = segments.iter().filter(whole).map(|s| u64::from(s.length)).sum();
        let mut events = rig.events.clone();
        common::net::told_passed(&mut events);
        let (questions, answers) = (stream(&events, flow, asks), stream(&events, flow, asks.other()));
        assert_eq!(
            (questions.1, answers.1),
            (total(|t| t.0.len()), total(|t| t.1.len())),
            "every byte is seen"
        );
        (questions.0, answers.0, passed + whole)
    })
}

#[test]
fn of_responses_only_those_with_a_status_that_is_asked_for_are_copied() {
    let turns = [
        (get("a", 0), answer(200, 5000)),
        (get("b", 300), answer(404, 100)),
        (get("c", 800), answer(302, 0)),
        (get("d", 0), answer(200, 70_000)),
    ];
    let questions = turns.iter().flat_map(|turn| turn.0.clone()).collect::<Vec<u8>>();
    let passed = [0, 2, 3].map(|at: usize| turns[at].1.len() as u64).iter().sum();
    for seen in talk(&turns) {
        assert_eq!(seen, (questions.clone(), turns[1].1.clone(), passed));
    }
}

#[test]
fn responses_are_copied_whose_number_is_not_certain() {
    let post = b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok".to_vec();
    let turns = [
        // Two requests in one packet.
        (
            [get("a", 0), get("b", 0)].concat(),
            [answer(200, 10), answer(404, 10)].concat(),
        ),
        (post, answer(200, 20)),
        // Longer than is looked through.
        (get("long", 1500), answer(200, 30)),
        // Something else follows.
        (get("again", 0), answer(101, 40)),
        (b"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n".to_vec(), answer(200, 0)),
        (get("strange", 0), b"HTTP/1.1 2000 x\r\n\r\n".to_vec()),
    ];
    let all = |of: fn(&Turn) -> &Vec<u8>| turns.iter().flat_map(|turn| of(turn).clone()).collect::<Vec<u8>>();
    for seen in talk(&turns) {
        assert_eq!(seen, (all(|turn| &turn.0), all(|turn| &turn.1), 0));
    }
}

#[test]
fn what_cannot_be_http_has_its_own_budget_and_an_end() {
    let question = |turn: u8| [&[0, 3, 0, turn][..], &[b'q'; 496]].concat();
    let turns = [1, 2, 3].map(|turn| (question(turn), vec![turn; 400]));
    let questions = [1, 2].map(|turn| question(turn)[..100].to_vec()).concat();
    let answers = [1, 2, 3].map(|turn| vec![turn; 200]).concat();
    for seen in talk(&turns) {
        assert_eq!(
            seen,
            (questions.clone(), answers.clone(), 0),
            "the third question is behind the first 1000 bytes"
        );
    }
}

/// Without TLS, and told by what the client says first, which is copied: it is counted by that.
#[test]
fn http2_is_soon_as_what_cannot_be_http() {
    let begin = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &[b'q'; 400]].concat();
    let turns = [
        (begin.clone(), vec![1; 400]),
        (vec![2; 600], vec![2; 400]),
        (vec![3; 600], vec![3; 400]),
    ];
    let questions = [&begin[..], &[2; 100]].concat();
    let answers = [1, 2, 3].map(|turn| vec![turn; 200]).concat();
    for seen in talk(&turns) {
        assert_eq!(seen, (questions.clone(), answers.clone(), 0));
    }
    // Not by what comes later, or from the server: that would blind us.
    let turns = [
        (get("a", 0), begin.clone()),
        (begin.clone(), answer(404, 300)),
        (get("b", 800), answer(404, 300)),
    ];
    let all = |of: fn(&Turn) -> &Vec<u8>| turns.iter().flat_map(|turn| of(turn).clone()).collect::<Vec<u8>>();
    for seen in talk(&turns) {
        assert_eq!(seen, (all(|turn| &turn.0), all(|turn| &turn.1), 0));
    }
}

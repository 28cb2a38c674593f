//! What is missing, and how reading goes on.

use super::talk::{FROM_CLIENT, FROM_SERVER, Talk};
use crate::{
    event::{FlowTotals, Way, tcp},
    net::conversation::{Desync, End, Limits, Message},
};

const NEXT: &str = "GET /next HTTP/1.1\r\nHost: h\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn a_gap_within_a_body_of_known_length_costs_that_body_only() {
    let post = "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n";
    for missing in [1, 50, 90] {
        let mut talk = Talk::new();
        talk.ask(format!("{post}0123456789")).advance(FROM_CLIENT, missing);
        talk.ask(format!("{}{NEXT}", "x".repeat(90 - missing)))
            .acknowledge(FROM_SERVER)
            .close();
        assert_eq!(
            talk.story(),
            ["POST /p [0123456789] partial", "GET /next []"],
            "{missing}"
        );
    }
    // Not copied by the kernel.
    let mut talk = Talk::new();
    talk.say_cut(FROM_CLIENT, post.len() + 100, format!("{post}01").as_bytes())
        .ask(NEXT)
        .close();
    assert_eq!(talk.story(), ["POST /p [01] truncated", "GET /next []"]);
    // Within a chunk.
    let mut talk = Talk::new();
    talk.ask("POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nabc")
        .advance(FROM_CLIENT, 13);
    talk.ask(format!("\r\n2\r\nxy\r\n0\r\n\r\n{NEXT}"))
        .acknowledge(FROM_SERVER)
        .close();
    assert_eq!(talk.story(), ["POST /c [abc] partial", "GET /next []"]);
}

/// A pack that git pushes, a download: past the budget the kernel copies nothing until the other side speaks.
#[test]
fn a_chunked_body_past_its_budget_is_cut_and_nothing_else() {
    let post = "POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n6\r\nabc";
    let mut talk = Talk::new();
    talk.ask(post).say_cut(FROM_CLIENT, 5000, b"de");
    talk.say_cut(FROM_CLIENT, 70_000, b"").answer(OK).ask(NEXT);
    talk.answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        .say_cut(FROM_SERVER, 90_000, b"");
    talk.ask(NEXT).answer(OK).close();
    let story = [
        "POST /p [01234abcde] truncated",
        "200 for /p [ok]",
        "GET /next []",
        "200 for /next [hello] truncated",
        "GET /next []",
        "200 for /next [ok]",
    ];
    assert_eq!(talk.story(), story);
    let counters = talk.counters();
    assert_eq!(
        (
            counters.desynchronised,
            counters.partial,
            counters.malformed,
            counters.gaps
        ),
        (0, 0, 0, 0)
    );
    assert_eq!(counters.uncopied_bytes, 4998 + 70_000 + 90_000);
}

/// As apt asks for packages: the answers come in a row, and nothing of them is copied once the first is past its budget.
#[test]
fn answers_in_a_row_behind_a_long_one_are_not_paired_with_others() {
    let long = "HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\nabc";
    let mut talk = Talk::new();
    talk.ask("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\nGET /3 HTTP/1.1\r\nHost: h\r\n\r\n");
    talk.say_cut(FROM_SERVER, 1000, long.as_bytes())
        .say_cut(FROM_SERVER, 200_000, b"");
    talk.ask(NEXT).answer(OK).close();
    let story = [
        "GET /1 []",
        "GET /2 []",
        "GET /3 []",
        "200 for /1 [abc] truncated",
        "GET /next []",
        "200 for /next [ok]",
    ];
    assert_eq!(talk.story(), story);
    let counters = talk.counters();
    assert_eq!(
        (counters.desynchronised, counters.partial, counters.unpaired),
        (0, 0, 2)
    );
    // The answer to CONNECT among them: what is asked then is read all the same.
    let mut talk = Talk::new();
    talk.ask("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nCONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n");
    talk.say_cut(FROM_SERVER, 1000, long.as_bytes())
        .say_cut(FROM_SERVER, 200_000, b"");
    talk.ask(NEXT).answer(OK).close();
    assert_eq!(talk.story()[3..], ["GET /next []", "200 for /next [ok]"]);
}

/// What follows a body of known length in the same packet is another message, and that is lost.
#[test]
fn what_is_not_copied_behind_the_end_of_a_message_desynchronises() {
    let mut talk = Talk::new();
    let post = "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n01";
    talk.say_cut(FROM_CLIENT, post.len() + 40, post.as_bytes())
        .answer(OK)
        .close();
    assert_eq!(
        talk.story(),
        [
            "POST /p [01] truncated",
            &format!("desynchronised {} Gap(40)", post.len()),
            "200 for /p [ok]"
        ]
    );
}

#[test]
fn a_gap_that_hides_a_boundary_desynchronises_until_the_next_turn() {
    let mut talk = Talk::new();
    talk.ask("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n01")
        .advance(FROM_CLIENT, 40);
    talk.ask("whatever this is\r\n\r\n").acknowledge(FROM_SERVER).ask(NEXT);
    assert_eq!(talk.story(), ["POST /p [01] partial", "desynchronised 50 Gap(40)"]);
    talk.answer(OK).ask(NEXT).answer(OK).close();
    assert_eq!(
        talk.story()[2..],
        ["200 for /p [ok]", "GET /next []", "200 for /next [ok]"]
    );
    assert_eq!((talk.counters().desynchronised, talk.counters().gap_bytes), (1, 40));
}

#[test]
fn a_gap_in_a_head_tells_what_was_there() {
    let mut talk = Talk::new();
    talk.ask("GET /evil HTTP/1.1\r\nHost: h\r\nCook")
        .advance(FROM_CLIENT, 9);
    talk.ask("ie: x\r\n\r\n")
        .acknowledge(FROM_SERVER)
        .answer(OK)
        .ask(NEXT)
        .answer(OK)
        .close();
    let story = [
        "GET /evil [] partial",
        "desynchronised 33 Gap(9)",
        "200 for /evil [ok]",
        "GET /next []",
        "200 for /next [ok]",
    ];
    assert_eq!(talk.story(), story);
    assert_eq!(talk.requests()[0].headers.len(), 1);
}

#[test]
fn a_whole_lost_request_does_not_mix_up_the_pairs() {
    let mut talk = Talk::new();
    talk.ask(NEXT)
        .answer(OK)
        .advance(FROM_CLIENT, 100)
        .acknowledge(FROM_SERVER)
        .answer(OK);
    talk.ask(NEXT).answer(OK).close();
    let story = [
        "GET /next []",
        "200 for /next [ok]",
        "desynchronised 31 Gap(100)",
        "200 for ? [ok]",
        "GET /next []",
        "200 for /next [ok]",
    ];
    assert_eq!(talk.story(), story);
}

#[test]
fn ends_before_the_end() {
    let mut talk = Talk::new();
    talk.ask("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n01")
        .packet(FROM_CLIENT, 0, tcp::FIN, b"")
        .close();
    assert_eq!(talk.story(), ["POST /p [01] partial"]);
    let mut talk = Talk::new();
    talk.ask(NEXT)
        .answer("HTTP/1.1 200 OK\r\n\r\nhalf")
        .packet(FROM_SERVER, 0, tcp::RST, b"")
        .close();
    assert_eq!(talk.story(), ["GET /next []", "200 for /next [half] partial"]);
    // Without its FIN, but closed.
    let mut talk = Talk::new();
    talk.ask(NEXT).answer("HTTP/1.1 200 OK\r\n\r\nall").close();
    assert_eq!(talk.story(), ["GET /next []", "200 for /next [all]"]);
    let mut talk = Talk::new();
    talk.ask("GET /unfinished HTTP/1.1\r\nHost: h\r\nA").close();
    assert_eq!(talk.story(), ["GET /unfinished [] partial"]);
}

#[test]
fn midstream_waits_for_a_clean_start() {
    let mut talk = Talk::midstream(Limits::default(), 1 << 20);
    talk.answer("the rest of some body")
        .ask(NEXT)
        .answer(OK)
        .ask(NEXT)
        .close();
    assert_eq!(talk.story(), ["GET /next []", "200 for /next [ok]", "GET /next []"]);
    let mut talk = Talk::midstream(Limits::default(), 1 << 20);
    talk.ask("rest\r\n")
        .ask(NEXT)
        .answer("binary\0")
        .ask("more\0")
        .answer("x")
        .close();
    assert_eq!(talk.story(), [""; 0], "within a turn there is no clean start");
    let mut talk = Talk::midstream(Limits::default(), 1 << 20);
    talk.answer(OK).ask(NEXT).close();
    assert_eq!(talk.story(), ["200 for ? [ok]", "GET /next []"]);
}

#[test]
fn segments_that_differ_are_told_and_read_as_linux_does() {
    let mut talk = Talk::new();
    talk.packet(FROM_CLIENT, 5, 0, b"evil HTTP/1.1\r\nHost: h\r\n\r\n");
    talk.packet(FROM_CLIENT, 5, 0, b"good HTTP/1.1\r\nHost: h\r\n\r\n");
    talk.packet(FROM_CLIENT, 0, 0, b"GET /").advance(FROM_CLIENT, 31);
    talk.ask("GET /b HTTP/1.1\r\nHost: h\r\n\r\n");
    talk.packet(FROM_CLIENT, -28, 0, b"GET /c HTTP/1.1\r\nHost: h\r\n\r\n")
        .close();
    assert_eq!(
        talk.story(),
        [
            "desynchronised 5 Overlap",
            "GET /evil []",
            "GET /b []",
            "desynchronised 31 Overlap"
        ]
    );
}

#[test]
fn more_than_the_kernel_counts_is_told() {
    let end = |received| {
        let mut talk = Talk::new();
        talk.ask(NEXT)
            .answer(OK)
            .packet(FROM_SERVER, 0, tcp::FIN, b"")
            .packet(FROM_CLIENT, 0, tcp::FIN, b"");
        let totals = FlowTotals {
            bytes_received: received,
            bytes_sent: OK.len() as u64 + 1,
            ..FlowTotals::default()
        };
        let from = talk.said.len();
        talk.conversation
            .close(End::Closed(Some(&totals)), &mut talk.budget, &mut talk.said);
        talk.said.split_off(from)
    };
    assert_eq!(end(NEXT.len() as u64), []);
    assert_eq!(end(NEXT.len() as u64 + 1), [], "the FIN counts, or not");
    let offset = NEXT.len() as u64;
    let why = Desync::Surplus(4);
    assert_eq!(
        end(offset - 4),
        [Message::Desynchronised {
            way: Way::Received,
            offset,
            why
        }]
    );
}

#[test]
fn responses_that_no_rule_asks_for_leave_the_others_with_their_requests() {
    let ask = |target: &str| format!("GET /{target} HTTP/1.1\r\nHost: h\r\n\r\n");
    for mut talk in [Talk::new(), Talk::midstream(Limits::default(), 64 << 20)] {
        talk.ask(ask("1"))
            .say_after(900, FROM_CLIENT, ask("2"))
            .say_after(70_000, FROM_CLIENT, ask("3"))
            .answer(OK)
            .ask(ask("4"))
            .say_after(5, FROM_CLIENT, ask("5"))
            .close();
        let story = [
            "GET /1 []",
            "GET /2 []",
            "GET /3 []",
            "200 for /3 [ok]",
            "GET /4 []",
            "GET /5 []",
        ];
        assert_eq!(talk.story(), story);
        assert_eq!(talk.counters().desynchronised, 0);
        assert_eq!(talk.counters().unpaired, 0);
    }
}

#[test]
fn a_connection_may_end_with_a_response_that_no_rule_asks_for() {
    let mut talk = Talk::new();
    talk.ask(NEXT).segment_whole(FROM_SERVER, 1000);
    talk.packet(FROM_SERVER, 0, tcp::FIN, b"")
        .packet(FROM_CLIENT, 0, tcp::FIN, b"");
    talk.close();
    assert_eq!(talk.story(), ["GET /next []"]);
    assert_eq!((talk.counters().desynchronised, talk.counters().malformed), (0, 0));
}

/// The kernel took the end of its beginning for all of it.
#[test]
fn the_rest_of_a_message_that_passed_is_no_malformed_one() {
    let mut talk = Talk::new();
    talk.ask(NEXT)
        .say_after(1000, FROM_CLIENT, NEXT)
        .answer("the rest of a body")
        .ask(NEXT)
        .answer(OK)
        .close();
    let story = ["GET /next []", "GET /next []", "GET /next []", "200 for /next [ok]"];
    assert_eq!(talk.story(), story);
    assert_eq!((talk.counters().desynchronised, talk.counters().malformed), (0, 0));
}

//! Plaintext at the door of TLS libraries, on the real kernel with real programs.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::process::{Command, Stdio};

use common::tls::{of, python, rig, stream};
use lapwing_engine::event::{Body, Direction, Way};

#[test]
fn curl_and_a_server_in_python_are_read_in_the_clear() {
    let place = tempfile::tempdir().unwrap();
    let mut rig = rig();
    let server = python(place.path(), 100_000);
    let mut curl = Command::new("curl")
        .args(["-sk", "--http1.1", "-A", "test", "-H", "Accept:"])
        .arg(format!("https://{}/a/path?b=c", server.at))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let (client, serving) = (curl.id(), server.pid());
    assert!(curl.wait().unwrap().success());
    rig.until(|events| {
        [client, serving]
            .iter()
            .all(|pid| of(events, *pid).iter().any(|data| data.end))
    });

    let request = format!(
        "GET /a/path?b=c HTTP/1.1\r\nHost: {}\r\nUser-Agent: test\r\n\r\n",
        server.at
    )
    .into_bytes();
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100000\r\n\r\n";
    let answer = [head.as_bytes(), &[b'a'; 100_000]].concat();
    for (pid, asks, answers) in [(client, Way::Sent, Way::Received), (serving, Way::Received, Way::Sent)] {
        assert_eq!(
            stream(&rig.events, pid, asks),
            (request.clone(), request.len() as u64),
            "{pid}"
        );
        let (data, total) = stream(&rig.events, pid, answers);
        assert!(
            (data == answer, total) == (true, answer.len() as u64),
            "{pid}: {} of {total}",
            data.len()
        );
    }
    let data = of(&rig.events, client);
    let flow = rig.events.iter().find_map(|event| match &event.body {
        Body::Flow(flow) if flow.direction == Direction::Outgoing && flow.endpoints.remote == server.at => {
            Some(flow.flow)
        }
        _ => None,
    });
    for data in data {
        assert_eq!((data.flow, data.direction), (flow, Direction::Outgoing));
        assert_eq!(data.endpoints.unwrap().remote, server.at);
    }
    assert_eq!(rig.lost(), 0);
}

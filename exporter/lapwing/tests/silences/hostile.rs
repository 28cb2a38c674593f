//! Answers that no Alertmanager gives, and requests that Debian's cannot judge (it knows no bearer tokens): a double takes its place.

use std::{fs, net::SocketAddr, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use lapwing::alertmanager::{Client, Poller};
use lapwing_engine::{event::Sensor, spec::Severity};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{alertmanager::config, servers::PATIENCE};

const GOOD: &str = r#"[{"id":"a","status":{"state":"active"},"createdBy":"alice","comment":"c","startsAt":"2020-01-01T00:00:00Z",
    "endsAt":"2100-01-01T00:00:00Z","matchers":[{"name":"rule","value":"etc","isRegex":false}]}]"#;

fn page(status: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Gives one answer after the other, each on a connection of its own, then the last one again and again.
async fn double(answers: Vec<Vec<u8>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for number in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answer = answers[number.min(answers.len() - 1)].clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(&answer).await;
                if answer.is_empty() {
                    // Never says anything.
                    tokio::time::sleep(Duration::from_secs(60)).await;
                }
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_bad_answer_is_an_error_of_its_kind() {
    let huge = format!("[{}]", "\"x\",".repeat(5 << 20));
    let truncated = {
        let mut page = page("200 OK", GOOD);
        page.truncate(page.len() - 30);
        page
    };
    let redirect = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".to_vec();
    let cases = [
        (page("200 OK", &GOOD[..GOOD.len() - 5]), "malformed", "API v2"),
        (truncated, "unreachable", "cannot reach"),
        (page("200 OK", &huge), "unreachable", "limit"),
        (
            page("200 OK", "{\"status\":\"success\"}"),
            "malformed",
            "list of silences",
        ),
        (page("200 OK", "<html>\u{1b}[2J</html>"), "malformed", "API v2"),
        (
            page("500 Internal Server Error", "\"\u{1b}[2Jboom\u{202e}\""),
            "refused",
            "\\u{1b}[2Jboom\\u{202e}",
        ),
        (redirect, "refused", "302"),
        (page("404 Not Found", "x"), "refused", "path prefix"),
        (b"SSH-2.0-OpenSSH\r\n\r\n".to_vec(), "unreachable", "cannot reach"),
        (Vec::new(), "unreachable", "no answer within"),
    ];
    for (answer, result, words) in cases {
        let url = format!("http://{}/prefix/", double(vec![answer]).await);
        let client = Client::new(&config(&[url], Path::new("/nonexistent")).alertmanager);
        let error = client.silences(0).await.unwrap_err();
        assert_eq!(error.result(), result, "{error}");
        assert!(error.to_string().contains(words), "{words}: {error}");
        assert!(!error.to_string().contains('\u{1b}'), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_answer_changes_nothing_and_is_counted() {
    let bad = GOOD.replace("\"matchers\"", "\"matchers\":7,\"was\"");
    let some = format!("{},{}", &GOOD[..GOOD.len() - 1], &bad[1..]);
    let url = format!(
        "http://{}",
        double(vec![
            page("200 OK", &some),
            page("200 OK", "{}"),
            page("200 OK", "[null"),
            page("503 Service Unavailable", ""),
        ])
        .await
    );
    let mut poller = Poller::start(&config(&[url], Path::new("/nonexistent")), None);
    let end = tokio::time::Instant::now() + PATIENCE;
    while poller.state().polls["refused"] == 0 {
        assert!(tokio::time::Instant::now() < end, "{:?}", poller.state());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let state = poller.state();
    assert_eq!((state.polls["success"], state.polls["malformed"]), (1, 2));
    assert_eq!(
        (state.active, state.refused["malformed"]),
        (1, 1),
        "the good one holds, the bad one is refused by itself"
    );
    assert!(state.error.is_some());
    let masks = poller.masks();
    let now = lapwing::pipeline::boot_now();
    assert_eq!(masks.candidates("etc", Severity::High, Sensor::File, now).len(), 1);
}

/// Answers well, and gives what it was asked.
async fn listening_double() -> (SocketAddr, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (said, heard) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            said.send(String::from_utf8(request).unwrap()).unwrap();
            stream.write_all(&page("200 OK", GOOD)).await.unwrap();
        }
    });
    (address, heard)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bearer_token_is_that_of_the_file_at_each_request() {
    let (address, mut heard) = listening_double().await;
    let home = tempfile::tempdir().unwrap();
    let token = home.path().join("token");
    let mut settings = config(&[format!("http://{address}")], Path::new("/nonexistent")).alertmanager;
    settings.bearer_token_file = Some(token.clone());
    let client = Client::new(&settings);
    for secret in ["first", "renewed"] {
        fs::write(&token, format!("{secret}\n")).unwrap();
        fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(client.silences(0).await.unwrap().silences.len(), 1);
        let request = heard.recv().await.unwrap();
        let line = format!("\r\nauthorization: Bearer {secret}\r\n");
        assert!(request.contains(&line), "{request}");
    }
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).unwrap();
    let error = client.silences(0).await.unwrap_err().to_string();
    assert!(
        error.contains("bearer_token_file") && !error.contains("renewed"),
        "{error}"
    );
    assert!(heard.try_recv().is_err(), "nothing was sent");
}

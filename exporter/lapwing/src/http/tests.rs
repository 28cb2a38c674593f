//! Against a real socket.

use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::metrics::Snapshot;

async fn start() -> (Http, Metrics) {
    let metrics = Metrics::new(10);
    (
        Http::start("127.0.0.1:0".parse().unwrap(), false, metrics.clone())
            .await
            .unwrap(),
        metrics,
    )
}

async fn ask(http: &Http, request: &str) -> String {
    let mut stream = TcpStream::connect(http.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn get(http: &Http, path: &str) -> String {
    ask(http, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await
}

#[tokio::test]
async fn pages_and_refusals() {
    let (http, _) = start().await;
    let page = get(&http, "/").await;
    assert!(
        page.starts_with("HTTP/1.1 200") && page.contains("<h1>Lapwing 0.") && page.contains("href=\"/metrics\""),
        "{page}"
    );
    let page = get(&http, "/metrics?x=y").await;
    assert!(
        page.contains("content-type: application/openmetrics-text; version=1.0.0") && page.ends_with("# EOF\n"),
        "{page}"
    );
    let page = ask(&http, "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: text/plain\r\n\r\n").await;
    assert!(
        page.contains("content-type: text/plain; version=0.0.4") && !page.contains("# EOF"),
        "{page}"
    );
    let page = get(&http, "/nothing").await;
    assert!(
        page.starts_with("HTTP/1.1 404") && page.ends_with("not here; see / for what is\n"),
        "{page}"
    );
    let page = ask(
        &http,
        "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
    )
    .await;
    assert!(
        page.starts_with("HTTP/1.1 405") && page.contains("allow: GET, HEAD"),
        "{page}"
    );
    let page = ask(&http, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(page.starts_with("HTTP/1.1 200") && page.ends_with("\r\n\r\n"), "{page}");
    let page = ask(&http, "nonsense\r\n\r\n").await;
    assert!(page.is_empty() || page.starts_with("HTTP/1.1 400"), "{page}");
}

#[tokio::test]
async fn ready_follows_sensors_and_healthy_does_not() {
    let (http, metrics) = start().await;
    assert!(get(&http, "/-/ready").await.starts_with("HTTP/1.1 503"));
    assert!(get(&http, "/-/healthy").await.starts_with("HTTP/1.1 200"));
    metrics.publish(Snapshot::default());
    metrics.set_ready(true);
    assert!(get(&http, "/-/ready").await.starts_with("HTTP/1.1 200"));
    metrics.set_ready(false);
    assert!(get(&http, "/-/ready").await.contains("sensors are not attached"));
}

#[tokio::test]
async fn an_address_in_use_or_open_to_all_is_refused_with_what_to_do() {
    let (http, metrics) = start().await;
    let error = Http::start(http.address(), false, metrics.clone())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("in use") && error.contains(&http.address().to_string()),
        "{error}"
    );
    let error = Http::start("0.0.0.0:0".parse().unwrap(), false, metrics.clone())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("insecure = true"), "{error}");
    let error = Http::start("192.0.2.1:1".parse().unwrap(), true, metrics)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("cannot listen on 192.0.2.1:1"), "{error}");
}

/// As many silent clients as there are places hold up a scrape for the time of their headers, and no longer.
#[tokio::test]
async fn slow_clients_are_cut_off() {
    let (http, _) = start().await;
    let mut slow = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        let mut stream = TcpStream::connect(http.address()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nX: ").await.unwrap();
        slow.push(stream);
    }
    let start = Instant::now();
    let page = get(&http, "/-/healthy").await;
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    let waited = start.elapsed();
    assert!(waited < HEADER_TIMEOUT + Duration::from_secs(5), "{waited:?}");
    // They were told or simply closed; none is left open.
    for mut stream in slow {
        let mut rest = String::new();
        let _ = stream.read_to_string(&mut rest).await;
    }
    let page = ask(
        &http,
        &format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(MAX_HEADERS)),
    )
    .await;
    assert!(page.is_empty() || page.starts_with("HTTP/1.1 431"), "{page}");
}

#[tokio::test]
async fn dropping_closes_the_listener() {
    let (http, _) = start().await;
    let address = http.address();
    drop(http);
    let start = Instant::now();
    while TcpStream::connect(address).await.is_ok() {
        assert!(start.elapsed() < Duration::from_secs(5));
        sleep(Duration::from_millis(10)).await;
    }
}

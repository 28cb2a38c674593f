//! Collectors that misbehave: whatever they answer, every alert is counted once.

#![allow(clippy::unwrap_used)]

#[path = "common/alerts.rs"]
mod alerts;
#[path = "common/collectors.rs"]
mod collectors;
#[path = "common/servers.rs"]
mod servers;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use collectors::{acceptor, certificate, grpc, grpc_over, http, http_over, partial, rude};
use lapwing::{
    config::{Config, OtlpProtocol},
    metrics::{LostReason, Metrics, OutputCounters},
    outputs::{Host, Outputs},
};
use prost::Message;
use servers::{Server, free, program, wait_for, wait_until};
use tonic::{Code, Status};

const ALERTS: u64 = 10;

fn outputs(protocol: OtlpProtocol, address: SocketAddr) -> (Outputs, Arc<OutputCounters>) {
    outputs_at(protocol, &format!("http://{address}"), None)
}

fn outputs_at(protocol: OtlpProtocol, endpoint: &str, ca_file: Option<PathBuf>) -> (Outputs, Arc<OutputCounters>) {
    let mut config = Config::default();
    config.json.enabled = false;
    config.otlp.protocol = protocol;
    config.otlp.endpoint = Some(endpoint.to_owned());
    config.otlp.headers = [("Authorization".to_owned(), "Bearer feather".to_owned())].into();
    config.otlp.timeout = Duration::from_secs(2);
    config.otlp.ca_file = ca_file;
    let metrics = Metrics::new(10);
    let outputs = Outputs::start(&config, &Arc::new(Host::read(Path::new("/"))), &metrics).unwrap();
    (outputs, metrics.output("otlp", 1))
}

/// Sends ten alerts, waits until each has its fate, and tells how many were {sent, rejected, unconfirmed} in how many failed attempts.
async fn fates(protocol: OtlpProtocol, address: SocketAddr) -> (u64, u64, u64, u64) {
    fates_of(outputs(protocol, address)).await
}

async fn fates_of((outputs, counters): (Outputs, Arc<OutputCounters>)) -> (u64, u64, u64, u64) {
    (0..ALERTS).for_each(|n| outputs.send(alerts::alert(n)));
    wait_until("the fate of all alerts", || counters.waiting() == 0);
    outputs
        .shutdown(tokio::time::Instant::now() + Duration::from_secs(5))
        .await;
    let lost = |reason| counters.total_lost(reason);
    let all = counters.total_sent() + LostReason::ALL.map(lost).iter().sum::<u64>();
    assert_eq!(all, ALERTS, "{counters:?}");
    (
        counters.total_sent(),
        lost(LostReason::Rejected),
        lost(LostReason::Unconfirmed),
        counters.total_errors(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn http_answers_that_refuse_are_counted_and_not_repeated() {
    for status in [400, 401, 404, 413, 500] {
        let (address, requests) = http([(status, "text/plain", b"no".to_vec())]).await;
        assert_eq!(
            fates(OtlpProtocol::HttpProtobuf, address).await,
            (0, ALERTS, 0, 1),
            "{status}"
        );
        assert_eq!(*requests.lock().unwrap(), [10]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_answers_that_ask_for_patience_are_repeated_when_they_say() {
    let later = (503, "text/plain", b"busy".to_vec());
    let (address, requests) = http([later.clone(), (429, "text/plain", vec![]), later]).await;
    let start = Instant::now();
    assert_eq!(fates(OtlpProtocol::HttpProtobuf, address).await, (ALERTS, 0, 0, 3));
    assert!(
        start.elapsed() >= Duration::from_secs(3),
        "Retry-After was not respected: {:?}",
        start.elapsed()
    );
    assert_eq!(*requests.lock().unwrap(), [10, 10, 10, 10]);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_partial_success_and_garbage_are_counted() {
    let (address, _) = http([(200, "application/x-protobuf", partial(3).encode_to_vec())]).await;
    assert_eq!(fates(OtlpProtocol::HttpProtobuf, address).await, (7, 3, 0, 1));
    // A collector that claims to reject more than it was sent.
    let (address, _) = http([(200, "application/x-protobuf", partial(1000).encode_to_vec())]).await;
    assert_eq!(fates(OtlpProtocol::HttpProtobuf, address).await, (0, ALERTS, 0, 1));
    let (address, _) = http([(200, "text/html", b"<html>welcome</html>".to_vec())]).await;
    assert_eq!(fates(OtlpProtocol::HttpProtobuf, address).await, (0, 0, ALERTS, 1));
}

/// Silence, a hang-up, and a greeting of some other protocol: the alerts are kept and tried again, until the end.
#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_no_collectors_leave_the_alerts_waiting() {
    for (greeting, hold) in [
        (&b""[..], true),
        (b"", false),
        (b"SSH-2.0-OpenSSH_9.2\r\n", true),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", false),
    ] {
        for protocol in [OtlpProtocol::Grpc, OtlpProtocol::HttpProtobuf] {
            // A complete HTTP answer is an answer.
            if protocol == OtlpProtocol::HttpProtobuf && greeting.starts_with(b"HTTP") {
                continue;
            }
            let (outputs, counters) = outputs(protocol, rude(greeting, hold).await);
            (0..ALERTS).for_each(|n| outputs.send(alerts::alert(n)));
            let what = format!("two failed attempts of {protocol:?} with {greeting:?}: {counters:?}");
            wait_until(&what, || counters.total_errors() >= 2);
            assert_eq!((counters.waiting(), counters.total_sent()), (ALERTS, 0), "{what}");
            outputs
                .shutdown(tokio::time::Instant::now() + Duration::from_millis(50))
                .await;
            assert_eq!(counters.total_lost(LostReason::Shutdown), ALERTS, "{what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_answers_are_judged_by_the_specification() {
    for code in [
        Code::InvalidArgument,
        Code::Unauthenticated,
        Code::Unimplemented,
        Code::Internal,
        Code::ResourceExhausted,
    ] {
        let address = grpc([Err(Status::new(code, "no"))]).await;
        assert_eq!(fates(OtlpProtocol::Grpc, address).await, (0, ALERTS, 0, 1), "{code:?}");
    }
    for code in [
        Code::Unavailable,
        Code::DeadlineExceeded,
        Code::Aborted,
        Code::Cancelled,
        Code::OutOfRange,
        Code::DataLoss,
    ] {
        let address = grpc([Err(Status::new(code, "later"))]).await;
        assert_eq!(fates(OtlpProtocol::Grpc, address).await, (ALERTS, 0, 0, 1), "{code:?}");
    }
    let address = grpc([Ok(partial(4))]).await;
    assert_eq!(fates(OtlpProtocol::Grpc, address).await, (6, 4, 0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_exhaustion_with_a_time_is_repeated_then() {
    use tonic_types::{ErrorDetails, StatusExt};
    let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(2)));
    let address = grpc([Err(Status::with_error_details(
        Code::ResourceExhausted,
        "full",
        details,
    ))])
    .await;
    let start = Instant::now();
    assert_eq!(fates(OtlpProtocol::Grpc, address).await, (ALERTS, 0, 0, 1));
    assert!(start.elapsed() >= Duration::from_secs(2), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_whose_authority_is_configured_gets_everything() {
    let directory = tempfile::tempdir().unwrap();
    certificate(directory.path());
    let ca_file = Some(directory.path().join("certificate"));
    let (address, requests) = http_over(Some(acceptor(directory.path(), b"http/1.1")), []).await;
    let outputs = outputs_at(
        OtlpProtocol::HttpProtobuf,
        &format!("https://localhost:{}", address.port()),
        ca_file.clone(),
    );
    assert_eq!(fates_of(outputs).await, (ALERTS, 0, 0, 0));
    assert_eq!(*requests.lock().unwrap(), [10]);
    let address = grpc_over(Some(acceptor(directory.path(), b"h2")), []).await;
    let outputs = outputs_at(
        OtlpProtocol::Grpc,
        &format!("https://localhost:{}", address.port()),
        ca_file,
    );
    assert_eq!(fates_of(outputs).await, (ALERTS, 0, 0, 0));
}

/// A collector that nobody vouches for gets nothing but a handshake.
#[tokio::test(flavor = "multi_thread")]
async fn a_collector_with_an_unknown_certificate_is_not_trusted() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name).display().to_string();
    certificate(directory.path());
    for protocol in [OtlpProtocol::Grpc, OtlpProtocol::HttpProtobuf] {
        let address = free();
        let heard = directory.path().join("heard");
        let mut server = Command::new(program("openssl", "openssl"));
        server.args([
            "s_server",
            "-accept",
            &address.to_string(),
            "-cert",
            &file("certificate"),
            "-key",
            &file("key"),
        ]);
        let _server = Server::start(server.args(["-alpn", "h2"]), &heard);
        wait_for(address);
        let (outputs, counters) = outputs_at(protocol, &format!("https://localhost:{}", address.port()), None);
        (0..ALERTS).for_each(|n| outputs.send(alerts::alert(n)));
        wait_until("two failed attempts", || counters.total_errors() >= 2);
        assert_eq!((counters.waiting(), counters.total_sent()), (ALERTS, 0));
        outputs
            .shutdown(tokio::time::Instant::now() + Duration::from_millis(50))
            .await;
        let heard = std::fs::read(&heard).unwrap();
        let heard = String::from_utf8_lossy(&heard);
        assert!(heard.contains("alert"), "no TLS alert, so no attempt: {heard}");
        assert!(!heard.contains("/etc/passwd") && !heard.contains("feather"), "{heard}");
    }
}

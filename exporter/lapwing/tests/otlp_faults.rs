//! Collectors that misbehave: whatever they answer, every alert is counted once.

#![allow(clippy::unwrap_used)]

#[path = "common/alerts.rs"]
mod alerts;
#[path = "common/servers.rs"]
mod servers;

use std::{
    collections::VecDeque,
    convert::Infallible,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use lapwing::{
    config::{Config, OtlpProtocol},
    metrics::{LostReason, Metrics, OutputCounters},
    outputs::{Host, Outputs},
};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
    logs_service_server::{LogsService, LogsServiceServer},
};
use prost::Message;
use servers::{Server, free, program, wait_for, wait_until};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};
use tonic::{Code, Status, codegen::Service};

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

/// What an HTTP collector answers: status, content type, body.
type Answer = (u16, &'static str, Vec<u8>);

/// Gives one answer after the other, then success. Keeps how many records each request had.
async fn http(answers: impl IntoIterator<Item = Answer>) -> (SocketAddr, Arc<Mutex<Vec<usize>>>) {
    http_over(None, answers).await
}

/// A connection, encrypted or not.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// The next connection that comes as far as its first byte.
async fn accept(listener: &TcpListener, tls: Option<&TlsAcceptor>) -> TokioIo<Box<dyn Stream>> {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        match tls {
            None => return TokioIo::new(Box::new(stream)),
            Some(tls) => {
                if let Ok(stream) = tls.accept(stream).await {
                    return TokioIo::new(Box::new(stream));
                }
            }
        }
    }
}

async fn http_over(
    tls: Option<TlsAcceptor>,
    answers: impl IntoIterator<Item = Answer>,
) -> (SocketAddr, Arc<Mutex<Vec<usize>>>) {
    let answers = Arc::new(Mutex::new(answers.into_iter().collect::<VecDeque<_>>()));
    let requests = Arc::new(Mutex::new(Vec::new()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = requests.clone();
    tokio::spawn(async move {
        loop {
            let stream = accept(&listener, tls.as_ref()).await;
            let (answers, seen) = (answers.clone(), seen.clone());
            let service = service_fn(move |request: Request<Incoming>| {
                let (answers, seen) = (answers.clone(), seen.clone());
                async move {
                    assert_eq!(request.uri().path(), "/v1/logs");
                    assert_eq!(request.headers()["authorization"], "Bearer feather");
                    assert_eq!(request.headers()["content-type"], "application/x-protobuf");
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    seen.lock()
                        .unwrap()
                        .push(records(&ExportLogsServiceRequest::decode(body).unwrap()));
                    let (status, kind, body) =
                        answers
                            .lock()
                            .unwrap()
                            .pop_front()
                            .unwrap_or((200, "application/x-protobuf", vec![]));
                    let response = Response::builder()
                        .status(status)
                        .header("content-type", kind)
                        .header("retry-after", "1");
                    Ok::<_, Infallible>(response.body(Full::new(Bytes::from(body))).unwrap())
                }
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(stream, service));
        }
    });
    (address, requests)
}

fn records(request: &ExportLogsServiceRequest) -> usize {
    request
        .resource_logs
        .iter()
        .flat_map(|r| &r.scope_logs)
        .map(|s| s.log_records.len())
        .sum()
}

fn partial(rejected: i64) -> ExportLogsServiceResponse {
    let partial = ExportLogsPartialSuccess {
        rejected_log_records: rejected,
        error_message: "too old".into(),
    };
    ExportLogsServiceResponse {
        partial_success: Some(partial),
    }
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

/// Accepts connections, says `greeting`, and never anything else.
async fn rude(greeting: &'static [u8], hold: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, greeting).await;
            if hold {
                held.push(stream);
            }
        }
    });
    address
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

/// Gives one answer after the other, then success.
struct Scripted(Mutex<VecDeque<Result<ExportLogsServiceResponse, Status>>>);

#[tonic::async_trait]
impl LogsService for Scripted {
    async fn export(
        &self,
        request: tonic::Request<ExportLogsServiceRequest>,
    ) -> Result<tonic::Response<ExportLogsServiceResponse>, Status> {
        assert_eq!(request.metadata().get("authorization").unwrap(), "Bearer feather");
        assert_eq!(records(request.get_ref()), 10);
        let answer = self
            .0
            .lock()
            .unwrap()
            .pop_front()
            .unwrap_or(Ok(ExportLogsServiceResponse::default()));
        answer.map(tonic::Response::new)
    }
}

async fn grpc(answers: impl IntoIterator<Item = Result<ExportLogsServiceResponse, Status>>) -> SocketAddr {
    grpc_over(None, answers).await
}

async fn grpc_over(
    tls: Option<TlsAcceptor>,
    answers: impl IntoIterator<Item = Result<ExportLogsServiceResponse, Status>>,
) -> SocketAddr {
    let server = LogsServiceServer::new(Scripted(Mutex::new(answers.into_iter().collect())));
    let listener = TcpListener::bind(free()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let stream = accept(&listener, tls.as_ref()).await;
            let server = server.clone();
            let service = service_fn(move |request: Request<Incoming>| server.clone().call(request));
            let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(connection.serve_connection(stream, service));
        }
    });
    address
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

/// A certificate for localhost that vouches for itself, in `certificate`, its key in `key`.
fn certificate(directory: &Path) {
    let file = |name: &str| directory.join(name).display().to_string();
    let made = Command::new(program("openssl", "openssl"))
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "1",
            "-subj",
            "/CN=localhost",
        ])
        .args([
            "-addext",
            "subjectAltName=DNS:localhost",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ])
        .args(["-keyout", &file("key"), "-out", &file("certificate")])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn acceptor(directory: &Path, protocol: &[u8]) -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_file(directory.join("certificate")).unwrap();
    let key = PrivateKeyDer::from_pem_file(directory.join("key")).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = vec![protocol.to_owned()];
    TlsAcceptor::from(Arc::new(config))
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

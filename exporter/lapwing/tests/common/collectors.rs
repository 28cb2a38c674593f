//! Collectors that answer what a test wants: the faults that real ones have only now and then.

use std::{
    collections::VecDeque,
    convert::Infallible,
    net::SocketAddr,
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
    logs_service_server::{LogsService, LogsServiceServer},
};
use prost::Message;
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
use tonic::{Status, codegen::Service};

use super::servers::{free, program};

/// What an HTTP collector answers: status, content type, body.
pub type Answer = (u16, &'static str, Vec<u8>);

/// Gives one answer after the other, then success. Keeps how many records each request had.
pub async fn http(answers: impl IntoIterator<Item = Answer>) -> (SocketAddr, Arc<Mutex<Vec<usize>>>) {
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

pub async fn http_over(
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

pub fn partial(rejected: i64) -> ExportLogsServiceResponse {
    let partial = ExportLogsPartialSuccess {
        rejected_log_records: rejected,
        error_message: "too old".into(),
    };
    ExportLogsServiceResponse {
        partial_success: Some(partial),
    }
}

/// Accepts connections, says `greeting`, and never anything else.
pub async fn rude(greeting: &'static [u8], hold: bool) -> SocketAddr {
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

pub async fn grpc(answers: impl IntoIterator<Item = Result<ExportLogsServiceResponse, Status>>) -> SocketAddr {
    grpc_over(None, answers).await
}

pub async fn grpc_over(
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

/// A certificate for localhost that vouches for itself, in `certificate`, its key in `key`.
pub fn certificate(directory: &Path) {
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

pub fn acceptor(directory: &Path, protocol: &[u8]) -> TlsAcceptor {
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

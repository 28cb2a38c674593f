//! The HTTP listener: `/metrics`, `/-/healthy`, `/-/ready` and a landing page, with what `web_config_file` protects them by.
//!
//! One request for each connection, few connections at once, and little time for each: whoever is slow loses, the agent does not. Nothing here changes
//! anything: GET and HEAD are all that is answered.

mod auth;
pub mod counters;
mod handshake;
mod negotiate;
mod page;
mod web;

use std::{fmt::Write, io, net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{
        ACCEPT, ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
        X_CONTENT_TYPE_OPTIONS,
    },
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::{sleep, timeout},
};

use crate::{
    config::{self, Problem},
    metrics::Metrics,
};
pub use auth::{Credentials, credentials};
use auth::{Gate, Refusal};
use counters::HttpCounters;
use web::{Live, Secured};
pub use web::{Strength, WebConfig, check as check_web_config};

/// Most connections at once; further ones wait in the kernel.
const MAX_CONNECTIONS: usize = 32;
/// For all headers of a request to arrive.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// From accepting a connection to its end.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(20);
/// Largest request line and headers.
const MAX_HEADERS: usize = 16 * 1024;
const TEXT: &str = "text/plain; charset=utf-8";

/// Why nothing listens.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Some other program does.
    #[error("[metrics] listen: {0} is in use; stop the other program (`ss -ltnp` names it) or choose another port")]
    InUse(SocketAddr),
    /// Not an address of this host, no permission, ...
    #[error("[metrics] listen: cannot listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
    /// Everybody could read it.
    #[error(
        "[metrics] listen: {0} is not a loopback address; write a web_config_file with TLS and authentication, \
         or set [metrics] insecure = true to let others read the metrics"
    )]
    Open(SocketAddr),
    /// `web_config_file` cannot be used.
    #[error("[metrics] web_config_file: {}", lines(.0))]
    Web(Vec<Problem>),
}

fn lines(problems: &[Problem]) -> String {
    let mut text = String::new();
    for (index, problem) in problems.iter().enumerate() {
        let _ = write!(text, "{}{problem}", if index > 0 { "\n" } else { "" });
    }
    text
}

/// The running listener. Dropping it closes it.
#[derive(Debug)]
pub struct Http {
    address: SocketAddr,
    _stop: watch::Sender<()>,
}

/// What all connections share.
struct Shared {
    metrics: Metrics,
    counters: Arc<HttpCounters>,
    web: Live,
    gate: Gate,
    complaints: handshake::Complaints,
}

impl Http {
    /// Listens without TLS and authentication, and serves in the background; must be called inside a tokio runtime.
    ///
    /// # Errors
    /// The address is in use, not ours, or not loopback (unless `insecure`).
    pub async fn start(address: SocketAddr, insecure: bool, metrics: Metrics) -> Result<Http, HttpError> {
        let settings = config::Metrics {
            listen: address,
            insecure,
            web_config_file: None,
            ..config::Config::default().metrics
        };
        Http::open(&settings, metrics).await
    }

    /// Listens as `[metrics]` says, and serves in the background; must be called inside a tokio runtime.
    ///
    /// # Errors
    /// Those of [`Http::start`], and every problem of `web_config_file`.
    pub async fn open(settings: &config::Metrics, metrics: Metrics) -> Result<Http, HttpError> {
        let address = settings.listen;
        let exposed = !address.ip().is_loopback() && !settings.insecure;
        if exposed && settings.web_config_file.is_none() {
            return Err(HttpError::Open(address));
        }
        let counters = metrics.http();
        let web =
            Live::start(settings.web_config_file.as_deref(), exposed, counters.clone()).map_err(HttpError::Web)?;
        let listener = TcpListener::bind(address).await.map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => HttpError::InUse(address),
            _ => HttpError::Listen(address, error),
        })?;
        let address = listener
            .local_addr()
            .map_err(|error| HttpError::Listen(address, error))?;
        let (stop, stopped) = watch::channel(());
        let shared = Arc::new(Shared {
            metrics,
            counters,
            web,
            gate: Gate::new(),
            complaints: handshake::Complaints::default(),
        });
        tokio::spawn(serve(listener, shared, stopped));
        Ok(Http { address, _stop: stop })
    }

    /// Where it listens: tells the port when 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, mut stopped: watch::Receiver<()>) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // An error means that the sender is gone.
            _ = stopped.changed() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let shared = shared.clone();
                tokio::spawn(async move {
                    // Past its time the client is too slow, or our disk is.
                    let _ = timeout(CONNECTION_TIMEOUT, connection(stream, peer, shared)).await;
                    drop(slot);
                });
            }
            Err(error) => {
                // Out of descriptors, most likely: wait for some to close instead of spinning.
                tracing::warn!("cannot accept a connection: {error}");
                sleep(Duration::from_millis(500)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>) {
    let secured = shared.web.current().await;
    match &secured.tls {
        None => speak(stream, shared).await,
        Some(acceptor) => {
            let accepted = handshake::accept(stream, peer, acceptor, &shared.counters, &shared.complaints).await;
            if let Some(stream) = accepted {
                speak(stream, shared).await;
            }
        }
    }
}

async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin, shared: Arc<Shared>) {
    let service = service_fn(move |request| {
        let shared = shared.clone();
        async move { Ok::<_, std::convert::Infallible>(shared.answer(&request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADERS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // An error is the client's: it went away, was too slow, or does not speak HTTP.
    let _ = connection.await;
}

impl Shared {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        // Again: who waits between connecting and asking is judged by what holds now.
        let secured = self.web.current().await;
        let authorization = request.headers().get_all(AUTHORIZATION).iter();
        let mut response = match self.gate.admit(authorization, &secured).await {
            Ok(()) => page(request, &self.metrics),
            Err(refusal) => refused(refusal),
        };
        decorate(&mut response, &secured);
        self.counters.answered(response.status().as_str());
        response
    }
}

fn decorate(response: &mut Response<Full<Bytes>>, secured: &Secured) {
    for (name, value) in &secured.headers {
        response.headers_mut().insert(name, value.clone());
    }
}

fn refused(refusal: Refusal) -> Response<Full<Bytes>> {
    let (status, text, header, value) = match refusal {
        Refusal::Unauthorized => (
            StatusCode::UNAUTHORIZED,
            "name and password, please\n",
            WWW_AUTHENTICATE,
            "Basic realm=\"lapwing\", charset=\"UTF-8\"",
        ),
        Refusal::TooFast => (
            StatusCode::TOO_MANY_REQUESTS,
            "more requests than rate_limit allows\n",
            RETRY_AFTER,
            "1",
        ),
        Refusal::Busy => (
            StatusCode::SERVICE_UNAVAILABLE,
            "too many logins at once\n",
            RETRY_AFTER,
            "5",
        ),
    };
    let mut response = respond(status, TEXT, text.into());
    response.headers_mut().insert(header, HeaderValue::from_static(value));
    response
}

fn page(request: &Request<Incoming>, metrics: &Metrics) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = respond(
            StatusCode::METHOD_NOT_ALLOWED,
            TEXT,
            "only GET and HEAD are allowed here\n".into(),
        );
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match request.uri().path() {
        "/metrics" => {
            let accept = request.headers().get_all(ACCEPT).iter().filter_map(|v| v.to_str().ok());
            let (format, kind) = negotiate::format(accept);
            respond(StatusCode::OK, kind, metrics.encode(format))
        }
        "/-/healthy" => state(metrics.unhealthy(), "healthy\n"),
        "/-/ready" => state(metrics.unready(), "ready\n"),
        "/" => respond(StatusCode::OK, "text/html; charset=utf-8", page::landing(metrics)),
        _ => respond(StatusCode::NOT_FOUND, TEXT, "not here; see / for what is\n".into()),
    }
}

fn state(problem: Option<&str>, fine: &str) -> Response<Full<Bytes>> {
    match problem {
        None => respond(StatusCode::OK, TEXT, fine.to_owned()),
        Some(problem) => respond(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{problem}\n")),
    }
}

fn respond(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests;

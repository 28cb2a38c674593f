//! The HTTP listener: `/metrics`, `/-/healthy`, `/-/ready` and a landing page.
//!
//! One request for each connection, few connections at once, and little time for each: whoever is slow loses, the agent does not.

mod negotiate;
mod page;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::{sleep, timeout},
};

use crate::metrics::Metrics;

/// Most connections at once; further ones wait in the kernel.
const MAX_CONNECTIONS: usize = 32;
/// For all headers of a request to arrive.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// From accepting a connection to its end.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(20);
/// Largest request line and headers.
const MAX_HEADERS: usize = 16 * 1024;

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
        "[metrics] listen: {0} is not a loopback address; set [metrics] insecure = true to let others read the metrics"
    )]
    Open(SocketAddr),
}

/// The running listener. Dropping it closes it.
#[derive(Debug)]
pub struct Http {
    address: SocketAddr,
    _stop: watch::Sender<()>,
}

impl Http {
    /// Listens and serves in the background; must be called inside a tokio runtime.
    pub async fn start(address: SocketAddr, insecure: bool, metrics: Metrics) -> Result<Http, HttpError> {
        if !address.ip().is_loopback() && !insecure {
            return Err(HttpError::Open(address));
        }
        let listener = TcpListener::bind(address).await.map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => HttpError::InUse(address),
            _ => HttpError::Listen(address, error),
        })?;
        let address = listener
            .local_addr()
            .map_err(|error| HttpError::Listen(address, error))?;
        let (stop, stopped) = watch::channel(());
        tokio::spawn(serve(listener, metrics, stopped));
        Ok(Http { address, _stop: stop })
    }

    /// Where it listens: tells the port when 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn serve(listener: TcpListener, metrics: Metrics, mut stopped: watch::Receiver<()>) {
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
            Ok((stream, _)) => {
                let metrics = metrics.clone();
                tokio::spawn(async move {
                    // An error is the client's: it went away, was too slow, or does not speak HTTP.
                    let _ = timeout(CONNECTION_TIMEOUT, connection(stream, metrics)).await;
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

async fn connection(stream: TcpStream, metrics: Metrics) -> hyper::Result<()> {
    let service = service_fn(move |request| {
        let metrics = metrics.clone();
        async move { Ok::<_, std::convert::Infallible>(answer(&request, &metrics)) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADERS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

fn answer(request: &Request<Incoming>, metrics: &Metrics) -> Response<Full<Bytes>> {
    const TEXT: &str = "text/plain; charset=utf-8";
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
    const TEXT: &str = "text/plain; charset=utf-8";
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

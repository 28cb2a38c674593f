//! One HTTP request to a server that the operator named: encrypted or not, its answer bounded in size.
//!
//! A connection for each request: at most a few a second are made. Time is bounded by the caller.

use std::error::Error;

use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, Response, Uri,
    body::Bytes,
    client::conn::http1,
    header::{HOST, HeaderValue, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

/// Why there is no answer.
pub type Failure = Box<dyn Error + Send + Sync>;

/// An error with all of its causes: hyper's own words are only "connection error".
pub fn reasons(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

/// Sends `request`, whose URI is a path and query, to `server`, and reads at most `most` bytes of answer. Redirections are not followed: a
/// credential goes to the server that the operator named and to no other.
///
/// # Errors
/// No connection, no encryption that can be trusted, no HTTP, or an answer that is too long.
pub async fn exchange(
    server: &Uri,
    tls: Option<&TlsConnector>,
    request: Request<Full<Bytes>>,
    most: usize,
) -> Result<Response<Bytes>, Failure> {
    // An IPv6 address stands in brackets in a URL and without them everywhere else.
    let host = server.host().unwrap_or_default().trim_matches(['[', ']']);
    let port = server.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    match tls {
        None => over(stream, server, request, most).await,
        Some(tls) => {
            let name = ServerName::try_from(host.to_owned())?;
            over(tls.connect(name, stream).await?, server, request, most).await
        }
    }
}

async fn over(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    server: &Uri,
    mut request: Request<Full<Bytes>>,
    most: usize,
) -> Result<Response<Bytes>, Failure> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let authority = server.authority().map_or("", |authority| authority.as_str());
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::from_str(authority)?);
    headers
        .entry(USER_AGENT)
        .or_insert(HeaderValue::from_static(concat!("lapwing/", env!("CARGO_PKG_VERSION"))));
    let talk = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, most).collect().await?.to_bytes();
        Ok(Response::from_parts(head, body))
    };
    // The connection must be driven until the answer is complete. When it ends before, its error says why (a certificate that the server
    // refuses, say), while the request only knows that it was cancelled.
    tokio::pin!(connection);
    tokio::pin!(talk);
    tokio::select! {
        biased;
        ended = &mut connection => match (talk.await, ended) {
            (Err(_), Err(why)) => Err(why.into()),
            (answer, _) => answer,
        },
        answer = &mut talk => answer,
    }
}

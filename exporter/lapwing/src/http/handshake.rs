//! The beginning of an encrypted connection.

use std::{io, net::SocketAddr, sync::Mutex, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::counters::HttpCounters;

/// For the whole handshake.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// A scanner must not fill the log.
const SAY_EVERY: Duration = Duration::from_secs(60);
/// The first byte of a handshake.
const HANDSHAKE: u8 = 0x16;

/// Says why clients do not get in, at most once a minute.
#[derive(Debug, Default)]
pub(super) struct Complaints(Mutex<Option<Instant>>);

impl Complaints {
    fn say(&self, peer: SocketAddr, why: &dyn std::fmt::Display) {
        let mut said = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if said.is_none_or(|at| at.elapsed() > SAY_EVERY) {
            *said = Some(Instant::now());
            tracing::warn!(
                %peer,
                "a client of /metrics was turned away in the TLS handshake: {why} (lapwing_http_handshakes_failed_total counts all)"
            );
        }
    }
}

/// Encrypts a connection; none when the client went away or is not let in.
pub(super) async fn accept(
    mut stream: TcpStream,
    peer: SocketAddr,
    acceptor: &TlsAcceptor,
    counters: &HttpCounters,
    complaints: &Complaints,
) -> Option<TlsStream<TcpStream>> {
    let shake = async {
        let mut first = [0];
        if stream.peek(&mut first).await? == 0 {
            return Ok(None);
        }
        if first[0] != HANDSHAKE {
            say_https(&mut stream).await?;
            return Err(io::Error::other("it does not speak TLS; the scheme is https"));
        }
        acceptor.accept(stream).await.map(Some)
    };
    let outcome = timeout(HANDSHAKE_TIMEOUT, shake).await;
    let why = match outcome {
        Ok(Ok(stream)) => return stream,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it was too slow".into(),
    };
    counters.handshake_failed();
    complaints.say(peer, &why);
    None
}

/// Tells a client that speaks plain HTTP, in its language.
async fn say_https(stream: &mut TcpStream) -> io::Result<()> {
    const TEXT: &str = "this port speaks HTTPS\n";
    let mut request = [0; 4096];
    // Unread bytes would make the kernel reset the connection before the answer is read.
    let _ = stream.read(&mut request).await?;
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{TEXT}",
        TEXT.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

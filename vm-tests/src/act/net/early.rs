//! TCP Fast Open: the request comes with the SYN, before there is a connection. In a network namespace of its own, whose settings are nobody else's.

use std::{
    io::Error as Os,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::fd::{AsRawFd, FromRawFd},
};

use super::{PATIENCE, ended, http, namespace, server};
use crate::error::{Context, Error, Result};

/// Both ends do it, without cookies.
const EVERYTHING: &str = "519";

/// Asks for the target in the SYN of a connection.
pub fn main(target: &str) -> Result<()> {
    namespace::enter(&[])?;
    std::fs::write("/proc/sys/net/ipv4/tcp_fastopen", EVERYTHING).context("tcp_fastopen")?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listening")?;
    let at = listener.local_addr().context("listening")?;
    accept_early(&listener)?;
    let server = server(listener, http::serve);
    let request = format!("GET {target} HTTP/1.1\r\nHost: here\r\n\r\n");
    let client = ask_early(at, request.as_bytes())?;
    client.set_read_timeout(Some(PATIENCE)).context("client")?;
    let mut client = http::Client::new(client)?;
    client.answer(target)?;
    drop(client);
    ended(server)
}

fn accept_early(listener: &TcpListener) -> Result<()> {
    let waiting: libc::c_int = 8;
    // SAFETY: the kernel reads one int, which is there.
    let set = unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_FASTOPEN,
            (&raw const waiting).cast(),
            size_of_val(&waiting) as libc::socklen_t,
        )
    };
    match set {
        0 => Ok(()),
        _ => Err(Error(format!("TCP_FASTOPEN: {}", Os::last_os_error()))),
    }
}

fn ask_early(at: SocketAddr, first: &[u8]) -> Result<TcpStream> {
    // SAFETY: a call without pointers.
    let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) };
    if socket < 0 {
        return Err(Error(format!("socket: {}", Os::last_os_error())));
    }
    // SAFETY: a new descriptor, which nobody else owns.
    let socket = unsafe { TcpStream::from_raw_fd(socket) };
    let to = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: at.port().to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from_ne_bytes(Ipv4Addr::LOCALHOST.octets()),
        },
        sin_zero: [0; 8],
    };
    // SAFETY: the kernel reads the bytes and the address, whose lengths are theirs.
    let sent = unsafe {
        libc::sendto(
            socket.as_raw_fd(),
            first.as_ptr().cast(),
            first.len(),
            libc::MSG_FASTOPEN,
            (&raw const to).cast(),
            size_of_val(&to) as libc::socklen_t,
        )
    };
    match sent == first.len() as isize {
        true => Ok(socket),
        false => Err(Error(format!("sending with the SYN: {}", Os::last_os_error()))),
    }
}

//! Both ends of TCP connections: small enough for every guest, and of one process where nobody asks who does what.

mod early;
mod http;
mod namespace;
mod shell;

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::{UnixListener, UnixStream},
    },
    path::Path,
    process::Command,
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::error::{Context, Error, Result};

/// Bound of a read, emulated processors included.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long somebody is asked who will not answer.
const SHORT: Duration = Duration::from_millis(500);

/// `act net VERB ...`.
pub fn main(what: &[&str]) -> Result<i32> {
    match what {
        ["exchange", at, sent, answered] => exchange(
            address(at)?,
            sent.parse().context("bytes")?,
            answered.parse().context("bytes")?,
        )?,
        ["refused", at] => refused(address(at)?)?,
        ["try", at] => {
            let at = address(at)?;
            own(at.ip())?;
            // Who asks is told, whatever comes of it.
            drop(TcpStream::connect_timeout(&at, SHORT));
        }
        ["ask", ip, count, target, headers @ ..] => {
            let count = count.parse().context("count")?;
            conversation(place(ip)?, http::serve, |stream| {
                http::ask(stream, count, target, headers)
            })?;
        }
        ["say", ip, text] => conversation(place(ip)?, swallow, |mut stream| {
            stream.write_all(text.as_bytes()).context("saying it")
        })?,
        ["early", target] => early::main(target)?,
        ["worker", program, target] => worker(Path::new(program), target)?,
        ["serve-inherited"] => {
            let socket = std::io::stdin()
                .as_fd()
                .try_clone_to_owned()
                .context("standard input")?;
            serve_one(&TcpListener::from(socket), http::serve)?;
        }
        ["shell", ip, line] => shell::on_socket(place(ip)?, line)?,
        ["become-shell", at, line] => shell::become_one(address(at)?, line)?,
        ["piped-shell", ip, line] => shell::on_pipe(place(ip)?, line)?,
        ["before", door] => before(Path::new(door))?,
        ["wake", door, target] => wake(Path::new(door), target)?,
        _ => return Err(Error(format!("no such act: net {what:?}"))),
    }
    Ok(0)
}

fn address(text: &str) -> Result<SocketAddr> {
    text.parse().context(text)
}

/// An address to be at: loopback's, or any other of IPv4, which is then had in a network namespace of this process' own.
fn place(text: &str) -> Result<IpAddr> {
    let ip = text.parse().context(text)?;
    own(ip)?;
    Ok(ip)
}

fn own(ip: IpAddr) -> Result<()> {
    match ip {
        IpAddr::V4(v4) if !v4.is_loopback() => namespace::enter(&[v4]),
        _ => Ok(()),
    }
}

fn connect(to: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(to).context(to)?;
    stream.set_read_timeout(Some(PATIENCE)).context(to)?;
    Ok(stream)
}

/// Accepts one connection and serves it.
fn serve_one(listener: &TcpListener, serve: fn(TcpStream) -> Result<()>) -> Result<()> {
    let (stream, _) = listener.accept().context("accept")?;
    stream.set_read_timeout(Some(PATIENCE)).context("accept")?;
    serve(stream)
}

/// Serves one connection in a thread.
fn server(listener: TcpListener, serve: fn(TcpStream) -> Result<()>) -> JoinHandle<Result<()>> {
    thread::spawn(move || serve_one(&listener, serve))
}

fn ended(server: JoinHandle<Result<()>>) -> Result<()> {
    server
        .join()
        .map_err(|_| Error("the server's thread panicked".into()))?
}

/// One connection: `ask` at one end, `serve` at the other.
fn conversation(
    ip: IpAddr,
    serve: fn(TcpStream) -> Result<()>,
    ask: impl FnOnce(TcpStream) -> Result<()>,
) -> Result<()> {
    let listener = TcpListener::bind((ip, 0)).context(ip)?;
    let at = listener.local_addr().context(ip)?;
    let server = server(listener, serve);
    ask(connect(at)?)?;
    ended(server)
}

/// Reads to the end.
fn swallow(mut stream: TcpStream) -> Result<()> {
    stream.read_to_end(&mut Vec::new()).context("reading").map(drop)
}

/// `sent` bytes go to a server at this address, which answers with `answered` when it has all; then the client leaves first.
fn exchange(at: SocketAddr, sent: usize, answered: usize) -> Result<()> {
    let listener = TcpListener::bind(at).context(at)?;
    let server = thread::spawn(move || -> Result<()> {
        let (mut stream, _) = listener.accept().context("accept")?;
        stream.read_exact(&mut vec![0; sent]).context("what was sent")?;
        stream.write_all(&vec![b'a'; answered]).context("the answer")?;
        swallow(stream)
    });
    let mut client = connect(at)?;
    client.write_all(&vec![b'q'; sent]).context("the question")?;
    client.read_exact(&mut vec![0; answered]).context("the answer")?;
    drop(client);
    ended(server)
}

/// Nobody listens there.
fn refused(at: SocketAddr) -> Result<()> {
    match TcpStream::connect(at) {
        Err(e) if e.kind() == std::io::ErrorKind::ConnectionRefused => Ok(()),
        other => Err(Error(format!("{at} should have refused: {other:?}"))),
    }
}

/// Listens, and leaves the serving to `program`, as servers with workers do.
fn worker(program: &Path, target: &str) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listening")?;
    let at = listener.local_addr().context("listening")?;
    let inherited: OwnedFd = listener.as_fd().try_clone_to_owned().context("listening")?;
    let mut child = Command::new(program)
        .args(["act", "net", "serve-inherited"])
        .stdin(inherited)
        .spawn()
        .context(program.display())?;
    // The second: a worker that takes longer than the agent waits, as an emulated one may, is not known to serve until it has read once.
    let mut client = http::Client::new(connect(at)?)?;
    client.ask("/", &[])?;
    client.ask(target, &[])?;
    drop(client);
    match child.wait().context("worker")? {
        status if status.success() => Ok(()),
        status => Err(Error(format!("the worker ended with {status}"))),
    }
}

/// Opens a connection, and asks on it for what it is told through `door`.
fn before(door: &Path) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listening")?;
    let client = connect(listener.local_addr().context("listening")?)?;
    let (stream, _) = listener.accept().context("accept")?;
    // It may be asked much later.
    client.set_read_timeout(None).context("waiting")?;
    let server = thread::spawn(move || http::serve(stream));
    let door = UnixListener::bind(door).context(door.display())?;
    let mut client = http::Client::new(client)?;
    for caller in door.incoming() {
        let mut caller = caller.context("door")?;
        let mut target = String::new();
        caller.read_to_string(&mut target).context("door")?;
        client.ask(&target, &[])?;
        caller.write_all(b"done").context("door")?;
    }
    ended(server)
}

/// Lets that one ask, and waits for its answer.
fn wake(door: &Path, target: &str) -> Result<()> {
    let mut stream = UnixStream::connect(door).context(door.display())?;
    stream.write_all(target.as_bytes()).context("door")?;
    stream.shutdown(std::net::Shutdown::Write).context("door")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).context("door")?;
    match answer.as_str() {
        "done" => Ok(()),
        other => Err(Error(format!("it was not asked: {other:?}"))),
    }
}

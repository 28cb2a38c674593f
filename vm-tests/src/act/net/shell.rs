//! Shells: one whose streams are a socket, and one that a program feeds through a pipe.

use std::{
    io::Write,
    net::{IpAddr, SocketAddr, TcpListener},
    os::{fd::OwnedFd, unix::process::CommandExt},
    process::{Command, Stdio},
};

use super::{connect, conversation, ended, http, server};
use crate::{
    act::me,
    error::{Context, Error, Result},
};

/// Of every machine; which program it is differs.
const SHELL: &str = "/bin/sh";

/// A child connects to a server here and becomes a shell that runs `line`.
pub fn on_socket(ip: IpAddr, line: &str) -> Result<()> {
    let listener = TcpListener::bind((ip, 0)).context(ip)?;
    let at = listener.local_addr().context(ip)?;
    let server = server(listener, http::serve);
    let status = Command::new(me()?)
        .args(["act", "net", "become-shell", &at.to_string(), line])
        .status()
        .context("shell")?;
    if !status.success() {
        return Err(Error(format!("the shell ended with {status}")));
    }
    ended(server)
}

/// That child.
pub fn become_one(at: SocketAddr, line: &str) -> Result<()> {
    let stream = connect(at)?;
    let end = || -> Result<OwnedFd> { Ok(stream.try_clone().context("socket")?.into()) };
    let mut command = Command::new(SHELL);
    command.args(["-c", line]).stdin(end()?).stdout(end()?).stderr(end()?);
    Err(Error(format!("{SHELL}: {}", command.exec())))
}

/// A connection of our own, and a shell that runs `line` with what came in a pipe.
pub fn on_pipe(ip: IpAddr, line: &str) -> Result<()> {
    conversation(ip, http::serve, |stream| http::ask(stream, 1, "/", &[]))?;
    let mut child = Command::new(SHELL)
        .args(["-c", line])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .context(SHELL)?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(b"<p>Hello</p>\n").context("pipe")?;
    }
    match child.wait().context(SHELL)? {
        status if status.success() => Ok(()),
        status => Err(Error(format!("the shell ended with {status}"))),
    }
}

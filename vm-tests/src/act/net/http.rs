//! As much HTTP/1.1 as a test needs at both ends: GET, many on one connection.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
};

use crate::error::{Context, Error, Result};

const PAGE: &str = "<p>Hello</p>\n";

/// Answers every request until the client leaves; what is asked for below `/nothing` is not there.
pub fn serve(stream: TcpStream) -> Result<()> {
    let mut out = stream.try_clone().context("server")?;
    let mut input = BufReader::new(stream);
    loop {
        let head = head(&mut input)?;
        let Some(line) = head.first() else { return Ok(()) };
        let status = match line.split(' ').nth(1) {
            Some(target) if target.starts_with("/nothing") => "404 Not Found",
            Some(_) => "200 OK",
            None => "400 Bad Request",
        };
        let length = PAGE.len();
        let answer = format!("HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n{PAGE}");
        out.write_all(answer.as_bytes()).context("answer")?;
        // As it says HTTP/1.0, it does not stay.
        if line.ends_with("HTTP/1.0") {
            return Ok(());
        }
    }
}

/// Asks `count` times for the target, in which `{n}` is the number of the request.
pub fn ask(stream: TcpStream, count: u32, target: &str, headers: &[&str]) -> Result<()> {
    let mut client = Client::new(stream)?;
    for n in 0..count {
        client.ask(&target.replace("{n}", &n.to_string()), headers)?;
    }
    Ok(())
}

/// A connection that is kept.
pub struct Client {
    out: TcpStream,
    input: BufReader<TcpStream>,
}

impl Client {
    /// Of an open connection.
    pub fn new(stream: TcpStream) -> Result<Client> {
        Ok(Client {
            out: stream.try_clone().context("client")?,
            input: BufReader::new(stream),
        })
    }

    /// Asks at once, and reads the whole answer.
    pub fn ask(&mut self, target: &str, headers: &[&str]) -> Result<()> {
        let mut text = format!("GET {target} HTTP/1.1\r\n");
        if !headers.iter().any(|line| line.starts_with("Host:")) {
            text.push_str("Host: here\r\n");
        }
        headers.iter().for_each(|line| text.push_str(&format!("{line}\r\n")));
        text.push_str("\r\n");
        self.out.write_all(text.as_bytes()).context("request")?;
        self.answer(target)
    }

    /// Reads the whole answer to a request.
    pub fn answer(&mut self, target: &str) -> Result<()> {
        let head = head(&mut self.input)?;
        if head.is_empty() {
            return Err(Error(format!("no answer to {target}")));
        }
        let length = head.iter().find_map(|line| line.strip_prefix("Content-Length: "));
        let length: u64 = length.unwrap_or("0").parse().context("length")?;
        self.input
            .by_ref()
            .take(length)
            .read_to_end(&mut Vec::new())
            .context("answer")
            .map(drop)
    }
}

/// The lines of a message's head; none at the end of the connection. What a shell writes ends its lines with LF alone.
fn head(input: &mut impl BufRead) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        let read = input.read_line(&mut line).context("head")?;
        let line = line.trim_end();
        if read == 0 || line.is_empty() {
            return Ok(lines);
        }
        lines.push(line.to_owned());
    }
}

//! One act for each sensor, and which of them the agent saw.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    process::Command,
    thread,
    time::Duration,
};

use crate::{
    act::append,
    agent::Agent,
    error::{Context, Error, Result},
    http,
    place::{copy_program, write},
};

/// As `rules/refusals.toml` has it.
const HOME: &str = "/opt/lapwing-refusals";
/// The rules, in the order of the acts: what comes last is waited for, so that the others had their time.
pub const RULES: [&str; 3] = ["refusal-http", "refusal-file", "refusal-exec"];
const BOUND: Duration = Duration::from_secs(60);

/// What the agent may watch must be there before it starts.
pub fn prepare() -> Result<()> {
    let data = Path::new(HOME).join("data");
    fs::create_dir_all(&data).context(data.display())?;
    write(&data.join("file"))?;
    copy_program("true", Path::new(HOME)).map(drop)
}

/// Acts, and waits for the alert of each rule but the `blind` ones, of which there must be none.
pub fn look(agent: &Agent, blind: &[&str]) -> Result<()> {
    exchange()?;
    append(&Path::new(HOME).join("data/file"))?;
    let status = Command::new(Path::new(HOME).join("true")).status().context("true")?;
    if !status.success() {
        return Err(Error(format!("true ended with {status}")));
    }
    let seen = |agent: &Agent, rule: &str| Ok(agent.alerts()?.iter().any(|alert| alert["rule"] == rule));
    for rule in RULES.into_iter().rev().filter(|rule| !blind.contains(rule)) {
        agent.wait_until(&format!("an alert of {rule}"), BOUND, |agent| seen(agent, rule))?;
    }
    match blind.iter().find(|rule| seen(agent, rule).unwrap_or(true)) {
        Some(rule) => Err(Error(format!(
            "{rule} alerts, and what it needs is said not to be seen"
        ))),
        None => Ok(()),
    }
}

/// One request, one answer, over loopback.
fn exchange() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").context("listening")?;
    let address = listener.local_addr().context("listening")?;
    let server = thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        let mut request = Vec::new();
        let mut chunk = [0; 1024];
        while !request.ends_with(b"\r\n\r\n") {
            match stream.read(&mut chunk)? {
                0 => break,
                n => request.extend_from_slice(&chunk[..n]),
            }
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
    });
    http::get(address, "/refusal")?;
    server
        .join()
        .map_err(|_| Error("the server panicked".into()))?
        .context("the server")
}

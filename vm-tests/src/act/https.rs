//! openssl at both ends of a TLS connection: the real program, which asks and answers what it is given.

use std::{
    io::{Read, Write},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
};

use crate::error::{Context, Error, Result, output_of};

const OPENSSL: &str = "openssl";
/// `openssl req` does not work without; a guest has no /etc/ssl.
const CONFIG: &str = "[req]\ndistinguished_name = name\n[name]\n";

/// Makes `key.pem` and `cert.pem` in a directory.
pub fn certificate(directory: &Path) -> Result<()> {
    let file = |name: &str| directory.join(name).display().to_string();
    std::fs::write(file("req.conf"), CONFIG).context("req.conf")?;
    let mut command = Command::new(OPENSSL);
    command
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
        .args([
            "-nodes",
            "-days",
            "30",
            "-subj",
            "/CN=here",
            "-config",
            &file("req.conf"),
        ])
        .args(["-keyout", &file("key.pem"), "-out", &file("cert.pem")]);
    output_of(&mut command).map(drop)
}

/// `act https DIRECTORY ADDRESS TARGET`: s_client asks s_server for the target, and is answered.
pub fn main(directory: &Path, at: &str, target: &str) -> Result<i32> {
    let _: SocketAddr = at.parse().context("address")?;
    let mut server = Talker::start(
        &["s_server", "-accept", at, "-cert", "cert.pem", "-key", "key.pem"],
        directory,
    )?;
    server.until("ACCEPT")?;
    let mut client = Talker::start(&["s_client", "-quiet", "-connect", at], directory)?;
    client.say(&format!("GET {target} HTTP/1.1\r\nHost: here\r\n\r\n"))?;
    server.until("Host: here\r\n\r\n")?;
    server.say("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nHello\n")?;
    client.until("Hello")?;
    // It ends when it is told so; the client with the connection.
    server.say("Q\n")?;
    server.end()?;
    client.end()?;
    Ok(0)
}

/// openssl with its standard input kept open, since it ends with that.
struct Talker {
    child: Child,
    input: ChildStdin,
    said: Vec<u8>,
}

impl Talker {
    fn start(args: &[&str], directory: &Path) -> Result<Talker> {
        let mut child = Command::new(OPENSSL)
            .args(args)
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context(OPENSSL)?;
        let input = child.stdin.take().ok_or_else(|| Error("no standard input".into()))?;
        Ok(Talker {
            child,
            input,
            said: Vec::new(),
        })
    }

    /// In one write: s_server takes the first letter of what it reads for a command.
    fn say(&mut self, text: &str) -> Result<()> {
        self.input.write_all(text.as_bytes()).context(OPENSSL)
    }

    /// Reads on until it has said this.
    fn until(&mut self, text: &str) -> Result<()> {
        let out = self.child.stdout.as_mut();
        let out = out.ok_or_else(|| Error("no standard output".into()))?;
        let mut chunk = [0; 4096];
        while !self.said.windows(text.len()).any(|part| part == text.as_bytes()) {
            let read = out.read(&mut chunk).context(OPENSSL)?;
            if read == 0 {
                let said = String::from_utf8_lossy(&self.said);
                return Err(Error(format!("openssl ended before it said {text:?}: {said}")));
            }
            self.said.extend_from_slice(&chunk[..read]);
        }
        Ok(())
    }

    fn end(mut self) -> Result<()> {
        self.child.wait().context(OPENSSL).map(drop)
    }
}

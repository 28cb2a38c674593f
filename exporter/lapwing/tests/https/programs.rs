//! The programs: servers that serve a directory by TLS, and clients that ask.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Output, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{
    PYTHON,
    agent::SERVED,
    pki::Pki,
    servers::{free, program, wait_for},
};

const PYTHON_SERVER: &str = "
import http.server, os, ssl, sys
port, directory = int(sys.argv[1]), sys.argv[2]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(directory + '/server.pem', directory + '/server.key')
os.chdir(directory)
server = http.server.HTTPServer(('127.0.0.1', port), http.server.SimpleHTTPRequestHandler)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
";

/// Asks for one path after the other on one connection, as they come on standard input, and says when each was answered.
const PYTHON_CLIENT: &str = "
import http.client, ssl, sys
connection = http.client.HTTPSConnection('127.0.0.1', int(sys.argv[1]), context=ssl._create_unverified_context())
for path in sys.stdin:
    connection.request('GET', path.strip())
    connection.getresponse().read()
    print('answered', flush=True)
";

const NODE_SERVER: &str = "
const fs = require('fs'), https = require('https');
const [port, directory] = process.argv.slice(1);
const options = { key: fs.readFileSync(directory + '/server.key'), cert: fs.readFileSync(directory + '/server.pem') };
const page = url => directory + (url.startsWith('/served.html') ? '/served.html' : '/index.html');
https.createServer(options, (request, response) => response.end(fs.readFileSync(page(request.url))))
  .listen(Number(port), '127.0.0.1');
";

const NODE_CLIENT: &str = "
const https = require('https');
const [port, path] = process.argv.slice(1);
https.get({ host: '127.0.0.1', port: Number(port), path, rejectUnauthorized: false, agent: false }, answer => answer.resume());
";

/// What the servers serve, with their certificate. In `served.html` is what the rule about answers looks for, in `index.html` it is not.
pub fn site() -> TempDir {
    let directory = tempfile::tempdir_in("/tmp").unwrap();
    let pki = Pki(directory.path());
    pki.authority("authority");
    pki.server("server", "authority");
    fs::write(
        directory.path().join("served.html"),
        format!("<script>{SERVED}x))</script>\n"),
    )
    .unwrap();
    fs::write(
        directory.path().join("index.html"),
        "<p>a script that evaluates nothing</p>\n",
    )
    .unwrap();
    directory
}

/// A server that ends with the test.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        // nginx ends its workers when it is asked to end, not when it is killed.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

impl Server {
    /// Until it listens on `address`; what it says goes to a file in `directory`.
    pub fn start(command: &mut Command, directory: &Path, address: SocketAddr) -> Server {
        let log = fs::File::create(directory.join(format!("server-{}.log", address.port()))).unwrap();
        let command = command.stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn();
        let child = child.unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        wait_for(address);
        Server { child, address }
    }

    /// nginx, with a master and one worker. `listen` are options of that directive: `ssl`, `ssl http2`, none.
    pub fn nginx(directory: &Path, listen: &str) -> Server {
        let address = free();
        let home = directory.display();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {home}/tmp;"))
            .join(" ");
        let text = format!(
            "daemon off; user root; worker_processes 1; pid {home}/nginx-{port}.pid; error_log {home}/error.log;\n\
             events {{ worker_connections 64; }}\n\
             http {{ access_log off; {temporary} keepalive_timeout 600;\n\
             server {{ listen {address} {listen}; root {home};\n\
             ssl_certificate {home}/server.pem; ssl_certificate_key {home}/server.key; }} }}\n",
            port = address.port()
        );
        let config = directory.join(format!("nginx-{}.conf", address.port()));
        fs::write(&config, text).unwrap();
        let nginx = ["/usr/sbin/nginx", "/usr/bin/nginx"].map(PathBuf::from);
        let nginx = nginx.into_iter().find(|path| path.exists());
        let nginx = nginx
            .unwrap_or_else(|| panic!("nginx is missing: run scripts/setup.sh test, or install Debian's nginx-light"));
        let mut command = Command::new(nginx);
        command
            .arg("-c")
            .arg(config)
            .arg("-p")
            .arg(directory)
            .stdin(Stdio::null());
        Server::start(&mut command, directory, address)
    }

    /// Python's http.server behind ssl.
    pub fn python(directory: &Path) -> Server {
        Server::script(PYTHON, "-c", PYTHON_SERVER, directory)
    }

    /// Node's https.
    pub fn node(node: &Path, directory: &Path) -> Server {
        Server::script(node.to_str().unwrap(), "-e", NODE_SERVER, directory)
    }

    fn script(interpreter: &str, flag: &str, script: &str, directory: &Path) -> Server {
        let address = free();
        let mut command = Command::new(interpreter);
        command.args([flag, script, &address.port().to_string()]).arg(directory);
        Server::start(command.stdin(Stdio::null()), directory, address)
    }

    /// `openssl s_server` with `mode`: `-quiet` says what it reads from its standard input, `-WWW` serves files.
    pub fn openssl(directory: &Path, mode: &str) -> Server {
        let address = free();
        let mut command = Command::new(program("openssl", "openssl"));
        command
            .args(["s_server", "-accept", &address.to_string(), "-naccept", "1000", mode])
            .args(["-cert", "server.pem", "-key", "server.key"])
            .current_dir(directory)
            .stdin(Stdio::piped());
        Server::start(&mut command, directory, address)
    }

    /// Lets `openssl s_server -quiet` say something.
    pub fn say(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(text.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }
}

fn run(command: &mut Command) -> Output {
    let out = command.output();
    out.unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"))
}

/// The URL of a path.
fn url(scheme: &str, server: SocketAddr, path: &str) -> String {
    format!("{scheme}://{server}{path}")
}

/// What `curl` is told so that it asks for exactly this.
fn curl(scheme: &str, server: SocketAddr, path: &str, more: &[&str]) -> Command {
    let mut command = Command::new(program("curl", "curl"));
    let common = ["-skg", "--path-as-is", "-o", "/dev/null", "-m", "30"];
    command.args(common).args(more).arg(url(scheme, server, path));
    command
}

/// curl, by TLS, in HTTP/1.1.
pub fn curl_https(server: SocketAddr, path: &str) {
    let out = run(&mut curl("https", server, path, &["--http1.1"]));
    assert!(out.status.success(), "{out:?}");
}

/// curl, as it comes: HTTP/2 where the server speaks it. Whether it did.
pub fn curl_as_it_comes(server: SocketAddr, path: &str) -> bool {
    let out = run(&mut curl("https", server, path, &["-w", "%{http_version}"]));
    assert!(out.status.success(), "{out:?}");
    out.stdout == b"2"
}

/// curl, not encrypted.
pub fn curl_http(server: SocketAddr, path: &str) {
    let out = run(&mut curl("http", server, path, &[]));
    assert!(out.status.success(), "{out:?}");
}

/// curl that speaks HTTP/2 at once, not encrypted. Whether the server did as well.
pub fn curl_http2(server: SocketAddr, path: &str) -> bool {
    let options = ["--http2-prior-knowledge", "-w", "%{http_version}"];
    let out = run(&mut curl("http", server, path, &options));
    out.status.success() && out.stdout == b"2"
}

/// curl that has not finished.
pub fn curl_started(server: SocketAddr, path: &str) -> Child {
    curl("https", server, path, &["--http1.1"]).spawn().unwrap()
}

/// `openssl s_client`, which is given the request and ends with the connection.
pub fn openssl(server: SocketAddr, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
    openssl_says(server, &request);
}

/// The same with any text.
pub fn openssl_says(server: SocketAddr, text: &str) {
    let mut child = Command::new(program("openssl", "openssl"))
        .args(["s_client", "-quiet", "-connect", &server.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    child.wait().unwrap();
}

/// Node's https.
pub fn node(node: &Path, server: SocketAddr, path: &str) {
    let mut command = Command::new(node);
    let out = run(command.args(["-e", NODE_CLIENT, &server.port().to_string(), path]));
    assert!(out.status.success(), "{out:?}");
}

/// Python's http.client with one connection that is kept.
pub struct Python {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<std::process::ChildStdout>,
}

impl Python {
    pub fn start(server: SocketAddr) -> Python {
        let mut child = Command::new(PYTHON)
            .args(["-c", PYTHON_CLIENT, &server.port().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (asks, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Python {
            child,
            asks,
            answers: BufReader::new(answers),
        }
    }

    /// Asks, and returns when it is answered.
    pub fn get(&mut self, path: &str) {
        writeln!(self.asks, "{path}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        assert_eq!(line, "answered\n");
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

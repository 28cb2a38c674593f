//! Real servers for tests, on loopback, ended by their own handle.

#![allow(dead_code)]

use std::{
    fs::File,
    io::ErrorKind,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Nothing here takes longer, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A child that ends with the test, however that ends.
pub struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// Its standard input stays open and empty: some end with it.
    pub fn start(command: &mut Command, log: &Path) -> Server {
        let log = File::create(log).unwrap();
        let child = command
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        Server(child.unwrap_or_else(|error| panic!("cannot start {command:?}: {error}")))
    }
}

/// An address that nobody used a moment ago.
pub fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A file of the test's virtual environment.
pub fn venv(path: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/venv");
    let file = root.join(path);
    assert!(file.exists(), "{} is missing: run scripts/venv.sh", file.display());
    file
}

/// A program of the system.
pub fn program(name: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|file| file.exists());
    found.unwrap_or_else(|| panic!("{name} is missing: run scripts/setup.sh test, or install Debian's {package}"))
}

/// Until somebody listens there.
pub fn wait_for(address: SocketAddr) {
    wait_until(&format!("a listener on {address}"), || {
        match TcpStream::connect(address) {
            Ok(_) => true,
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => false,
            Err(error) => panic!("{address}: {error}"),
        }
    });
}

/// Looks again and again, and says what did not come.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

//! Redis on a unix socket, with its own benchmark: a load that is nothing but system calls.
//!
//! The server is started as `redis-check-rdb` under the name of `redis-server`: it is the same program, and it comes in the package
//! redis-tools, which unlike redis-server starts no service.

use std::{
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    rc::Rc,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    Result,
    agent::Workspace,
    load::{Load, Sample},
};

const REQUESTS: &str = "40000";

/// A redis-server; ended when dropped.
pub struct Server {
    child: Child,
    socket: PathBuf,
}

impl Server {
    /// Starts one that keeps nothing; None when Redis is not installed.
    pub fn start(workspace: &Workspace) -> Result<Option<Server>> {
        let server = || {
            let mut server = Command::new("redis-check-rdb");
            server.arg0("redis-server").stdout(Stdio::null());
            server
        };
        let benchmark = Command::new("redis-benchmark")
            .arg("--version")
            .stdout(Stdio::null())
            .status();
        if server().arg("--version").status().is_err() || benchmark.is_err() {
            return Ok(None);
        }
        let socket = workspace.root.join("redis.sock");
        let child = server()
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(&socket)
            .current_dir(&workspace.root)
            .spawn()
            .map_err(|error| format!("redis-server: {error}"))?;
        let server = Server { child, socket };
        let start = Instant::now();
        while std::os::unix::net::UnixStream::connect(&server.socket).is_err() {
            if start.elapsed() > Duration::from_secs(10) {
                return Err("redis-server does not answer".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Some(server))
    }

    /// Nanoseconds for one request of `test`, 20 clients at once.
    fn benchmark(&self, test: &str) -> Result<Sample> {
        let output = Command::new("redis-benchmark")
            .args(["--csv", "-n", REQUESTS, "-c", "20", "-t", test, "-s"])
            .arg(&self.socket)
            .output()
            .map_err(|error| format!("redis-benchmark: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let rate = text
            .lines()
            .find_map(|line| {
                line.to_lowercase()
                    .strip_prefix(&format!("\"{test}\",\""))?
                    .split('"')
                    .next()?
                    .parse::<f64>()
                    .ok()
            })
            .ok_or_else(|| format!("redis-benchmark said: {text}"))?;
        Ok(Sample {
            wall: 1e9 / rate,
            cpu: None,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

/// SET and GET. The server lives as long as the loads.
pub fn loads(server: Server) -> Vec<Load> {
    let server = Rc::new(server);
    let load = |name: &'static str| {
        let server = server.clone();
        Load::new(&format!("redis {name}"), None, move || server.benchmark(name))
    };
    vec![load("set"), load("get")]
}

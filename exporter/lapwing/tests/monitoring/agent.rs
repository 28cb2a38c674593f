//! A running agent with a folder to watch.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    http::request,
    servers::{free, program, wait_until},
};

/// Folders of its own that it watches, as rules `FOLDER-here`, with their severities. What `touch` does in the last one is skipped.
const WATCHED: [(&str, &str); 3] = [("watched", "high"), ("masked", "medium"), ("skipped", "low")];

/// The agent.
pub struct Agent {
    child: Child,
    pub metrics: SocketAddr,
    directory: TempDir,
}

impl Agent {
    /// `config` are more sections.
    pub fn start(config: &str) -> Agent {
        let directory = tempfile::tempdir_in("/tmp").unwrap();
        let home = directory.path().display().to_string();
        let metrics = free();
        let mut text = format!(
            "config_version = 1\n[metrics]\nlisten = \"{metrics}\"\n[json]\npath = \"{home}/alerts.json\"\n\
             [agent]\nlock = \"{home}/lock\"\nsocket = \"{home}/run/socket\"\nstate_dir = \"{home}/state\"\nbpf_stats = true\n{config}\n"
        );
        for (folder, severity) in WATCHED {
            fs::create_dir(directory.path().join(folder)).unwrap();
            text += &format!(
                "[[file.watch]]\nid = \"{folder}-here\"\npath = \"{home}/{folder}\"\naccess = [\"create\", \"write\"]\nseverity = \"{severity}\"\n"
            );
        }
        // As the kernel resolves it.
        let touch = program("touch", "coreutils").canonicalize().unwrap();
        text += &format!("skip_paths = [\"{}\"]\n", touch.display());
        fs::write(directory.path().join("lapwing.toml"), text).unwrap();
        let log = File::create(directory.path().join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_lapwing"))
            .args(["run", "--config"])
            .arg(directory.path().join("lapwing.toml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut agent = Agent {
            child,
            metrics,
            directory,
        };
        wait_for_agent(&mut agent);
        agent
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Lets a program create a file in one of the watched folders, and tells the file's path.
    pub fn touch(&self, folder: &str, name: &str) -> PathBuf {
        let file = self.path(folder).join(name);
        assert!(Command::new("touch").arg(&file).status().unwrap().success());
        file
    }

    /// Writes to a file of a watched folder so many times.
    pub fn append(&self, file: &Path, times: u32) {
        for _ in 0..times {
            let line = format!("echo >>{}", file.display());
            assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
        }
    }

    /// Asks it to read its configuration again.
    pub fn reload(&self) {
        kill_process(Pid::from_child(&self.child), Signal::HUP).unwrap();
    }

    /// The record of an alert about this file, once it is written.
    pub fn record(&self, file: &Path) -> Value {
        let mut found = None;
        wait_until(&format!("the record of {}", file.display()), || {
            let text = fs::read_to_string(self.path("alerts.json")).unwrap_or_default();
            let whole = text.rfind('\n').map_or("", |end| &text[..end]);
            let mut alerts = whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            found = alerts.find(|alert| alert["file"]["path"] == *file.to_str().unwrap());
            found.is_some()
        });
        found.unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }
}

fn wait_for_agent(agent: &mut Agent) {
    wait_until("the agent to be ready", || {
        let ended = agent.child.try_wait().unwrap();
        assert_eq!(ended, None, "the agent ended: {}", agent.log());
        TcpStream::connect(agent.metrics).is_ok() && request(agent.metrics, "GET", "/-/ready", "").0 == 200
    });
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! A running agent with folders to watch.

use std::{
    fs,
    ops::Deref,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{
    running,
    servers::{program, wait_until},
};

/// Folders of its own that it watches, as rules `FOLDER-here`, with their severities. What `touch` does in the last one is skipped.
const WATCHED: [(&str, &str); 3] = [("watched", "high"), ("masked", "medium"), ("skipped", "low")];

/// The agent.
pub struct Agent(running::Agent);

impl Deref for Agent {
    type Target = running::Agent;

    fn deref(&self) -> &running::Agent {
        &self.0
    }
}

impl Agent {
    /// `config` are more sections.
    pub fn start(config: &str) -> Agent {
        let home = running::directory();
        let mut text = format!("bpf_stats = true\n{config}\n");
        for (folder, severity) in WATCHED {
            fs::create_dir(home.path().join(folder)).unwrap();
            text += &format!(
                "[[file.watch]]\nid = \"{folder}-here\"\npath = \"{{home}}/{folder}\"\naccess = [\"create\", \"write\"]\nseverity = \"{severity}\"\n"
            );
        }
        // As the kernel resolves it.
        let touch = program("touch", "coreutils").canonicalize().unwrap();
        text += &format!("skip_paths = [\"{}\"]\n", touch.display());
        Agent(running::Agent::start_in(home, &["run"], &text))
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

    /// The record of an alert about this file, once it is written.
    pub fn record(&self, file: &Path) -> Value {
        let mut found = None;
        wait_until(&format!("the record of {}", file.display()), || {
            let mut alerts = self.alerts().into_iter();
            found = alerts.find(|alert| alert["file"]["path"] == *file.to_str().unwrap());
            found.is_some()
        });
        found.unwrap()
    }
}

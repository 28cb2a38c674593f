//! Follows changes of the file and of those that it names. A broken one changes nothing: the last good one stays.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use tokio::sync::Mutex;

use super::load::{Loaded, Secured, Stamp, load};
use crate::{config::Problem, http::counters::HttpCounters};

/// The state of a listener's configuration.
pub(crate) struct Live {
    state: Arc<Mutex<State>>,
}

struct State {
    path: Option<PathBuf>,
    /// Other hosts reach the listener: what it is protected by may change, but not vanish.
    exposed: bool,
    current: Arc<Secured>,
    stamps: Vec<Stamp>,
    settled: bool,
    digest: [u8; 32],
    complaint: Option<String>,
    counters: Arc<HttpCounters>,
}

impl Live {
    /// Reads the file for the first time; without one, everybody may read and nothing is encrypted.
    ///
    /// # Errors
    /// Every problem of the file.
    pub(crate) fn start(path: Option<&Path>, exposed: bool, counters: Arc<HttpCounters>) -> Result<Live, Vec<Problem>> {
        let mut state = State {
            path: path.map(Path::to_owned),
            exposed,
            current: Arc::new(Secured::open()),
            stamps: Vec::new(),
            settled: true,
            digest: [0; 32],
            complaint: None,
            counters,
        };
        if let Some(path) = path {
            let loaded = load(path);
            let secured = state.acceptable(loaded.result, path)?;
            state.current = Arc::new(secured);
            state.settle(loaded.stamps, loaded.digest);
        }
        Ok(Live {
            state: Arc::new(Mutex::new(state)),
        })
    }

    /// What holds now. Asks the disk about each file, and reads them again when one has changed.
    pub(crate) async fn current(&self) -> Arc<Secured> {
        // One at a time: a disk that hangs costs one thread, not one for each client.
        let mut state = self.state.clone().lock_owned().await;
        if state.path.is_none() {
            return state.current.clone();
        }
        let before = state.current.clone();
        let looked = tokio::task::spawn_blocking(move || {
            state.refresh();
            state.current.clone()
        });
        looked.await.unwrap_or(before)
    }
}

impl State {
    fn refresh(&mut self) {
        let Some(path) = self.path.clone() else { return };
        if self.settled && self.stamps.iter().all(Stamp::holds) {
            return;
        }
        let Loaded {
            result, stamps, digest, ..
        } = load(&path);
        let same = digest == self.digest && self.complaint.is_none();
        self.settle(stamps, digest);
        match self.acceptable(result, &path) {
            Ok(_) if same => {}
            Ok(secured) => {
                self.current = Arc::new(secured);
                self.complaint = None;
                self.counters.config_read(true);
                tracing::info!(file = %path.display(), "the web configuration is in force");
            }
            Err(problems) => {
                let problems: Vec<String> = problems.iter().map(Problem::to_string).collect();
                let complaint = problems.join("\n");
                if self.complaint.as_ref() != Some(&complaint) {
                    self.counters.config_read(false);
                    tracing::warn!("the web configuration is broken, the last good one stays in force: {complaint}");
                    self.complaint = Some(complaint);
                }
            }
        }
    }

    fn settle(&mut self, stamps: Vec<Stamp>, digest: [u8; 32]) {
        let now = SystemTime::now();
        self.settled = stamps.iter().all(|stamp| stamp.settled(now));
        self.stamps = stamps;
        self.digest = digest;
    }

    fn acceptable(&self, result: Result<Secured, Vec<Problem>>, path: &Path) -> Result<Secured, Vec<Problem>> {
        let secured = result?;
        match secured.strength().missing().filter(|_| self.exposed) {
            None => Ok(secured),
            Some(missing) => Err(vec![Problem::of_file(
                path.display().to_string(),
                format!("is for a listener that other hosts reach, and {missing}"),
                "",
            )]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    const HASH: &str = "$2y$05$c9zLAn5RvMTQzBjJ7mPYpO5nF7Gh7IS2bbGBGcbYUlhwlkqWkAMwa";

    fn write(path: &Path, text: &str) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Also a change within the same tick of the clock, of the same length, in the same file.
    #[tokio::test]
    async fn every_change_is_seen_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("web.yml");
        write(&file, "");
        let live = Live::start(Some(&file), false, Arc::default()).unwrap();
        for number in 100..150 {
            write(&file, &format!("basic_auth_users:\n  u{number}: {HASH}\n"));
            assert_eq!(live.current().await.users[0].name, format!("u{number}"));
        }
    }

    /// What other hosts reach stays protected, whatever is written into the file.
    #[tokio::test]
    async fn protection_cannot_be_taken_from_an_open_listener() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("web.yml");
        let counters: Arc<HttpCounters> = Arc::default();
        write(&file, &format!("basic_auth_users:\n  alice: {HASH}\n"));
        assert!(
            Live::start(Some(&file), true, counters.clone()).is_err(),
            "no encryption"
        );
        let live = Live::start(Some(&file), false, counters.clone()).unwrap();
        live.state.lock().await.exposed = true;
        for text in ["", "http_server_config: {}"] {
            write(&file, text);
            assert_eq!(live.current().await.users.len(), 1);
        }
        assert_eq!(counters.config_reads(), (0, 1), "said once: it is the same problem");
    }
}

//! A real Alertmanager of the test's own: loopback, a free port, no cluster, its data in a temporary directory.

#![allow(dead_code)]

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use lapwing::{
    alertmanager::{Client, NewSilence, WireMatcher, rfc3339},
    config::{Alertmanager as Settings, Config},
};
use tempfile::TempDir;

use crate::servers::{Server, free, program, wait_for};

/// The server; it ends with this value.
pub struct Alertmanager {
    server: Option<Server>,
    pub address: SocketAddr,
    pub home: TempDir,
    web_config: Option<PathBuf>,
}

impl Alertmanager {
    pub fn start() -> Alertmanager {
        Alertmanager::over(tempfile::tempdir().unwrap(), None)
    }

    /// With a web.config.file, which says who may ask and how it is encrypted.
    pub fn with_web_config(home: TempDir, text: &str) -> Alertmanager {
        let path = home.path().join("web.yml");
        fs::write(&path, text).unwrap();
        Alertmanager::over(home, Some(path))
    }

    fn over(home: TempDir, web_config: Option<PathBuf>) -> Alertmanager {
        let config = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";
        fs::write(home.path().join("alertmanager.yml"), config).unwrap();
        let mut alertmanager = Alertmanager {
            server: None,
            address: free(),
            home,
            web_config,
        };
        alertmanager.begin();
        alertmanager
    }

    /// Starts it (again), with the data that it has.
    pub fn begin(&mut self) {
        let home = self.home.path();
        let mut command = Command::new(program("prometheus-alertmanager", "prometheus-alertmanager"));
        command
            .arg(format!("--config.file={}", home.join("alertmanager.yml").display()))
            .arg(format!("--storage.path={}", home.join("data").display()))
            .arg(format!("--web.listen-address={}", self.address))
            .arg("--cluster.listen-address=");
        if let Some(path) = &self.web_config {
            command.arg(format!("--web.config.file={}", path.display()));
        }
        self.server = Some(Server::start(&mut command, &home.join("log")));
        wait_for(self.address);
    }

    /// Ends it; what it knew is lost with it, as far as it was not written yet.
    pub fn end(&mut self) {
        self.server = None;
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Settings for these peers, which are asked every second.
pub fn config(urls: &[String], state_dir: &Path) -> Config {
    let mut config = Config::default();
    config.alertmanager = Settings {
        urls: urls.to_vec(),
        poll_interval: std::time::Duration::from_secs(1),
        timeout: std::time::Duration::from_secs(2),
        ..config.alertmanager
    };
    config.agent.state_dir = state_dir.to_owned();
    config
}

/// A silence by equalities, from now on.
pub fn silence(matchers: &[(&str, &str)], seconds: i64) -> NewSilence {
    let matcher = |(name, value): &(&str, &str)| WireMatcher {
        name: (*name).to_owned(),
        value: (*value).to_owned(),
        is_regex: false,
        is_equal: true,
    };
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let now = i64::try_from(now.as_nanos()).unwrap();
    NewSilence {
        matchers: matchers.iter().map(matcher).collect(),
        starts_at: rfc3339(now),
        ends_at: rfc3339(now + seconds * 1_000_000_000),
        created_by: "alice".into(),
        comment: "maintenance".into(),
    }
}

/// Creates it there; its id.
pub async fn create(url: &str, silence: &NewSilence) -> String {
    let client = Client::new(&config(&[url.to_owned()], Path::new("/nonexistent")).alertmanager);
    client.create(0, silence).await.unwrap()
}

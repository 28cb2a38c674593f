//! The protected endpoint, asked by clients that we did not write: curl, openssl and Debian's Prometheus.

#![allow(clippy::unwrap_used)]

#[path = "../common/http.rs"]
mod http;
#[path = "../common/pki.rs"]
mod pki;
#[path = "../common/prometheus.rs"]
mod prometheus;
#[path = "../common/servers.rs"]
mod servers;

mod changes;
mod clients;
mod scrape;

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use lapwing::{
    config::Config,
    http::{Http, HttpError},
    metrics::Metrics,
};
use pki::Pki;
use servers::program;
use tempfile::TempDir;

struct Endpoint {
    http: Http,
    metrics: Metrics,
    directory: TempDir,
}

impl Endpoint {
    /// Files first, then the listener.
    async fn start(text: &str, files: impl FnOnce(&Pki<'_>)) -> Endpoint {
        let directory = tempfile::tempdir().unwrap();
        files(&Pki(directory.path()));
        write(directory.path(), text);
        let metrics = Metrics::new(10);
        let http = open("127.0.0.1:0", Some(directory.path()), metrics.clone())
            .await
            .unwrap();
        Endpoint {
            http,
            metrics,
            directory,
        }
    }

    fn pki(&self) -> Pki<'_> {
        Pki(self.directory.path())
    }

    fn change(&self, text: &str) {
        write(self.directory.path(), text);
    }

    fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.http.address().port())
    }

    /// Status (000 without an answer) and body, as curl sees them.
    fn curl(&self, arguments: &[&str], url: &str) -> (String, String) {
        let output = Command::new(program("curl", "curl"))
            .args(["--silent", "--max-time", "10", "--write-out", "\n%{http_code}"])
            .args(arguments)
            .arg(url)
            .current_dir(self.directory.path())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        (status.into(), body.into())
    }

    fn status(&self, arguments: &[&str]) -> String {
        self.curl(arguments, &self.url("/metrics")).0
    }

    fn requests(&self, code: &str) -> u64 {
        self.metrics
            .http()
            .requests()
            .iter()
            .find(|(known, _)| *known == code)
            .unwrap()
            .1
    }
}

async fn open(address: &str, directory: Option<&Path>, metrics: Metrics) -> Result<Http, HttpError> {
    let mut settings = Config::default().metrics;
    settings.listen = address.parse().unwrap();
    settings.web_config_file = directory.map(|directory| directory.join("web.yml"));
    Http::open(&settings, metrics).await
}

/// In place, as an editor does that keeps the inode.
fn write(directory: &Path, text: &str) {
    let file = directory.join("web.yml");
    fs::write(&file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}

fn users(list: &[(&str, &str)]) -> String {
    let line = |(name, password): &(&str, &str)| format!("  {name}: {}\n", bcrypt::hash(password, 5).unwrap());
    format!("basic_auth_users:\n{}", list.iter().map(line).collect::<String>())
}

fn basics(pki: &Pki<'_>) {
    pki.authority("ca");
    pki.server("server", "ca");
}

const TLS: &str = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n";
const TRUST: [&str; 2] = ["--cacert", "ca.pem"];

fn and<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    TRUST.iter().chain(arguments).copied().collect()
}

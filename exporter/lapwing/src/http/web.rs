//! `web_config_file`: TLS, client certificates, users, headers and rate limit, in the format that Prometheus' exporters share
//! (prometheus/exporter-toolkit, docs/web-configuration.md).
//!
//! Here is what the text says; `load.rs` reads the files that it names, `live.rs` follows changes.

mod clients;
mod live;
mod load;
mod names;
mod read;
mod reader;
mod section;
mod server;
mod yaml;

use std::{fmt, path::PathBuf, time::Duration};

use hyper::header::{HeaderName, HeaderValue};
use tokio_rustls::rustls::{SupportedCipherSuite, crypto::SupportedKxGroup};

pub(super) use live::Live;
pub(super) use load::Secured;
pub use load::{Strength, check};
pub use names::{ClientAuth, Version};
pub use yaml::At;

use crate::config::Problem;

/// What the text says, checked except for the files that it names.
#[derive(Debug, Default)]
pub struct WebConfig {
    /// Encryption; without it plain HTTP is spoken.
    pub tls: Option<TlsServer>,
    /// Sent with every answer.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Who may read; everybody where there is none.
    pub users: Vec<User>,
    /// For all clients together.
    pub rate_limit: Option<RateLimit>,
    /// What has no effect.
    pub warnings: Vec<Problem>,
}

impl WebConfig {
    /// Reads a text; `file` names it in problems. No file is looked at.
    ///
    /// # Errors
    /// Every problem, with its line and column. None shows a hash or a key.
    pub fn parse(file: &str, text: &str) -> Result<WebConfig, Vec<Problem>> {
        read::read(file, text)
    }
}

/// `tls_server_config`
pub struct TlsServer {
    /// The server's certificate.
    pub certificate: Pem,
    /// Its key.
    pub key: Pem,
    /// Who signs the certificates of clients.
    pub client_ca: Option<Pem>,
    /// Whether clients need one.
    pub client_auth: ClientAuth,
    /// DNS names, IP addresses and URIs, one of which a client's certificate must have.
    pub allowed_names: Option<Vec<String>>,
    /// At least one.
    pub versions: Vec<Version>,
    /// For TLS 1.2; all when absent.
    pub cipher_suites: Option<Vec<SupportedCipherSuite>>,
    /// In this order; all when absent.
    pub groups: Option<Vec<&'static dyn SupportedKxGroup>>,
    /// Whether the server's order of ciphers counts, not the client's.
    pub prefer_server: bool,
}

impl fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsServer")
            .field("certificate", &self.certificate)
            .field("client_auth", &self.client_auth)
            .field("versions", &self.versions)
            .finish_non_exhaustive()
    }
}

/// Where a certificate or a key is.
pub enum Pem {
    /// In a file.
    File {
        /// Relative to the file that names it.
        path: PathBuf,
        /// `cert_file`, `key_file` or `client_ca_file`.
        key: String,
        /// Where it is named.
        at: At,
    },
    /// In the text itself.
    Inline {
        /// PEM.
        text: String,
        /// `cert`, `key` or `client_ca`.
        key: String,
        /// Where it stands.
        at: At,
    },
}

impl Pem {
    pub(super) fn at(&self) -> At {
        match self {
            Pem::File { at, .. } | Pem::Inline { at, .. } => *at,
        }
    }
}

impl fmt::Debug for Pem {
    /// Without the text, which may be a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pem::File { path, .. } => write!(f, "{}", path.display()),
            Pem::Inline { key, .. } => write!(f, "{key}: inline"),
        }
    }
}

/// One of `basic_auth_users`.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// bcrypt's hash of the password.
    pub hash: String,
    /// What the hash costs: 2 to its power rounds.
    pub cost: u32,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("name", &self.name).finish_non_exhaustive()
    }
}

/// `rate_limit`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// After which one more request is allowed.
    pub interval: Duration,
    /// Most that are allowed at once.
    pub burst: u32,
}

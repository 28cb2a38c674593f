//! Reads the file and those that it names.

use std::{
    fs::Metadata,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use hyper::header::{HeaderName, HeaderValue};
use sha2::{Digest, Sha256};
use tokio_rustls::{TlsAcceptor, rustls::RootCertStore};

use super::{ClientAuth, Pem, RateLimit, TlsServer, User, WebConfig, server};
use crate::{
    config::Problem,
    files::{self, Unread},
    tls::{self, Identity},
};

/// Far more than a thousand users and three inline certificates.
const MAX_TEXT: u64 = 1 << 20;
/// As in `tls.rs`.
const MAX_PEM: u64 = 4 << 20;
/// A change within the same tick of the filesystem's clock (a few milliseconds; seconds on some) does not show in its times.
const SETTLED: Duration = Duration::from_secs(3);

/// What a listener works by.
#[derive(Clone)]
pub(crate) struct Secured {
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) users: Vec<User>,
    pub(crate) rate_limit: Option<RateLimit>,
    pub(crate) client_auth: ClientAuth,
}

impl Secured {
    /// Without a file: plain, for everybody.
    pub(crate) fn open() -> Secured {
        Secured {
            tls: None,
            headers: Vec::new(),
            users: Vec::new(),
            rate_limit: None,
            client_auth: ClientAuth::None,
        }
    }

    pub(crate) fn strength(&self) -> Strength {
        Strength {
            encrypted: self.tls.is_some(),
            authenticated: !self.users.is_empty() || self.client_auth == ClientAuth::RequireAndVerify,
        }
    }
}

/// What a listener is protected by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strength {
    /// TLS is spoken.
    pub encrypted: bool,
    /// Every client must give a password, or a certificate of an authority of ours.
    pub authenticated: bool,
}

impl Strength {
    /// What other hosts need before they may reach it; none when nothing is missing.
    pub fn missing(self) -> Option<&'static str> {
        match (self.encrypted, self.authenticated) {
            (true, true) => None,
            (true, false) => Some(
                "asks nobody who they are: add basic_auth_users, or client_auth_type: RequireAndVerifyClientCert with client_ca_file",
            ),
            (false, true) => Some("sends passwords unencrypted: add tls_server_config with cert_file and key_file"),
            (false, false) => Some(
                "has neither encryption nor authentication: add tls_server_config with cert_file and key_file, and basic_auth_users",
            ),
        }
    }
}

/// Reads everything once, as the listener will: what it is worth, and what has no effect.
///
/// # Errors
/// Every problem, with its line; one without a line is about the file as a whole.
pub fn check(path: &Path) -> Result<(Strength, Vec<Problem>), Vec<Problem>> {
    let loaded = load(path);
    loaded.result.map(|secured| (secured.strength(), loaded.warnings))
}

/// What was found, and what of the disk it depends on.
pub(super) struct Loaded {
    pub(super) result: Result<Secured, Vec<Problem>>,
    pub(super) warnings: Vec<Problem>,
    pub(super) stamps: Vec<Stamp>,
    /// Of everything that was read.
    pub(super) digest: [u8; 32],
}

/// A file as it was just before it was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    path: PathBuf,
    /// Device, inode, size, times of content and of the inode; none when it could not be looked at.
    identity: Option<[i128; 5]>,
    changed: Option<SystemTime>,
}

impl Stamp {
    fn of(path: &Path) -> Stamp {
        let metadata = path.metadata().ok();
        let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Stamp {
            path: path.into(),
            identity: metadata.as_ref().map(|m| {
                [
                    m.dev().into(),
                    m.ino().into(),
                    m.size().into(),
                    nanoseconds(m.mtime(), m.mtime_nsec()),
                    nanoseconds(m.ctime(), m.ctime_nsec()),
                ]
            }),
            changed: metadata.map(|m| changed(&m)),
        }
    }

    /// Whether the file still is what it was.
    pub(super) fn holds(&self) -> bool {
        Stamp::of(&self.path).identity == self.identity
    }

    /// Whether a further change would show.
    pub(super) fn settled(&self, now: SystemTime) -> bool {
        self.changed
            .is_none_or(|at| now.duration_since(at).is_ok_and(|age| age > SETTLED))
    }
}

fn changed(metadata: &Metadata) -> SystemTime {
    let seconds = u64::try_from(metadata.ctime()).unwrap_or(0);
    let rest = u32::try_from(metadata.ctime_nsec()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::new(seconds, rest)
}

/// Reads everything.
pub(super) fn load(path: &Path) -> Loaded {
    let mut loader = Loader {
        file: path.display().to_string(),
        directory: path.parent().unwrap_or(Path::new("")).to_owned(),
        stamps: Vec::new(),
        digest: Sha256::new(),
        warnings: Vec::new(),
    };
    let result = loader.secured(path);
    Loaded {
        result,
        warnings: loader.warnings,
        stamps: loader.stamps,
        digest: loader.digest.finalize().into(),
    }
}

struct Loader {
    file: String,
    directory: PathBuf,
    stamps: Vec<Stamp>,
    digest: Sha256,
    warnings: Vec<Problem>,
}

impl Loader {
    fn secured(&mut self, path: &Path) -> Result<Secured, Vec<Problem>> {
        let of_file = |unread: Unread| {
            vec![Problem::of_file(
                path.display().to_string(),
                unread.message,
                unread.help,
            )]
        };
        let (bytes, metadata) = self.read(path, MAX_TEXT).map_err(of_file)?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let line = bytes[..error.valid_up_to()]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count()
                + 1;
            vec![self.problem(line, 1, "is not UTF-8 in this line", "save the file as UTF-8")]
        })?;
        let mut config = WebConfig::parse(&self.file, text)?;
        self.warnings.append(&mut config.warnings);
        self.who_reads(&config, &metadata)?;
        let client_auth = config.tls.as_ref().map_or(ClientAuth::None, |tls| tls.client_auth);
        let tls = config.tls.as_ref().map(|tls| self.tls(tls)).transpose()?;
        Ok(Secured {
            tls,
            headers: config.headers,
            users: config.users,
            rate_limit: config.rate_limit,
            client_auth,
        })
    }

    /// A key in the text is a secret as one in a file is; a hash of a password is nearly one.
    fn who_reads(&mut self, config: &WebConfig, metadata: &Metadata) -> Result<(), Vec<Problem>> {
        if !files::readable_by_all(metadata) {
            return Ok(());
        }
        let help = format!("chmod o-rwx {}", self.file);
        if let Some(Pem::Inline { at, .. }) = config.tls.as_ref().map(|tls| &tls.key) {
            let message = "refused, everybody on this host may read the key in it";
            return Err(vec![self.problem(at.line, at.column, message, &help)]);
        }
        if !config.users.is_empty() {
            let message = "everybody on this host may read the hashes of the passwords, and guess at them";
            self.warnings.push(Problem::of_file(self.file.clone(), message, help));
        }
        Ok(())
    }

    fn tls(&mut self, tls: &TlsServer) -> Result<TlsAcceptor, Vec<Problem>> {
        let certificates = self.pem(&tls.certificate, false, tls::certificates);
        let key = self.pem(&tls.key, true, tls::key);
        let authorities = tls
            .client_ca
            .as_ref()
            .map(|pem| self.pem(pem, false, authorities))
            .transpose();
        let mut problems = Vec::new();
        let mut keep = |problem| problems.push(problem);
        let (certificates, key) = (certificates.map_err(&mut keep).ok(), key.map_err(&mut keep).ok());
        let authorities = authorities.map_err(&mut keep).ok();
        let (Some(certificates), Some(key), Some(authorities)) = (certificates, key, authorities) else {
            return Err(problems);
        };
        server::config(tls, Identity { certificates, key }, authorities)
            .map(TlsAcceptor::from)
            .map_err(|why| {
                let at = tls.certificate.at();
                vec![self.problem(
                    at.line,
                    at.column,
                    &why,
                    "write cert_file and key_file that belong together",
                )]
            })
    }

    fn pem<T>(&mut self, pem: &Pem, secret: bool, read: impl Fn(&[u8]) -> Result<T, String>) -> Result<T, Problem> {
        let at = pem.at();
        match pem {
            Pem::Inline { text, key, .. } => {
                read(text.as_bytes()).map_err(|why| self.problem(at.line, at.column, &format!("{key} {why}"), ""))
            }
            Pem::File { path, key, .. } => {
                let path = self.directory.join(path);
                let wrong = |this: &Self, message: &str, help: &str| {
                    this.problem(at.line, at.column, &format!("{key} {} {message}", path.display()), help)
                };
                let (bytes, metadata) = self
                    .read(&path, MAX_PEM)
                    .map_err(|unread| wrong(self, &unread.message, &unread.help))?;
                if secret && files::readable_by_all(&metadata) {
                    let mode = metadata.mode() & 0o7777;
                    let message = format!("is refused, everybody on this host may read it (mode {mode:04o})");
                    return Err(wrong(self, &message, &format!("chmod o-rwx {}", path.display())));
                }
                read(&bytes).map_err(|why| wrong(self, &why, ""))
            }
        }
    }

    fn read(&mut self, path: &Path, limit: u64) -> Result<(Vec<u8>, Metadata), Unread> {
        // First: what changes while it is read must show.
        self.stamps.push(Stamp::of(path));
        let read = files::read(path, limit);
        let said = match &read {
            Ok((bytes, _)) => bytes.as_slice(),
            Err(unread) => unread.message.as_bytes(),
        };
        self.digest.update((said.len() as u64).to_le_bytes());
        self.digest.update(said);
        read
    }

    fn problem(&self, line: usize, column: usize, message: &str, help: &str) -> Problem {
        Problem {
            line,
            column,
            ..Problem::of_file(self.file.clone(), message, help)
        }
    }
}

fn authorities(text: &[u8]) -> Result<RootCertStore, String> {
    tls::authorities(tls::certificates(text)?)
}

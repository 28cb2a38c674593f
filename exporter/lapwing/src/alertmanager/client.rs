//! Alertmanager's API v2: as much of it as silences need.

use std::{path::Path, str::FromStr, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use http_body_util::Full;
use hyper::{
    Method, Request, Response, Uri,
    body::Bytes,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};
use serde::Deserialize;
use tokio_rustls::TlsConnector;

use super::{
    error::ClientError,
    wire::{self, Answer, Found, NewSilence},
};
use crate::{
    client::{exchange, reasons},
    config::Alertmanager,
    files, tls,
};

/// Silences of a large installation, those of the last five days that have expired included, are a few megabytes.
const MAX_ANSWER: usize = 16 << 20;
/// No password or token is longer.
const MAX_SECRET: u64 = 64 << 10;
/// So much of what a server says is shown.
const MAX_SAID: usize = 200;

/// The peers of a cluster, each asked by its number.
#[derive(Debug, Clone)]
pub struct Client {
    settings: Arc<Alertmanager>,
    peers: Vec<Uri>,
}

impl Client {
    /// For settings that [`super::check`] has nothing against.
    pub fn new(settings: &Alertmanager) -> Client {
        // `check` has parsed them already.
        let peers = settings.urls.iter().filter_map(|url| Uri::from_str(url).ok()).collect();
        Client {
            settings: Arc::new(settings.clone()),
            peers,
        }
    }

    /// How many peers there are.
    pub fn peers(&self) -> usize {
        self.peers.len()
    }

    /// How a peer is called in messages.
    pub fn name(&self, peer: usize) -> String {
        self.peers.get(peer).map_or_else(String::new, Uri::to_string)
    }

    /// Every silence that has not expired.
    ///
    /// # Errors
    /// [`ClientError`]; a single silence that cannot be read is in the answer's list of refused ones instead.
    pub async fn silences(&self, peer: usize) -> Result<Answer, ClientError> {
        let answer = self.ask(peer, Method::GET, "/api/v2/silences", None).await?;
        wire::silences(answer.body()).map_err(|error| self.malformed(peer, &error))
    }

    /// One silence, unless it has expired.
    ///
    /// # Errors
    /// [`ClientError`]; a silence that does not exist is [`ClientError::Refused`] with 404.
    pub async fn silence(&self, peer: usize, id: &str) -> Result<Option<Found>, ClientError> {
        let answer = self
            .ask(peer, Method::GET, &format!("/api/v2/silence/{id}"), None)
            .await?;
        // As a list of one, so that one piece of code reads silences.
        let list = [b"[", &**answer.body(), b"]"].concat();
        let mut answer = wire::silences(&list).map_err(|error| self.malformed(peer, &error))?;
        match answer.refused.first() {
            Some((_, reason)) => Err(self.malformed(peer, reason)),
            None => Ok(answer.silences.pop()),
        }
    }

    /// Creates a silence; its id.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn create(&self, peer: usize, silence: &NewSilence) -> Result<String, ClientError> {
        #[derive(Deserialize)]
        struct Created {
            #[serde(rename = "silenceID")]
            id: String,
        }
        let body = serde_json::to_vec(silence).map_err(|error| self.malformed(peer, &error))?;
        let answer = self.ask(peer, Method::POST, "/api/v2/silences", Some(body)).await?;
        let created: Created = serde_json::from_slice(answer.body()).map_err(|error| self.malformed(peer, &error))?;
        match wire::good_id(&created.id) {
            true => Ok(created.id),
            false => Err(self.malformed(peer, &"the id of the new silence is not one")),
        }
    }

    /// Ends a silence.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn expire(&self, peer: usize, id: &str) -> Result<(), ClientError> {
        let path = format!("/api/v2/silence/{id}");
        self.ask(peer, Method::DELETE, &path, None).await.map(drop)
    }

    async fn ask(
        &self,
        peer: usize,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Response<Bytes>, ClientError> {
        let name = || self.name(peer);
        let setup = |why: String| ClientError::Setup { peer: name(), why };
        let unreachable = |why: String| ClientError::Unreachable { peer: name(), why };
        let server = self
            .peers
            .get(peer)
            .ok_or_else(|| setup("there is no such peer".into()))?;
        let tls = self.tls(server).map_err(setup)?;
        let mut request = Request::builder()
            .method(method)
            .uri(below(server, path))
            .header(ACCEPT, "application/json");
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(authorization) = self.authorization().map_err(setup)? {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Full::new(Bytes::from(body.unwrap_or_default())));
        let request = request.map_err(|error| setup(error.to_string()))?;
        let answer = exchange(server, tls.as_ref(), request, MAX_ANSWER);
        let answer = match tokio::time::timeout(self.settings.timeout, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(unreachable(reasons(&*error))),
            Err(_) => return Err(unreachable(format!("no answer within {:?}", self.settings.timeout))),
        };
        match answer.status().is_success() {
            true => Ok(answer),
            false => Err(refused(name(), &answer)),
        }
    }

    /// Read anew for each request, so that renewed files are taken.
    fn tls(&self, server: &Uri) -> Result<Option<TlsConnector>, String> {
        if server.scheme_str() != Some("https") {
            return Ok(None);
        }
        let settings = &self.settings;
        let roots = tls::root_store(settings.ca_file.as_deref()).map_err(|error| format!("ca_file {error}"))?;
        let identity = match (&settings.cert_file, &settings.key_file) {
            (Some(certificate), Some(key)) => Some(tls::load_identity(certificate, key).map_err(|e| e.to_string())?),
            _ => None,
        };
        tls::client(roots, identity).map(TlsConnector::from).map(Some)
    }

    fn authorization(&self) -> Result<Option<HeaderValue>, String> {
        let settings = &self.settings;
        let value = if let (Some(name), Some(file)) = (&settings.username, &settings.password_file) {
            let password = secret(file).map_err(|error| format!("password_file {error}"))?;
            let pair = [name.as_bytes(), b":", &password].concat();
            format!("Basic {}", BASE64_STANDARD.encode(pair)).into_bytes()
        } else if let Some(file) = &settings.bearer_token_file {
            let token = secret(file).map_err(|error| format!("bearer_token_file {error}"))?;
            [b"Bearer ", &*token].concat()
        } else {
            return Ok(None);
        };
        let mut value = HeaderValue::from_bytes(&value)
            .map_err(|_| "the credential has characters that a header cannot carry".to_owned())?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    fn malformed(&self, peer: usize, why: &dyn std::fmt::Display) -> ClientError {
        ClientError::Malformed {
            peer: self.name(peer),
            why: why.to_string(),
        }
    }
}

/// The path below the server's prefix.
fn below(server: &Uri, path: &str) -> String {
    format!("{}{path}", server.path().trim_end_matches('/'))
}

fn refused(peer: String, answer: &Response<Bytes>) -> ClientError {
    let said = String::from_utf8_lossy(answer.body());
    ClientError::Refused {
        peer,
        status: answer.status(),
        said: said.trim().chars().take(MAX_SAID).collect(),
        hint: match answer.status().as_u16() {
            401 | 403 => "; give a credential that may do this",
            404 => "; check the id, or the path prefix in the URL",
            _ => "",
        },
    }
}

/// The password or token in a file that everybody else may not read, without the line feed at its end.
pub(super) fn secret(path: &Path) -> Result<Vec<u8>, String> {
    let wrong = |problem: &dyn std::fmt::Display| format!("{} {problem}", path.display());
    let (mut secret, _) = files::read_secret(path, MAX_SECRET).map_err(|unread| wrong(&unread))?;
    while secret.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        secret.pop();
    }
    match secret.is_empty() {
        true => Err(wrong(&"is empty; write the secret into it")),
        false => Ok(secret),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn a_secret_that_others_may_read_is_refused_without_being_shown() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        let with = |mode: u32, content: &str| {
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            secret(&path)
        };
        assert_eq!(with(0o600, "feather\n").unwrap(), b"feather");
        assert_eq!(with(0o400, "fea ther").unwrap(), b"fea ther");
        for mode in [0o644, 0o604, 0o622] {
            let error = with(mode, "feather").unwrap_err();
            assert!(error.contains("refused") && error.contains("chmod"), "{error}");
            assert!(!error.contains("feather"), "{error}");
        }
        assert!(with(0o600, "\n").unwrap_err().contains("is empty"));
    }
}

//! `[alertmanager]`: what of it cannot work together, found before anything is sent.

use std::{
    io::ErrorKind,
    net::IpAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

use hyper::Uri;

use super::client::secret;
use crate::{config::Alertmanager, tls};

/// A cluster has a handful of peers.
const MAX_PEERS: usize = 16;

/// What is wrong with `[alertmanager]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The key that is to be changed.
    pub key: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: &'static str,
}

fn refusal(key: &'static str, message: impl Into<String>, help: &'static str) -> Result<(), Refusal> {
    Err(Refusal {
        key,
        message: message.into(),
        help,
    })
}

/// What is wrong, if anything is. Without peers the rest is not looked at. Files that the caller may not read are left to the one who will.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(settings: &Alertmanager) -> Result<(), Refusal> {
    if settings.urls.is_empty() {
        return Ok(());
    }
    if settings.urls.len() > MAX_PEERS {
        let message = format!("{} URLs are more than the {MAX_PEERS} allowed", settings.urls.len());
        return refusal("urls", message, "name the peers of one cluster");
    }
    for url in &settings.urls {
        check_url(url, settings)?;
    }
    check_tls(settings)?;
    check_credentials(settings)
}

fn check_url(text: &str, settings: &Alertmanager) -> Result<(), Refusal> {
    let Ok(uri) = Uri::from_str(text) else {
        return refusal(
            "urls",
            format!("{text:?} is not a URL"),
            "write for example \"http://127.0.0.1:9093\"",
        );
    };
    let Some(authority) = uri.authority().filter(|authority| !authority.host().is_empty()) else {
        return refusal(
            "urls",
            format!("{text:?} names no host"),
            "write for example \"http://127.0.0.1:9093\"",
        );
    };
    if authority.as_str().contains('@') {
        // Without the URL: it has a password in it.
        let message = format!("the URL of {} has a user or password in it", authority.host());
        return refusal("urls", message, "write username and password_file");
    }
    let after_host = &authority.as_str()[authority.host().len()..];
    if !after_host.is_empty() && authority.port_u16().is_none_or(|port| port == 0) {
        return refusal(
            "urls",
            format!("{text:?} has a port that is not a number from 1 to 65535"),
            "correct it",
        );
    }
    if uri.query().is_some() || text.contains('#') {
        return refusal(
            "urls",
            format!("{text:?} has a query"),
            "write the address only, with its path prefix if it has one",
        );
    }
    let credentials = settings.password_file.is_some() || settings.bearer_token_file.is_some();
    if credentials && uri.scheme_str() == Some("http") && !is_loopback(authority.host()) && !settings.insecure {
        let message = format!("{text:?} would carry the credential over the network without encryption");
        return refusal("urls", message, "write https://, or insecure = true to allow it");
    }
    Ok(())
}

/// A name other than localhost may lead anywhere.
fn is_loopback(host: &str) -> bool {
    host == "localhost" || IpAddr::from_str(host.trim_matches(['[', ']'])).is_ok_and(|address| address.is_loopback())
}

fn check_tls(settings: &Alertmanager) -> Result<(), Refusal> {
    let encrypted = settings.urls.iter().any(|url| url.starts_with("https:"));
    let keys = [
        ("ca_file", &settings.ca_file),
        ("cert_file", &settings.cert_file),
        ("key_file", &settings.key_file),
    ];
    if let Some((key, _)) = keys.into_iter().find(|(_, file)| file.is_some() && !encrypted) {
        return refusal(
            key,
            format!("{key} is set, and no peer is encrypted"),
            "write https:// in urls, or remove it",
        );
    }
    match (&settings.cert_file, &settings.key_file) {
        (Some(_), None) => refusal("cert_file", "cert_file needs key_file", "write both, or none")?,
        (None, Some(_)) => refusal("key_file", "key_file needs cert_file", "write both, or none")?,
        _ => {}
    }
    let readable = |file: &'_ Option<PathBuf>| file.clone().filter(|path| readable(path));
    if let Some(path) = readable(&settings.ca_file) {
        or_refuse("ca_file", tls::root_store(Some(&path)))?;
    }
    if let Some(path) = readable(&settings.cert_file) {
        or_refuse("cert_file", tls::load_certs(&path))?;
    }
    match readable(&settings.key_file) {
        Some(path) => or_refuse("key_file", tls::load_key(&path)),
        None => Ok(()),
    }
}

fn or_refuse<T>(key: &'static str, read: Result<T, impl std::fmt::Display>) -> Result<(), Refusal> {
    read.map(drop)
        .or_else(|error| refusal(key, format!("{key} {error}"), ""))
}

fn check_credentials(settings: &Alertmanager) -> Result<(), Refusal> {
    let basic = settings.username.is_some() || settings.password_file.is_some();
    if basic && settings.bearer_token_file.is_some() {
        let message = "bearer_token_file and username are two ways of authentication";
        return refusal("bearer_token_file", message, "remove one of them");
    }
    match (&settings.username, &settings.password_file) {
        (Some(_), None) => return refusal("username", "username needs password_file", "write both, or none"),
        (None, Some(_)) => return refusal("password_file", "password_file needs username", "write both, or none"),
        (Some(name), Some(_)) if name.contains(':') => {
            return refusal(
                "username",
                "username has a colon, which ends it in basic authentication",
                "use another user",
            );
        }
        _ => {}
    }
    check_secret("password_file", settings.password_file.as_deref())?;
    check_secret("bearer_token_file", settings.bearer_token_file.as_deref())
}

fn check_secret(key: &'static str, path: Option<&Path>) -> Result<(), Refusal> {
    match path.filter(|path| readable(path)) {
        Some(path) => or_refuse(key, secret(path)),
        None => Ok(()),
    }
}

/// False for what this caller may not read, which says nothing about the agent.
fn readable(path: &Path) -> bool {
    !std::fs::File::open(path).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

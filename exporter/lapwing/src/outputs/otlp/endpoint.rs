//! The collector's address and what is sent along with every request, checked before anything is sent.

use std::{path::PathBuf, time::Duration};

use hyper::{
    Uri,
    header::{HeaderName, HeaderValue},
    http::uri::{Authority, PathAndQuery},
};

use tokio_rustls::rustls::RootCertStore;

use super::trust;
use crate::config::{Otlp, OtlpProtocol};

/// Where OTLP/HTTP takes logs, below the endpoint.
const LOGS_PATH: &str = "/v1/logs";
/// Headers that the protocol itself sets.
const RESERVED: [&str; 8] = [
    "content-type",
    "content-length",
    "transfer-encoding",
    "connection",
    "host",
    "te",
    "grpc-timeout",
    "grpc-encoding",
];

/// What is wrong with `[otlp]`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum OtlpError {
    /// The address.
    #[error("endpoint {endpoint:?} {problem}; write for example \"{example}\"")]
    Endpoint {
        /// As configured, without user and password.
        endpoint: String,
        /// What is wrong.
        problem: String,
        /// What it should look like.
        example: &'static str,
    },
    /// A header. Its value may be a credential and is not shown.
    #[error("headers: {name:?} {problem}")]
    Header {
        /// Its name.
        name: String,
        /// What is wrong and what to do.
        problem: &'static str,
    },
    /// The certificates that a collector's must lead to.
    #[error("ca_file {} {problem}", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The exporter cannot be set up.
    #[error("the exporter cannot be set up: {0}")]
    Exporter(String),
}

/// Checked and complete.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    /// For gRPC scheme and authority only; for HTTP with the path of the logs.
    pub(super) uri: Uri,
    /// With encryption: whose certificates are good.
    pub(super) tls: Option<RootCertStore>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) timeout: Duration,
}

impl Endpoint {
    pub(super) fn parse(text: &str, settings: &Otlp) -> Result<Endpoint, OtlpError> {
        let example = match settings.protocol {
            OtlpProtocol::Grpc => "http://127.0.0.1:4317",
            OtlpProtocol::HttpProtobuf => "http://127.0.0.1:4318",
        };
        let wrong = |problem: String| OtlpError::Endpoint {
            endpoint: without_user(text),
            problem,
            example,
        };
        let uri: Uri = text
            .trim()
            .parse()
            .map_err(|error| wrong(format!("is not a URL ({error})")))?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(other) => {
                return Err(wrong(format!(
                    "has the scheme {other:?}, which is neither http nor https"
                )));
            }
            None => return Err(wrong("does not say http:// or https://".into())),
        };
        let authority = uri.authority().ok_or_else(|| wrong("names no host".into()))?;
        check_authority(authority).map_err(|problem| wrong(problem.into()))?;
        if uri.query().is_some() {
            return Err(wrong("has a query, which OTLP does not know".into()));
        }
        let path = match settings.protocol {
            OtlpProtocol::Grpc if uri.path() != "/" => {
                return Err(wrong(
                    "has a path, which gRPC does not know (protocol = \"http/protobuf\" does)".into(),
                ));
            }
            OtlpProtocol::Grpc => "/".into(),
            OtlpProtocol::HttpProtobuf => logs_path(uri.path()),
        };
        let tls = if tls {
            Some(trust::trusted(settings.ca_file.as_deref())?)
        } else {
            trust::none(settings.ca_file.as_deref())?
        };
        let mut parts = uri.into_parts();
        parts.path_and_query =
            Some(PathAndQuery::try_from(path).map_err(|error| wrong(format!("has a bad path ({error})")))?);
        let uri = Uri::from_parts(parts).map_err(|error| wrong(format!("is not a URL ({error})")))?;
        Ok(Endpoint {
            uri,
            tls,
            headers: headers(settings)?,
            timeout: settings.timeout,
        })
    }
}

/// The endpoint is a base unless it names the logs already, as OpenTelemetry's own settings have it.
fn logs_path(path: &str) -> String {
    let base = path.trim_end_matches('/');
    if base.ends_with(LOGS_PATH) {
        base.to_owned()
    } else {
        format!("{base}{LOGS_PATH}")
    }
}

fn check_authority(authority: &Authority) -> Result<(), &'static str> {
    if authority.as_str().contains('@') {
        return Err(
            "has a user or password in it: send credentials by [otlp] headers, as authorization = \"Basic ...\"",
        );
    }
    if authority.host().is_empty() {
        return Err("names no host");
    }
    // A port that is not a number up to 65535 reads as none.
    let after_host = &authority.as_str()[authority.host().len()..];
    match authority.port_u16() {
        Some(0) => Err("has port 0"),
        None if !after_host.is_empty() => Err("has a port that is not a number from 1 to 65535"),
        _ => Ok(()),
    }
}

fn headers(settings: &Otlp) -> Result<Vec<(HeaderName, HeaderValue)>, OtlpError> {
    let header = |(name, value): (&String, &String)| {
        let wrong = |problem| OtlpError::Header {
            name: name.clone(),
            problem,
        };
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| wrong("is not the name of a header; use letters, digits and hyphens"))?;
        if RESERVED.contains(&key.as_str()) {
            return Err(wrong("is set by the protocol itself; remove it"));
        }
        if key.as_str().ends_with("-bin") && settings.protocol == OtlpProtocol::Grpc {
            return Err(wrong("would be binary in gRPC, which is not supported; rename it"));
        }
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| wrong("has a value that a header cannot carry; use printable ASCII without line breaks"))?;
        // Not to be shown by any Debug, not to be kept in HTTP/2's header table.
        value.set_sensitive(true);
        Ok((key, value))
    };
    settings.headers.iter().map(header).collect()
}

fn without_user(text: &str) -> String {
    match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => format!("{}://...@{}", &text[..scheme], &text[at + 1..]),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn settings(protocol: OtlpProtocol) -> Otlp {
        Otlp {
            protocol,
            ..Config::default().otlp
        }
    }

    #[test]
    fn http_endpoints_get_the_path_of_the_logs() {
        let settings = settings(OtlpProtocol::HttpProtobuf);
        for (given, uri) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/logs"),
            ("http://[::1]:4318/", "http://[::1]:4318/v1/logs"),
            ("https://collector.example", "https://collector.example/v1/logs"),
            (
                "https://collector.example/otlp/",
                "https://collector.example/otlp/v1/logs",
            ),
            (
                "https://collector.example/otlp/v1/logs",
                "https://collector.example/otlp/v1/logs",
            ),
        ] {
            let endpoint = Endpoint::parse(given, &settings).unwrap();
            assert_eq!(endpoint.uri.to_string(), uri);
            assert_eq!(endpoint.tls.is_some(), given.starts_with("https"));
        }
    }

    #[test]
    fn bad_endpoints_are_refused_with_what_to_write() {
        let grpc = settings(OtlpProtocol::Grpc);
        for (given, problem) in [
            ("", "is not a URL"),
            ("127.0.0.1:4317", "does not say http"),
            ("localhost", "does not say http"),
            ("ftp://x:1", "neither http nor https"),
            ("http://:4317", "names no host"),
            ("http://x:0", "port 0"),
            ("http://x:99999", "port"),
            ("http://x:port", "port"),
            ("http://x:", "port"),
            ("http://x y", "not a URL"),
            ("http://x/v1/logs", "has a path"),
            ("http://x?a=b", "query"),
            ("http://root:secret@x:4317", "[otlp] headers"),
        ] {
            let error = Endpoint::parse(given, &grpc).map(|e| e.uri).unwrap_err().to_string();
            assert!(error.contains(problem), "{given}: {error}");
            assert!(
                error.contains("http://127.0.0.1:4317") && !error.contains("secret"),
                "{error}"
            );
        }
    }

    #[test]
    fn headers_are_checked_and_never_shown() {
        let mut settings = settings(OtlpProtocol::Grpc);
        settings.headers = [("Authorization".to_owned(), "Bearer topsecret".to_owned())].into();
        let endpoint = Endpoint::parse("http://x:4317", &settings).unwrap();
        assert_eq!(endpoint.headers[0].1, "Bearer topsecret");
        assert!(!format!("{endpoint:?}").contains("topsecret"));
        for (name, value) in [("bad name", "x"), ("content-type", "x"), ("x-bin", "x"), ("x", "a\nb")] {
            settings.headers = [(name.to_owned(), value.to_owned())].into();
            let error = Endpoint::parse("http://x:4317", &settings).map(|e| e.uri).unwrap_err();
            assert!(
                matches!(&error, OtlpError::Header { name: n, .. } if n == name),
                "{error}"
            );
        }
    }
}

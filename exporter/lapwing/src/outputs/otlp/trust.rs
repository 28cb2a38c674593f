//! Whose certificates a collector may have.

use std::path::Path;

use tokio_rustls::rustls::RootCertStore;

use super::endpoint::OtlpError;
use crate::tls::{self, TlsError};

/// The authorities of the public web, or those of the file and no others.
pub(super) fn trusted(ca_file: Option<&Path>) -> Result<RootCertStore, OtlpError> {
    tls::root_store(ca_file).map_err(|TlsError { path, problem }| OtlpError::Authority { path, problem })
}

/// Who names an authority expects encryption.
pub(super) fn none(ca_file: Option<&Path>) -> Result<Option<RootCertStore>, OtlpError> {
    let problem = "is set, and the endpoint is not encrypted; write https:// in endpoint, or remove ca_file";
    ca_file.map_or(Ok(None), |path| {
        Err(OtlpError::Authority {
            path: path.to_owned(),
            problem: problem.into(),
        })
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn authorities_are_read_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = directory.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let error = |path: &Path| trusted(Some(path)).unwrap_err().to_string();
        assert!(error(&directory.path().join("absent")).contains("cannot be read: No such file"));
        let text = file("text", "hello");
        assert!(error(&text).contains("has no certificate in it"));
        let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
        assert!(error(&file("broken", broken)).contains("is not PEM"));
        assert!(none(Some(&text)).unwrap_err().to_string().contains("write https://"));
        assert!(none(None).unwrap().is_none() && !trusted(None).unwrap().is_empty());
    }
}

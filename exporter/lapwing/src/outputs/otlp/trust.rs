//! Whose certificates a collector may have.

use std::{fs, path::Path};

use tokio_rustls::rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::endpoint::OtlpError;

/// The authorities of the public web, or those of the file and no others.
pub(super) fn trusted(ca_file: Option<&Path>) -> Result<RootCertStore, OtlpError> {
    let Some(path) = ca_file else {
        return Ok(RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        });
    };
    let wrong = |problem: String| OtlpError::Authority {
        path: path.to_owned(),
        problem,
    };
    let text = fs::read(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let certificates = certificates.map_err(|error| wrong(format!("is not PEM: {error}; write certificates only")))?;
    let mut store = RootCertStore::empty();
    for certificate in certificates {
        store
            .add(certificate)
            .map_err(|error| wrong(format!("has a certificate that cannot be used: {error}")))?;
    }
    match store.is_empty() {
        true => Err(wrong(
            "has no certificate in it; it must be PEM, with BEGIN CERTIFICATE".into(),
        )),
        false => Ok(store),
    }
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

//! Certificates and keys in PEM files, and the client's side of TLS, for everything here that speaks it.
//!
//! Files are read as [`crate::files`] reads them: not when others may write them, a key not when everybody may read it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
};

use crate::files::{self, Unread};

/// Debian's list of all authorities has 220 KiB.
const MAX_PEM: u64 = 4 << 20;

/// A file with certificates or a key that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} {problem}", path.display())]
pub struct TlsError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong and what to do, to follow the path.
    pub problem: String,
}

/// A certificate, followed by those that lead to its authority, and its key.
#[derive(Debug)]
pub struct Identity {
    /// Of the client or server itself first.
    pub certificates: Vec<CertificateDer<'static>>,
    /// Of the first certificate.
    pub key: PrivateKeyDer<'static>,
}

/// The cryptography that everything here uses.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// The certificates of a PEM file; at least one.
///
/// # Errors
/// The file cannot be read, may be written by others, or has no certificate in it.
pub fn load_certs(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let (bytes, _) = files::read(path, MAX_PEM).map_err(|unread| error(path, &unread))?;
    certificates(&bytes).map_err(|problem| TlsError {
        path: path.into(),
        problem,
    })
}

/// The private key of a PEM file: PKCS#8, PKCS#1 or SEC1, not encrypted.
///
/// # Errors
/// The file cannot be read, may be written by others or read by everybody, or has no such key in it.
pub fn load_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let (bytes, _) = files::read_secret(path, MAX_PEM).map_err(|unread| error(path, &unread))?;
    key(&bytes).map_err(|problem| TlsError {
        path: path.into(),
        problem,
    })
}

/// Certificate and key of two files (which may be the same).
///
/// # Errors
/// Those of [`load_certs`] and [`load_key`].
pub fn load_identity(certificates: &Path, key: &Path) -> Result<Identity, TlsError> {
    Ok(Identity {
        certificates: load_certs(certificates)?,
        key: load_key(key)?,
    })
}

/// Whose certificates a server may have: the authorities of the file and no others, or, without one, those of the public web.
///
/// # Errors
/// Those of [`load_certs`], and certificates that cannot be an authority's.
pub fn root_store(ca_file: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let Some(path) = ca_file else {
        return Ok(RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        });
    };
    authorities(load_certs(path)?).map_err(|problem| TlsError {
        path: path.into(),
        problem,
    })
}

/// What a TLS client is made of; `identity` for servers that ask for a certificate.
///
/// # Errors
/// A key that does not belong to the certificate, or that the cryptography here does not know; without the name of a file.
pub fn client(roots: RootCertStore, identity: Option<Identity>) -> Result<Arc<ClientConfig>, String> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => builder
            .with_client_auth_cert(identity.certificates, identity.key)
            .map_err(|error| format!("the certificate and its key do not fit together: {error}"))?,
    };
    Ok(Arc::new(config))
}

/// [`load_certs`] of a text.
pub(crate) fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let found = found.map_err(|error| format!("is not PEM: {error}; write certificates only"))?;
    match found.is_empty() {
        true => Err("has no certificate in it; it must be PEM, with BEGIN CERTIFICATE".into()),
        false => Ok(found),
    }
}

/// [`load_key`] of a text.
pub(crate) fn key(text: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    let encrypted = |label: &[u8]| text.windows(label.len()).any(|window| window == label);
    if encrypted(b"BEGIN ENCRYPTED PRIVATE KEY") || encrypted(b"Proc-Type: 4,ENCRYPTED") {
        return Err("holds a key with a passphrase, which nobody would be there to type; \
                    write it without one (openssl pkey -in OLD -out NEW), readable by root only"
            .into());
    }
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        pem::Error::NoItemsFound => "has no private key in it; it must be PEM, with BEGIN PRIVATE KEY".into(),
        error => format!("is not PEM: {error}"),
    })
}

/// Authorities out of certificates.
pub(crate) fn authorities(certificates: Vec<CertificateDer<'static>>) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    for certificate in certificates {
        store
            .add(certificate)
            .map_err(|error| format!("has a certificate that cannot be used: {error}"))?;
    }
    Ok(store)
}

fn error(path: &Path, unread: &Unread) -> TlsError {
    TlsError {
        path: path.into(),
        problem: unread.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    /// Every way in which a file can be wrong says which file, what and what to do.
    #[test]
    fn bad_files_are_refused_with_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, mode: u32, text: &str| {
            let path = directory.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        let certs = |path: &Path| load_certs(path).unwrap_err().to_string();
        let keys = |path: &Path| load_key(path).unwrap_err().to_string();
        assert!(certs(&directory.path().join("absent")).contains("absent cannot be read: No such file"));
        assert!(certs(directory.path()).contains("is not a regular file"));
        let text = file("text", 0o600, "hello");
        assert!(certs(&text).contains("has no certificate in it"));
        assert!(keys(&text).contains("has no private key in it"));
        let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
        assert!(certs(&file("broken", 0o600, broken)).contains("is not PEM"));
        assert!(certs(&file("open", 0o666, broken)).contains("may be written by others (mode 0666)"));
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let shown = file("shown", 0o644, key);
        assert!(keys(&shown).contains(&format!("chmod o-rwx {}", shown.display())));
        assert!(load_key(&file("group", 0o640, key)).is_ok(), "a group may read it");
        for label in [
            "BEGIN ENCRYPTED PRIVATE KEY",
            "BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED",
        ] {
            let text = file("encrypted", 0o600, &format!("-----{label}-----\n"));
            assert!(keys(&text).contains("without one"), "{label}");
        }
    }

    #[test]
    fn without_a_file_the_authorities_are_those_of_the_web() {
        assert!(root_store(None).unwrap().len() > 50);
        assert!(client(root_store(None).unwrap(), None).is_ok());
    }
}

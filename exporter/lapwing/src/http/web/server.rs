//! The server's side of TLS out of what the text says and what is in the files.

use std::sync::Arc;

use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto::CryptoProvider, server::NoServerSessionStorage};

use super::{TlsServer, Version, clients::verifier};
use crate::tls::{Identity, provider};

/// # Errors
/// A key that is not the certificate's, or something that the library refuses.
pub(super) fn config(
    tls: &TlsServer,
    identity: Identity,
    authorities: Option<RootCertStore>,
) -> Result<Arc<ServerConfig>, String> {
    let provider = Arc::new(cryptography(tls));
    let versions: Vec<_> = tls
        .versions
        .iter()
        .map(|version| Version::supported(*version))
        .collect();
    let clients = verifier(tls.client_auth, authorities, tls.allowed_names.clone(), &provider)?;
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .map_err(|error| error.to_string())?;
    let builder = match clients {
        Some(clients) => builder.with_client_cert_verifier(clients),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(identity.certificates, identity.key)
        .map_err(|error| format!("certificate and key do not fit together: {error}"))?;
    config.ignore_client_order = tls.prefer_server;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A resumed session is not verified again: a client whose certificate has run out would still be let in.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

fn cryptography(tls: &TlsServer) -> CryptoProvider {
    let mut provider = (*provider()).clone();
    if let Some(chosen) = &tls.cipher_suites {
        // The format chooses among those of TLS 1.2 only.
        provider.cipher_suites.retain(|suite| suite.tls13().is_some());
        provider.cipher_suites.extend(chosen);
    }
    if let Some(chosen) = &tls.groups {
        provider.kx_groups.clone_from(chosen);
    }
    provider
}

//! `tls_server_config`.

use tokio_rustls::rustls::SupportedCipherSuite;

use super::{
    ClientAuth, Pem, TlsServer,
    names::{self, Version},
    reader::{Reader, Section},
    yaml::{At, Node},
};
use crate::config::suggest::nearest;

const TLS_KEYS: [&str; 13] = [
    "cert",
    "key",
    "client_ca",
    "cert_file",
    "key_file",
    "client_ca_file",
    "client_auth_type",
    "client_allowed_sans",
    "min_version",
    "max_version",
    "cipher_suites",
    "prefer_server_cipher_suites",
    "curve_preferences",
];

impl Reader<'_> {
    /// None when there is nothing in it.
    pub(super) fn tls(&mut self, node: &Node) -> Option<TlsServer> {
        let section = self.section(node, "tls_server_config", &TLS_KEYS);
        if section.0.is_empty() {
            return None;
        }
        let certificate = self.pem(&section, "cert", "cert_file", node.at);
        let key = self.pem(&section, "key", "key_file", node.at);
        let client_ca = self.optional_pem(&section, "client_ca", "client_ca_file");
        let client_auth = self.client_auth(&section, client_ca.as_ref());
        let mut versions = self.versions(&section, node.at);
        let cipher_suites = self.cipher_suites(&section, &mut versions);
        let groups = section
            .get("curve_preferences")
            .map(|node| self.list(node, "curve_preferences"))
            .filter(|list| !list.is_empty())
            .map(|list| self.names(list, names::group));
        let allowed_names = section.get("client_allowed_sans").map(|node| {
            let list = self.list(node, "client_allowed_sans");
            self.allowed_names(&list, node.at, client_auth);
            list.into_iter().map(|(name, _)| name).collect()
        });
        let prefer_server = section
            .get("prefer_server_cipher_suites")
            .and_then(|node| self.boolean(node, "prefer_server_cipher_suites"))
            .unwrap_or(true);
        Some(TlsServer {
            certificate: certificate?,
            key: key?,
            client_ca,
            client_auth,
            allowed_names,
            versions,
            cipher_suites,
            groups,
            prefer_server,
        })
    }

    fn versions(&mut self, section: &Section<'_>, at: At) -> Vec<Version> {
        let min = self.version(section, "min_version").unwrap_or(Version::Tls12);
        let max = self.version(section, "max_version").unwrap_or(Version::Tls13);
        if min > max {
            let at = section.get("max_version").map_or(at, |node| node.at);
            self.problem(at, "max_version is lower than min_version", "raise it, or leave it out");
        }
        let all = [Version::Tls12, Version::Tls13];
        all.into_iter()
            .filter(|version| (min..=max).contains(version))
            .collect()
    }

    /// A list without any suite of TLS 1.2 leaves TLS 1.3 alone.
    fn cipher_suites(
        &mut self,
        section: &Section<'_>,
        versions: &mut Vec<Version>,
    ) -> Option<Vec<SupportedCipherSuite>> {
        let node = section.get("cipher_suites")?;
        let list = self.list(node, "cipher_suites");
        if list.is_empty() {
            return None;
        }
        let suites: Vec<_> = self.names(list, names::cipher_suite).into_iter().flatten().collect();
        if suites.is_empty() {
            versions.retain(|version| *version == Version::Tls13);
            if versions.is_empty() {
                self.problem(
                    node.at,
                    "no cipher is left for TLS 1.2",
                    "add one, or raise max_version to TLS13",
                );
            }
        }
        Some(suites)
    }

    fn pem(&mut self, section: &Section<'_>, inline: &str, file: &str, at: At) -> Option<Pem> {
        let found = self.optional_pem(section, inline, file);
        if found.is_none() && section.get(file).is_none() && section.get(inline).is_none() {
            self.problem(
                at,
                format!("tls_server_config has no {file}: nothing would be encrypted"),
                format!("write {file}: /path/to.pem, or remove tls_server_config"),
            );
        }
        found
    }

    fn optional_pem(&mut self, section: &Section<'_>, inline: &str, file: &str) -> Option<Pem> {
        let (text, path) = (section.get(inline), section.get(file));
        if let (Some(node), Some(_)) = (text, path) {
            self.problem(
                node.at,
                format!("both {inline} and {file} are there"),
                "write one of them",
            );
            return None;
        }
        if let Some(node) = text {
            let text = self.text(node, inline)?;
            return Some(Pem::Inline {
                text,
                key: inline.into(),
                at: node.at,
            });
        }
        let node = path?;
        let path = self.text(node, file)?;
        if path.is_empty() || path.contains('\0') {
            self.problem(
                node.at,
                format!("{file} is not a path"),
                "write the path of a file, relative to this one",
            );
            return None;
        }
        Some(Pem::File {
            path: path.into(),
            key: file.into(),
            at: node.at,
        })
    }

    fn client_auth(&mut self, section: &Section<'_>, authorities: Option<&Pem>) -> ClientAuth {
        let auth = self.client_auth_type(section).unwrap_or(ClientAuth::None);
        let verified = matches!(auth, ClientAuth::VerifyIfGiven | ClientAuth::RequireAndVerify);
        let written = section.get("client_ca").or(section.get("client_ca_file"));
        match (section.get("client_auth_type"), written) {
            (Some(node), None) if verified => self.problem(
                node.at,
                "certificates are to be verified, and there is no authority to verify them by",
                "name the file of your authority's certificate: client_ca_file: ca.pem",
            ),
            (_, Some(node)) if auth == ClientAuth::None && authorities.is_some() => self.problem(
                node.at,
                "there is an authority for clients, and no client is asked for a certificate",
                "write client_auth_type: RequireAndVerifyClientCert",
            ),
            _ => {}
        }
        auth
    }

    fn client_auth_type(&mut self, section: &Section<'_>) -> Option<ClientAuth> {
        let node = section.get("client_auth_type")?;
        let name = self.text(node, "client_auth_type").filter(|name| !name.is_empty())?;
        if let Some((_, auth)) = names::CLIENT_AUTH.iter().find(|(known, _)| *known == name) {
            return Some(*auth);
        }
        let known: Vec<&str> = names::CLIENT_AUTH.iter().map(|(name, _)| *name).collect();
        let help = match nearest(&name, known.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("known: {}", known.join(", ")),
        };
        self.problem(node.at, format!("client_auth_type cannot be {name:?}"), help);
        None
    }

    fn allowed_names(&mut self, list: &[(String, At)], at: At, auth: ClientAuth) {
        if auth != ClientAuth::RequireAndVerify {
            self.problem(
                at,
                "client_allowed_sans says nothing about certificates that anybody may have made",
                "write client_auth_type: RequireAndVerifyClientCert, with client_ca_file",
            );
        }
        if list.is_empty() {
            self.problem(
                at,
                "client_allowed_sans is empty: no client could connect",
                "name one, or remove it",
            );
        }
        for (name, at) in list
            .iter()
            .filter(|(name, _)| name.contains('@') && !name.contains("://"))
        {
            self.problem(
                *at,
                format!("{name:?} is an e-mail address, which is not compared here"),
                "use a DNS name, an IP address or a URI of the certificate",
            );
        }
    }

    fn version(&mut self, section: &Section<'_>, key: &str) -> Option<Version> {
        let node = section.get(key)?;
        let name = self.text(node, key)?;
        match names::version(&name) {
            Ok(version) => Some(version),
            Err((message, help)) => {
                self.problem(node.at, format!("{key}: {message}"), help);
                None
            }
        }
    }

    fn names<T>(&mut self, list: Vec<(String, At)>, read: impl Fn(&str) -> Result<T, names::Refusal>) -> Vec<T> {
        let mut found = Vec::new();
        for (name, at) in list {
            match read(&name) {
                Ok(item) => found.push(item),
                Err((message, help)) => self.problem(at, message, help),
            }
        }
        found
    }
}

//! The names that Go gives to what TLS can be made of, and what of it exists here.

use tokio_rustls::rustls::{
    SupportedCipherSuite, SupportedProtocolVersion,
    crypto::{SupportedKxGroup, ring::cipher_suite, ring::kx_group},
    version,
};

use crate::config::suggest::nearest;

/// When a client must show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// Never.
    None,
    /// It is asked for one; any or none will do.
    Request,
    /// It must show one, by whomever it is signed.
    RequireAny,
    /// One that it shows must be signed by an authority of ours.
    VerifyIfGiven,
    /// It must show one that is signed by an authority of ours.
    RequireAndVerify,
}

pub(super) const CLIENT_AUTH: [(&str, ClientAuth); 6] = [
    ("NoClientCert", ClientAuth::None),
    ("RequestClientCert", ClientAuth::Request),
    ("RequireAnyClientCert", ClientAuth::RequireAny),
    // The name that the format had first.
    ("RequireClientCert", ClientAuth::RequireAny),
    ("VerifyClientCertIfGiven", ClientAuth::VerifyIfGiven),
    ("RequireAndVerifyClientCert", ClientAuth::RequireAndVerify),
];

/// A TLS version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// TLS 1.2
    Tls12,
    /// TLS 1.3
    Tls13,
}

impl Version {
    pub(super) fn supported(self) -> &'static SupportedProtocolVersion {
        match self {
            Version::Tls12 => &version::TLS12,
            Version::Tls13 => &version::TLS13,
        }
    }
}

/// What is wrong with a name, and what to write.
pub(super) type Refusal = (String, String);

/// `TLS12`, `TLS13`.
pub(super) fn version(name: &str) -> Result<Version, Refusal> {
    match name {
        "TLS12" => Ok(Version::Tls12),
        "TLS13" => Ok(Version::Tls13),
        "TLS10" | "TLS11" => Err((
            format!("{name} is not secure (RFC 8996) and not spoken here"),
            "write TLS12; Prometheus has spoken TLS 1.2 since its first version".into(),
        )),
        _ => Err((
            format!("{name:?} is not a version of TLS"),
            "write TLS12 or TLS13".into(),
        )),
    }
}

/// The suites of TLS 1.2; those of TLS 1.3 cannot be chosen, neither there nor here.
const SUITES: [(&str, SupportedCipherSuite); 6] = [
    (
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
];
const TLS13_SUITES: [&str; 3] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
];

/// A suite of TLS 1.2; none for one of TLS 1.3, which is always on.
pub(super) fn cipher_suite(name: &str) -> Result<Option<SupportedCipherSuite>, Refusal> {
    if let Some((_, suite)) = SUITES.iter().find(|(known, _)| *known == name) {
        return Ok(Some(*suite));
    }
    if TLS13_SUITES.contains(&name) {
        return Ok(None);
    }
    let known = || SUITES.iter().map(|(name, _)| *name);
    let weak = name.starts_with("TLS_RSA_") || ["_CBC_", "_RC4_"].iter().any(|part| name.contains(part));
    if name.starts_with("TLS_") && weak {
        return Err((
            format!("{name} is a weak cipher and not spoken here"),
            format!("use some of {}", known().collect::<Vec<_>>().join(", ")),
        ));
    }
    let help = match nearest(name, known()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("use some of {}", known().collect::<Vec<_>>().join(", ")),
    };
    Err((format!("unknown cipher {name:?}"), help))
}

const GROUPS: [(&str, &dyn SupportedKxGroup); 3] = [
    ("X25519", kx_group::X25519),
    ("CurveP256", kx_group::SECP256R1),
    ("CurveP384", kx_group::SECP384R1),
];

/// A curve for the exchange of keys.
pub(super) fn group(name: &str) -> Result<&'static dyn SupportedKxGroup, Refusal> {
    if let Some((_, group)) = GROUPS.iter().find(|(known, _)| *known == name) {
        return Ok(*group);
    }
    let known = "use some of X25519, CurveP256, CurveP384".to_owned();
    match name {
        "CurveP521" | "X25519MLKEM768" => Err((format!("{name} is not spoken here"), known)),
        _ => Err((format!("unknown curve {name:?}"), known)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suites_are_those_of_the_library() {
        for (name, suite) in SUITES {
            // The library says CHACHA20 as IANA does, and so does Go.
            assert_eq!(format!("{:?}", suite.suite()), name);
        }
        let of_library = crate::tls::provider().cipher_suites.len();
        assert_eq!(SUITES.len() + TLS13_SUITES.len(), of_library, "none is forgotten");
        assert_eq!(GROUPS.len(), crate::tls::provider().kx_groups.len());
    }
}

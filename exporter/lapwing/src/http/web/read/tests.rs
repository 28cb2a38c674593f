//! Texts, right and wrong. Files are another test's matter.

use std::time::Duration;

use super::super::{ClientAuth, Pem, RateLimit, Version, WebConfig};

const HASH: &str = "$2y$05$c9zLAn5RvMTQzBjJ7mPYpO5nF7Gh7IS2bbGBGcbYUlhwlkqWkAMwa";

fn problems(text: &str) -> Vec<String> {
    let problems = WebConfig::parse("web.yml", text).unwrap_err();
    problems.iter().map(ToString::to_string).collect()
}

fn tls(lines: &str) -> String {
    format!("tls_server_config:\n  cert_file: a.pem\n  key_file: a.key\n{lines}")
}

#[test]
fn all_keys_of_the_format_are_understood() {
    let text = format!(
        "# as documented\n\
         tls_server_config:\n  cert_file: server.pem\n  key_file: 'server.key'\n  client_ca_file: /etc/ca.pem\n\
         \x20 client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: [prometheus.example, 10.0.0.1]\n\
         \x20 min_version: TLS12\n  max_version: TLS13\n  cipher_suites:\n  - TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\n\
         \x20 - TLS_AES_128_GCM_SHA256\n  prefer_server_cipher_suites: false\n  curve_preferences: [CurveP256, X25519]\n\
         http_server_config:\n  http2: false\n  headers:\n    X-Frame-Options: deny\n    Content-Security-Policy: default-src 'self'\n\
         basic_auth_users:\n  alice: {HASH}\n  'bob smith': \"{HASH}\"\n\
         rate_limit:\n  interval: 250ms\n  burst: 20\n"
    );
    let config = WebConfig::parse("web.yml", &text).unwrap();
    assert!(config.warnings.is_empty());
    let tls = config.tls.unwrap();
    assert!(matches!(&tls.key, Pem::File { path, .. } if path.as_os_str() == "server.key"));
    assert_eq!(tls.client_auth, ClientAuth::RequireAndVerify);
    assert_eq!(tls.allowed_names.unwrap(), ["prometheus.example", "10.0.0.1"]);
    assert_eq!(tls.versions, [Version::Tls12, Version::Tls13]);
    assert_eq!((tls.cipher_suites.unwrap().len(), tls.groups.unwrap().len()), (1, 2));
    assert!(!tls.prefer_server);
    assert_eq!(config.headers.len(), 2);
    let names: Vec<&str> = config.users.iter().map(|user| &*user.name).collect();
    assert_eq!((names, config.users[0].cost), (vec!["alice", "bob smith"], 5));
    let interval = Duration::from_millis(250);
    assert_eq!(config.rate_limit, Some(RateLimit { interval, burst: 20 }));
    assert!(!format!("{:?} {:?}", config.users, tls.certificate).contains("$2y$"));
}

/// As documented, everything may be left out; the defaults are the format's.
#[test]
fn everything_may_be_left_out() {
    for text in [
        "",
        "# nothing",
        "{}",
        "tls_server_config:\nbasic_auth_users:\n",
        "rate_limit:\n  interval: 0",
    ] {
        let config = WebConfig::parse("web.yml", text).unwrap();
        assert!(
            config.tls.is_none() && config.users.is_empty() && config.rate_limit.is_none(),
            "{text}"
        );
    }
    let tls = WebConfig::parse("web.yml", &tls("")).unwrap().tls.unwrap();
    assert_eq!((tls.client_auth, tls.prefer_server), (ClientAuth::None, true));
    assert_eq!(tls.versions, [Version::Tls12, Version::Tls13]);
    assert!(tls.cipher_suites.is_none() && tls.groups.is_none() && tls.client_ca.is_none());
}

#[test]
fn client_authentication_has_the_names_of_go() {
    for (name, auth) in [
        ("NoClientCert", ClientAuth::None),
        ("RequestClientCert", ClientAuth::Request),
        ("RequireAnyClientCert", ClientAuth::RequireAny),
        ("VerifyClientCertIfGiven", ClientAuth::VerifyIfGiven),
        ("RequireAndVerifyClientCert", ClientAuth::RequireAndVerify),
    ] {
        let ca = if auth == ClientAuth::None {
            ""
        } else {
            "  client_ca_file: ca.pem\n"
        };
        let text = tls(&format!("{ca}  client_auth_type: {name}\n"));
        assert_eq!(
            WebConfig::parse("web.yml", &text).unwrap().tls.unwrap().client_auth,
            auth
        );
    }
}

#[test]
fn ciphers_of_tls_1_3_alone_leave_tls_1_3_alone() {
    let text = tls("  cipher_suites: [TLS_AES_128_GCM_SHA256]\n");
    let tls = WebConfig::parse("web.yml", &text).unwrap().tls.unwrap();
    assert_eq!(tls.versions, [Version::Tls13]);
}

#[test]
fn what_is_wrong_is_said_at_its_place() {
    let server = tls("");
    for (text, said) in [
        (
            "tls_server_confg: {}",
            "web.yml:1:1: unknown key \"tls_server_confg\" in the file; did you mean tls_server_config?",
        ),
        (
            "- a",
            "web.yml:1:1: the file must be a section, not a list; write key: value, one a line",
        ),
        (
            &*format!("{server}  cert_fil: x"),
            "web.yml:4:3: unknown key \"cert_fil\" in tls_server_config; did you mean cert_file?",
        ),
        (
            &*format!("{server}  key_file: b"),
            "web.yml:4:3: \"key_file\" is there twice, first in line 3; remove one of them",
        ),
        (
            "tls_server_config:\n  min_version: TLS13",
            "web.yml:2:3: tls_server_config has no cert_file: nothing would be encrypted; write cert_file: /path/to.pem, or remove \
             tls_server_config",
        ),
        (
            &*format!("{server}  cert: x"),
            "web.yml:4:9: both cert and cert_file are there; write one of them",
        ),
        (
            &*format!("{server}  min_version: TLS10"),
            "web.yml:4:16: min_version: TLS10 is not secure (RFC 8996) and not spoken here; write TLS12; Prometheus has spoken TLS 1.2 \
             since its first version",
        ),
        (
            &*format!("{server}  max_version: SSL3"),
            "web.yml:4:16: max_version: \"SSL3\" is not a version of TLS; write TLS12 or TLS13",
        ),
        (
            &*format!("{server}  min_version: TLS13\n  max_version: TLS12"),
            "web.yml:5:16: max_version is lower than min_version; raise it, or leave it out",
        ),
        (
            &*format!("{server}  cipher_suites:\n  - TLS_RSA_WITH_AES_128_CBC_SHA"),
            "web.yml:5:5: TLS_RSA_WITH_AES_128_CBC_SHA is a weak cipher and not spoken here; use some of \
             TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, ",
        ),
        (
            &*format!("{server}  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA25]"),
            "web.yml:4:19: unknown cipher \"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA25\"; did you mean \
             TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256?",
        ),
        (
            &*format!("{server}  max_version: TLS12\n  cipher_suites: [TLS_AES_128_GCM_SHA256]"),
            "web.yml:5:18: no cipher is left for TLS 1.2; add one, or raise max_version to TLS13",
        ),
        (
            &*format!("{server}  curve_preferences: [CurveP521]"),
            "web.yml:4:23: CurveP521 is not spoken here; use some of X25519, CurveP256, CurveP384",
        ),
        (
            &*format!("{server}  client_auth_type: RequireAndVerify"),
            "web.yml:4:21: client_auth_type cannot be \"RequireAndVerify\"; known: NoClientCert, ",
        ),
        (
            &*format!("{server}  client_auth_type: RequireAndVerifyClientCert"),
            "web.yml:4:21: certificates are to be verified, and there is no authority to verify them by; name the file",
        ),
        (
            &*format!("{server}  client_ca_file: ca.pem"),
            "web.yml:4:19: there is an authority for clients, and no client is asked for a certificate; write client_auth_type",
        ),
        (
            &*format!("{server}  client_auth_type: RequireAnyClientCert\n  client_allowed_sans: [x]"),
            "web.yml:5:24: client_allowed_sans says nothing about certificates that anybody may have made; write client_auth_type",
        ),
        (
            &*format!(
                "{server}  client_ca_file: c\n  client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: [a@b.c]"
            ),
            "web.yml:6:25: \"a@b.c\" is an e-mail address, which is not compared here; use a DNS name",
        ),
        (
            &*format!(
                "{server}  client_ca_file: c\n  client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: []"
            ),
            "web.yml:6:24: client_allowed_sans is empty: no client could connect; name one, or remove it",
        ),
        (
            &*format!("{server}  prefer_server_cipher_suites: 7"),
            "web.yml:4:32: prefer_server_cipher_suites is neither true nor false",
        ),
        (
            "http_server_config:\n  headers:\n    X-Frame: deny",
            "web.yml:3:5: unknown key \"X-Frame\" in headers",
        ),
        (
            "http_server_config:\n  headers:\n    X-Frame-Options: maybe",
            "web.yml:3:22: X-Frame-Options cannot be \"maybe\"; write deny or sameorigin",
        ),
        (
            "http_server_config:\n  headers:\n    X-XSS-Protection: \"a\\nb\"",
            "web.yml:3:23: X-XSS-Protection has characters that no header may have",
        ),
        (
            "basic_auth_users:\n  alice: secret",
            "web.yml:2:10: the password of user \"alice\" is not a bcrypt hash; make it by: htpasswd -nBC 10 NAME",
        ),
        (
            "basic_auth_users:\n  alice: $2y$31$c9zLAn5RvMTQzBjJ7mPYpO5nF7Gh7IS2bbGBGcbYUlhwlkqWkAMwa",
            "web.yml:2:10: the password of user \"alice\" has a cost of 31; 4 to 15 can be used; make it by",
        ),
        (
            "basic_auth_users: [alice]",
            "web.yml:1:19: basic_auth_users must be a section, not a list; write NAME: HASH, one a line",
        ),
        (
            &*format!("basic_auth_users:\n  'a:b': {HASH}"),
            "web.yml:2:3: \"a:b\" cannot be the name of a user; a name has no colon",
        ),
        (
            &*format!("basic_auth_users:\n  a: {HASH}\n  a: {HASH}"),
            "web.yml:3:3: \"a\" is there twice, first in line 2; remove one of them",
        ),
        (
            "rate_limit:\n  interval: soon\n  burst: 1",
            "web.yml:2:13: interval: \"soon\" is not a duration",
        ),
        ("rate_limit:\n  interval: 1s", "web.yml:2:3: burst must be"),
        (
            "rate_limit:\n  interval: 1s\n  burst: 0",
            "web.yml:3:10: burst must be a whole number of at least 1",
        ),
        ("a: [", "web.yml:1:5: not YAML: "),
    ] {
        let problems = problems(text);
        assert!(problems[0].contains(said), "{text}\n{problems:#?}");
        assert!(
            !problems.concat().contains("secret"),
            "a password that was not hashed is not shown"
        );
    }
}

#[test]
fn every_problem_is_said_and_http2_is_only_a_warning() {
    let found = problems("x: 1\ntls_server_config:\n  y: 1\nbasic_auth_users:\n  z: no\n");
    assert_eq!(found.len(), 3, "{found:#?}");
    let config = WebConfig::parse("web.yml", "http_server_config:\n  http2: true").unwrap();
    assert!(
        config.warnings[0]
            .to_string()
            .starts_with("web.yml:2:10: http2 has no effect")
    );
}

//! What changes while it runs, what other hosts may reach, how much is answered, and odd requests.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
};

use lapwing::metrics::Metrics;

use super::{Endpoint, TLS, and, basics, open, pki::Pki, users, write};

/// The next request after a change goes by it; a broken change is refused once, counted, and changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn changes_are_taken_over_and_broken_ones_are_not() {
    let alice = users(&[("alice", "one")]);
    let endpoint = Endpoint::start(&format!("{TLS}{alice}"), basics).await;
    let login = |pair: &str| endpoint.status(&and(&["--user", pair]));
    let counted = || endpoint.metrics.http().config_reads();
    assert_eq!((login("alice:one"), counted()), ("200".into(), (0, 0)));
    endpoint.change(&format!("{TLS}{}", users(&[("alice", "two"), ("bob", "three")])));
    assert_eq!(
        [login("alice:one"), login("alice:two"), login("bob:three")],
        ["401", "200", "200"]
    );
    assert_eq!(counted(), (1, 0));
    for (number, broken) in ["tls_server_confg: {}\n", "a: [", "basic_auth_users:\n  alice: plain\n"]
        .iter()
        .enumerate()
    {
        endpoint.change(broken);
        assert_eq!([login("alice:one"), login("alice:two")], ["401", "200"], "{broken}");
        assert_eq!(counted(), (1, 1 + number as u64), "once");
        assert!(!endpoint.metrics.http().config_good());
    }
    fs::remove_file(endpoint.pki().file("web.yml")).unwrap();
    assert_eq!((login("alice:two"), counted()), ("200".into(), (1, 4)));
    endpoint.change(&format!("{TLS}{alice}"));
    assert_eq!([login("alice:one"), login("alice:two")], ["200", "401"]);
    assert!(endpoint.metrics.http().config_good() && counted() == (2, 4));

    // Rotation: a new authority and certificate. In between the key does not fit, and the old pair serves.
    let pki = endpoint.pki();
    pki.authority("new");
    pki.server("fresh", "new");
    fs::rename(pki.file("fresh.pem"), pki.file("server.pem")).unwrap();
    assert_eq!((login("alice:one"), counted()), ("200".into(), (2, 5)));
    fs::rename(pki.file("fresh.key"), pki.file("server.key")).unwrap();
    assert_eq!(
        (login("alice:one"), counted()),
        ("000".into(), (3, 5)),
        "the old authority is not trusted for the new one"
    );
    assert_eq!(endpoint.status(&["--cacert", "new.pem", "--user", "alice:one"]), "200");
    // A key that everybody may read is broken too.
    fs::set_permissions(pki.file("server.key"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(endpoint.status(&["--cacert", "new.pem", "--user", "alice:one"]), "200");
    assert_eq!(counted(), (3, 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_limit_is_for_all_requests() {
    let endpoint = Endpoint::start("rate_limit:\n  interval: 1h\n  burst: 2\n", |_| {}).await;
    let url = endpoint.url("/metrics").replace("https", "http");
    let ask = || endpoint.curl(&[], &url).0;
    assert_eq!([ask(), ask(), ask(), ask()], ["200", "200", "429", "429"]);
    assert_eq!(endpoint.requests("429"), 2);
}

/// What other hosts reach needs both. The address is no host's: what is let through fails to bind, and nothing is reachable from outside.
#[tokio::test(flavor = "multi_thread")]
async fn an_open_address_needs_encryption_and_authentication() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    basics(&Pki(path));
    let metrics = Metrics::new(10);
    let others = "198.51.100.1:19754";
    let refused = async |path| open(others, path, metrics.clone()).await.unwrap_err().to_string();
    assert!(
        refused(None)
            .await
            .contains("write a web_config_file with TLS and authentication")
    );
    let alice = users(&[("alice", "one")]);
    let ca = "  client_ca_file: ca.pem\n  client_auth_type:";
    for (text, said) in [
        (String::new(), "neither encryption nor authentication"),
        (TLS.into(), "asks nobody who they are"),
        (
            format!("{TLS}{ca} VerifyClientCertIfGiven\n"),
            "asks nobody who they are",
        ),
        (format!("{TLS}{ca} RequireAnyClientCert\n"), "asks nobody who they are"),
        (alice.clone(), "sends passwords unencrypted"),
        (format!("{TLS}{alice}"), "cannot listen on 198.51.100.1:19754"),
        (
            format!("{TLS}{ca} RequireAndVerifyClientCert\n"),
            "cannot listen on 198.51.100.1:19754",
        ),
    ] {
        write(path, &text);
        let error = refused(Some(path)).await;
        assert!(error.contains(said), "{error}");
    }
}

/// Pipelined, old, odd and hostile requests, over TLS as over plain HTTP.
#[tokio::test(flavor = "multi_thread")]
async fn odd_requests_are_answered_or_refused() {
    let endpoint = Endpoint::start("", |_| {}).await;
    let ask = |request: &str| {
        let mut stream = TcpStream::connect(endpoint.http.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    };
    for (request, status) in [
        ("GET /metrics HTTP/1.0\r\n\r\n", "HTTP/1.0 200"),
        (
            "GET http://elsewhere/metrics HTTP/1.1\r\nHost: x\r\n\r\n",
            "HTTP/1.1 200",
        ),
        ("GET /../metrics HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404"),
        ("GET //metrics HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404"),
        ("GET /%6detrics HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404"),
        (
            "GET /metrics/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
            "HTTP/1.1 404",
        ),
        (
            "POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 405",
        ),
        (
            "PUT /-/quit HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 405",
        ),
        ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405"),
        ("TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405"),
        ("CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405"),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "HTTP/1.1 400",
        ),
        ("GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400"),
        ("\u{16}\u{3}\u{1}", ""),
    ] {
        let answer = ask(request);
        assert!(answer.starts_with(status), "{request:?}: {answer:.200}");
    }
    let answer = ask("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.matches("HTTP/1.1").count() == 1 && !answer.contains("# EOF"));
    assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
}

//! Who gets in, and by which kind of TLS.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use super::{Endpoint, TLS, TRUST, and, basics, pki::Pki, servers::wait_until, users};

#[tokio::test(flavor = "multi_thread")]
async fn curl_gets_in_with_tls_and_password_only() {
    let text = format!(
        "{TLS}{}http_server_config:\n  headers:\n    X-Frame-Options: deny\n",
        users(&[("alice", "pa:ss")])
    );
    let endpoint = Endpoint::start(&text, basics).await;
    let (status, body) = endpoint.curl(&and(&["--user", "alice:pa:ss"]), &endpoint.url("/metrics"));
    assert!(status == "200" && body.ends_with("# EOF\n"), "{status}");
    assert_eq!(endpoint.status(&and(&["--user", "alice:pa"])), "401");
    assert_eq!(endpoint.status(&and(&["--user", "bob:pa:ss"])), "401");
    // Every page, also those that do not exist, and every method: who is not known learns nothing.
    for path in ["/", "/metrics", "/-/healthy", "/-/ready", "/nothing"] {
        let (status, _) = endpoint.curl(&TRUST, &endpoint.url(path));
        assert_eq!(status, "401", "{path}");
    }
    assert_eq!(endpoint.status(&and(&["--request", "DELETE"])), "401");
    assert_eq!(
        endpoint.status(&and(&["--user", "alice:pa:ss", "--request", "DELETE"])),
        "405"
    );
    let (_, head) = endpoint.curl(&and(&["--head"]), &endpoint.url("/metrics"));
    let head = head.to_lowercase();
    assert!(
        head.contains("www-authenticate: basic realm=\"lapwing\"") && head.contains("x-frame-options: deny"),
        "{head}"
    );
    // Prometheus and browsers offer HTTP/2 and take what there is.
    assert_eq!(endpoint.status(&and(&["--http2", "--user", "alice:pa:ss"])), "200");
    // Who does not trust the certificate, or does not speak TLS, gets nothing.
    assert_eq!(endpoint.status(&["--user", "alice:pa:ss"]), "000");
    let plain = endpoint.url("/metrics").replace("https", "http");
    let (status, body) = endpoint.curl(&["--user", "alice:pa:ss"], &plain);
    assert_eq!((&*status, &*body), ("400", "this port speaks HTTPS\n"));
    wait_until("both to be counted", || {
        endpoint.metrics.http().handshakes_failed() == 2
    });
    assert!(endpoint.requests("200") == 2 && endpoint.requests("401") >= 9 && endpoint.requests("405") == 1);
    let (_, page) = endpoint.curl(&and(&["--user", "alice:pa:ss"]), &endpoint.url("/metrics"));
    for series in [
        "lapwing_http_requests_total{code=\"200\"} 2\n",
        "lapwing_http_handshakes_failed_total 2\n",
        "lapwing_web_config_reads_total{result=\"failure\"} 0\n",
        "lapwing_web_config_last_read_successful 1\n",
    ] {
        assert!(page.contains(series), "{series}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_client_authentication_lets_in_whom_it_should() {
    let certificates = |pki: &Pki<'_>| {
        basics(pki);
        pki.authority("other");
        pki.client("good", "ca", "DNS:prometheus.example", 30);
        pki.client("wild", "ca", "DNS:*.example,IP:10.0.0.1", 30);
        pki.client("uri", "ca", "URI:spiffe://example/prometheus", 30);
        pki.client("stranger", "other", "DNS:prometheus.example", 30);
        pki.client("old", "ca", "DNS:prometheus.example", -1);
    };
    let endpoint = Endpoint::start(TLS, certificates).await;
    let with = |name: &str| {
        let (certificate, key) = (format!("{name}.pem"), format!("{name}.key"));
        endpoint.status(&and(&["--cert", &certificate, "--key", &key]))
    };
    let clients = || {
        [
            endpoint.status(&TRUST),
            with("good"),
            with("stranger"),
            with("old"),
            with("server"),
        ]
    };
    let ca = "  client_ca_file: ca.pem\n";
    // Without a certificate, with a good one, with that of a stranger, with one that has run out, with a server's.
    for (auth, expected) in [
        ("NoClientCert\n", ["200", "200", "200", "200", "200"]),
        ("RequestClientCert\n", ["200", "200", "200", "200", "200"]),
        ("RequireAnyClientCert\n", ["000", "200", "200", "200", "200"]),
        (
            &*format!("VerifyClientCertIfGiven\n{ca}"),
            ["200", "200", "000", "000", "000"],
        ),
        (
            &*format!("RequireAndVerifyClientCert\n{ca}"),
            ["000", "200", "000", "000", "000"],
        ),
        // The same in TLS 1.2, where the client's certificate comes at another point of the handshake.
        (
            &*format!("RequireAndVerifyClientCert\n{ca}  max_version: TLS12\n"),
            ["000", "200", "000", "000", "000"],
        ),
        (
            "RequireAnyClientCert\n  max_version: TLS12\n",
            ["000", "200", "200", "200", "200"],
        ),
    ] {
        endpoint.change(&format!("{TLS}  client_auth_type: {auth}"));
        assert_eq!(clients(), expected, "{auth}");
    }
    let named = |names: &str| {
        endpoint.change(&format!(
            "{TLS}{ca}  client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: {names}\n"
        ));
        [with("good"), with("wild"), with("uri"), with("stranger")]
    };
    assert_eq!(named("[prometheus.example]"), ["200", "000", "000", "000"]);
    assert_eq!(named("[10.0.0.1, x.example]"), ["000", "200", "000", "000"]);
    assert_eq!(named("['spiffe://example/prometheus']"), ["000", "000", "200", "000"]);
    let (good, bad) = endpoint.metrics.http().config_reads();
    assert_eq!((good, bad), (10, 0), "every change was seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_and_ciphers_are_those_that_are_configured() {
    let rsa = |pki: &Pki<'_>| basics(pki);
    let endpoint = Endpoint::start(&format!("{TLS}  min_version: TLS13\n"), rsa).await;
    assert_eq!(endpoint.status(&and(&["--tls-max", "1.2"])), "000");
    assert_eq!(endpoint.status(&and(&["--tlsv1.3"])), "200");
    endpoint.change(&format!(
        "{TLS}  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n"
    ));
    assert_eq!(endpoint.status(&and(&["--tlsv1.3"])), "000");
    assert_eq!(
        endpoint.status(&and(&["--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256"])),
        "000"
    );
    assert_eq!(
        endpoint.status(&and(&["--ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384"])),
        "200"
    );
    endpoint.change(&format!("{TLS}  curve_preferences: [CurveP384]\n"));
    assert_eq!(endpoint.status(&and(&["--curves", "X25519"])), "000");
    assert_eq!(endpoint.status(&and(&["--curves", "P-384"])), "200");
    assert_eq!(
        endpoint.status(&and(&["--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"])),
        "000"
    );
}

/// As many silent clients as there are places hold up a scrape for the time of a handshake, and no longer.
#[tokio::test(flavor = "multi_thread")]
async fn silent_clients_are_cut_off_in_the_handshake() {
    let endpoint = Endpoint::start(TLS, basics).await;
    let connect = |_| TcpStream::connect(endpoint.http.address()).unwrap();
    let mut silent: Vec<TcpStream> = (0..32).map(connect).collect();
    // Half a handshake is no better than none.
    silent[0].write_all(&[0x16, 3, 1, 2, 0]).unwrap();
    assert_eq!(endpoint.status(&TRUST), "200");
    for mut stream in silent {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
    wait_until("all to be counted", || {
        endpoint.metrics.http().handshakes_failed() == 32
    });
}

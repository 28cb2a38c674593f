//! The protected endpoint, asked by clients that we did not write: curl, openssl and Debian's Prometheus.

#![allow(clippy::unwrap_used)]

#[path = "common/pki.rs"]
mod pki;
#[path = "common/servers.rs"]
mod servers;

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
};

use lapwing::{
    config::Config,
    http::{Http, HttpError},
    metrics::Metrics,
};
use pki::Pki;
use serde_json::Value;
use servers::{Server, free, program, wait_for, wait_until};
use tempfile::TempDir;

struct Endpoint {
    http: Http,
    metrics: Metrics,
    directory: TempDir,
}

impl Endpoint {
    /// Files first, then the listener.
    async fn start(text: &str, files: impl FnOnce(&Pki<'_>)) -> Endpoint {
        let directory = tempfile::tempdir().unwrap();
        files(&Pki(directory.path()));
        write(directory.path(), text);
        let metrics = Metrics::new(10);
        let http = open("127.0.0.1:0", Some(directory.path()), metrics.clone())
            .await
            .unwrap();
        Endpoint {
            http,
            metrics,
            directory,
        }
    }

    fn pki(&self) -> Pki<'_> {
        Pki(self.directory.path())
    }

    fn change(&self, text: &str) {
        write(self.directory.path(), text);
    }

    fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.http.address().port())
    }

    /// Status (000 without an answer) and body, as curl sees them.
    fn curl(&self, arguments: &[&str], url: &str) -> (String, String) {
        let output = Command::new(program("curl", "curl"))
            .args(["--silent", "--max-time", "10", "--write-out", "\n%{http_code}"])
            .args(arguments)
            .arg(url)
            .current_dir(self.directory.path())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        (status.into(), body.into())
    }

    fn status(&self, arguments: &[&str]) -> String {
        self.curl(arguments, &self.url("/metrics")).0
    }

    fn requests(&self, code: &str) -> u64 {
        self.metrics
            .http()
            .requests()
            .iter()
            .find(|(known, _)| *known == code)
            .unwrap()
            .1
    }
}

async fn open(address: &str, directory: Option<&Path>, metrics: Metrics) -> Result<Http, HttpError> {
    let mut settings = Config::default().metrics;
    settings.listen = address.parse().unwrap();
    settings.web_config_file = directory.map(|directory| directory.join("web.yml"));
    Http::open(&settings, metrics).await
}

/// In place, as an editor does that keeps the inode.
fn write(directory: &Path, text: &str) {
    let file = directory.join("web.yml");
    fs::write(&file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}

fn users(list: &[(&str, &str)]) -> String {
    let line = |(name, password): &(&str, &str)| format!("  {name}: {}\n", bcrypt::hash(password, 5).unwrap());
    format!("basic_auth_users:\n{}", list.iter().map(line).collect::<String>())
}

fn basics(pki: &Pki<'_>) {
    pki.authority("ca");
    pki.server("server", "ca");
}

const TLS: &str = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n";
const TRUST: [&str; 2] = ["--cacert", "ca.pem"];

fn and<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    TRUST.iter().chain(arguments).copied().collect()
}

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
        // The same in the older version of TLS, where the handshake ends before the client's certificate is judged by nobody.
        (
            &*format!("RequireAndVerifyClientCert\n{ca}  max_version: TLS12\n"),
            ["000", "200", "000", "000", "000"],
        ),
        (
            &*format!("RequireAnyClientCert\n  max_version: TLS12\n"),
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

/// Debian's Prometheus scrapes with the settings that docs/endpoint.md shows.
#[tokio::test(flavor = "multi_thread")]
async fn prometheus_scrapes_through_all_of_it() {
    let text = format!("{TLS}  client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n");
    let secrets = |pki: &Pki<'_>| {
        basics(pki);
        pki.client("prometheus", "ca", "DNS:prometheus.example", 30);
        fs::write(pki.file("password"), "one").unwrap();
    };
    let endpoint = Endpoint::start(&format!("{text}{}", users(&[("prometheus", "one")])), secrets).await;
    let (target, directory) = (endpoint.http.address(), endpoint.directory.path().display().to_string());
    let job = |name: &str, client: &str, login: &str| {
        format!(
            "- job_name: {name}\n  scheme: https\n  scrape_interval: 500ms\n  scrape_timeout: 500ms\n  tls_config:\n    ca_file: {directory}/ca.pem\n{client}{login}  \
             static_configs:\n  - targets: ['{target}']\n"
        )
    };
    let client = format!("    cert_file: {directory}/prometheus.pem\n    key_file: {directory}/prometheus.key\n");
    let login = format!("  basic_auth:\n    username: prometheus\n    password_file: {directory}/password\n");
    let jobs = [
        job("right", &client, &login),
        job("no_password", &client, ""),
        job("no_certificate", "", &login),
    ];
    let config = endpoint.pki().file("prometheus.yml");
    fs::write(&config, format!("scrape_configs:\n{}", jobs.concat())).unwrap();
    let address = free();
    let mut command = Command::new(program("prometheus", "prometheus"));
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={directory}/data"))
        .arg(format!("--web.listen-address={address}"));
    let _prometheus = Server::start(&mut command, &endpoint.pki().file("log"));
    wait_for(address);
    wait_until("a scrape by each job", || {
        jobs_of(address)
            .iter()
            .filter(|(_, health, _)| health != "unknown")
            .count()
            == 3
    });
    for (job, health, error) in jobs_of(address) {
        let expected = match &*job {
            "right" => ("up", ""),
            "no_password" => ("down", "401 Unauthorized"),
            _ => ("down", "certificate required"),
        };
        assert!(
            health == expected.0 && error.contains(expected.1),
            "{job}: {health} {error}"
        );
    }
    let hashes = endpoint.requests("200");
    endpoint.change(&format!("{text}{}", users(&[("prometheus", "two")])));
    wait_until("the old password to fail", || {
        jobs_of(address)
            .iter()
            .any(|(job, health, _)| job == "right" && health == "down")
    });
    fs::write(endpoint.pki().file("password"), "two").unwrap();
    wait_until("the new password to work", || {
        jobs_of(address)
            .iter()
            .any(|(job, health, _)| job == "right" && health == "up")
    });
    assert!(endpoint.requests("200") > hashes);
}

/// Name, health and last error of each job.
fn jobs_of(prometheus: SocketAddr) -> Vec<(String, String, String)> {
    let mut stream = TcpStream::connect(prometheus).unwrap();
    write!(stream, "GET /api/v1/targets HTTP/1.0\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let Ok(answer) = serde_json::from_str::<Value>(body) else {
        return Vec::new();
    };
    let targets = answer["data"]["activeTargets"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    targets
        .iter()
        .map(|target| {
            (
                text(&target["labels"]["job"]),
                text(&target["health"]),
                text(&target["lastError"]),
            )
        })
        .collect()
}

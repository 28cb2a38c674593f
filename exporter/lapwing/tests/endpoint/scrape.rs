//! Debian's Prometheus on the other side.

use std::{fs, net::SocketAddr};

use serde_json::Value;

use super::{Endpoint, TLS, basics, http::get_json, pki::Pki, prometheus::Prometheus, servers::wait_until, users};

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
    let prometheus = Prometheus::start(&format!("scrape_configs:\n{}", jobs.concat()));
    let address = prometheus.address;
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
    let answer = get_json(prometheus, "/api/v1/targets");
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

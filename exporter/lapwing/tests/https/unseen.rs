//! What is said not to be read, and is not taken for something else.

use crate::{agent::Agent, programs, programs::Server, root::skipped};

/// HTTP/2 is counted, and gives no alert.
#[test]
fn http2_is_told_as_not_read() {
    if skipped() {
        return;
    }
    let site = programs::site();
    let (nginx, http2, plain) = (
        Server::nginx(site.path(), "ssl"),
        Server::nginx(site.path(), "ssl http2"),
        Server::nginx(site.path(), "http2"),
    );
    let agent = Agent::start("https = \"on\"");
    let mut turn = 0;
    agent.wait("libssl to be watched", || {
        turn += 1;
        programs::curl_https(nginx.address, &format!("/warm-{turn}_/../../etc/passwd"));
        agent.alerts("/warm-").len() >= 4
    });
    let unread = || agent.metric("lapwing_events_incomplete_total", &["reason=\"http2_unread\""]);
    let before = unread();
    let spoken = programs::curl_as_it_comes(http2.address, "/act-h2_/../../etc/passwd");
    assert!(spoken, "curl and nginx did not agree on HTTP/2");
    // Both ends.
    agent.wait("HTTP/2 to be counted", || unread() >= before + 2.0);
    let spoken = programs::curl_http2(plain.address, "/act-h2c_/../../etc/passwd");
    assert!(spoken, "nginx did not speak HTTP/2 without TLS");
    agent.wait("HTTP/2 without TLS to be counted", || unread() >= before + 4.0);
    programs::curl_https(nginx.address, "/fence_/../../etc/passwd");
    agent.wait("the fence's alerts", || agent.alerts("/fence_").len() >= 4);
    assert!(agent.alerts("act-h2_").is_empty());
    assert!(agent.alerts("act-h2c_").is_empty());
}

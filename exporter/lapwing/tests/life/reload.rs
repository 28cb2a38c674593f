//! A reload that needs sensors which were not attached when capabilities were dropped.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
};

use lapwing::privileges::KEPT;
use rustix::process::Signal;

use crate::{
    agent::{Agent, QUIET},
    root::skipped,
    servers::wait_until,
};

fn reload(agent: &Agent, config: &str) {
    let loads = agent.metric("lapwing_config_loads_total", &[]);
    agent.configure(config);
    agent.signal(Signal::HUP);
    wait_until("the reload", || agent.metric("lapwing_config_loads_total", &[]) > loads);
}

/// Waits for the next report, which is half a second later at most.
fn state(agent: &Agent, sensor: &str, state: &str) {
    let labels = [format!("sensor=\"{sensor}\""), format!("state=\"{state}\"")];
    wait_until(&format!("{sensor} to be {state}\n{}", agent.log()), || {
        agent.metric("lapwing_sensor_state", &[&labels[0], &labels[1]]) == 1.0
    });
}

/// One request and its answer, both ends being this process.
fn ask(listener: &TcpListener, path: &str) {
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let mut buffer = [0; 512];
    write!(client, "GET {path} HTTP/1.1\r\nHost: here\r\n\r\n").unwrap();
    assert!(server.read(&mut buffer).unwrap() > 0);
    server
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        .unwrap();
    assert!(client.read(&mut buffer).unwrap() > 0);
}

#[test]
fn a_reload_attaches_sensors_with_the_capabilities_that_are_left() {
    if skipped() {
        return;
    }
    let agent = Agent::start(QUIET);
    let status = fs::read_to_string(format!("/proc/{}/status", agent.child.id())).unwrap();
    for held in ["CapPrm:", "CapEff:", "CapBnd:"] {
        let bits = status.lines().find_map(|line| line.strip_prefix(held)).unwrap();
        let bits = u64::from_str_radix(bits.trim(), 16).unwrap();
        assert_eq!(bits & !KEPT.bits(), 0, "{held} {bits:x}");
        assert_ne!(bits & 1 << 39, 0, "{held} {bits:x}");
    }
    state(&agent, "file", "off");
    state(&agent, "network", "off");

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let files = "[[file.watch]]\nid = \"made\"\npath = \"{home}/watched\"\naccess = [\"create\"]\nseverity = \"low\"\n";
    let network = format!(
        "[network]\nenabled = true\n[[network.rule]]\nid = \"asked\"\nprotocol = \"http\"\ndirection = \"incoming\"\nseverity = \"low\"\n\
         when = 'http.path startswith \"/asked\" and net.local.port = {port}'\n\
         [[network.rule]]\nid = \"reached\"\nprotocol = \"tcp\"\ndirection = \"incoming\"\nseverity = \"low\"\nwhen = 'net.local.port = {port}'\n"
    );
    fs::create_dir(agent.path("watched")).unwrap();

    let touch = |name: &str| {
        let file = agent.path("watched").join(name);
        assert!(Command::new("touch").arg(file).status().unwrap().success());
    };
    let told = |rule: &str, count: usize| {
        wait_until(&format!("{count} alerts of {rule}\n{}", agent.log()), || {
            agent.alerts_of(rule).len() == count
        });
    };
    reload(&agent, &format!("{QUIET}{files}"));
    state(&agent, "file", "ok");
    touch("first");
    told("made", 1);

    reload(&agent, &format!("{QUIET}{files}{network}"));
    state(&agent, "network", "ok");
    ask(&listener, "/asked");
    told("asked", 1);
    told("reached", 1);
    touch("second");
    told("made", 2);
    assert_eq!(agent.metric("lapwing_config_hooks_unattached", &[]), 0.0);
    wait_until("the kernel's table of connections", || {
        agent.metric("lapwing_kernel_table_entries", &["table=\"connections\""]) > 0.0
    });
    assert_eq!(
        agent.metric("lapwing_kernel_table_capacity", &["table=\"connections\""]),
        65_536.0
    );
    let shown = String::from_utf8(agent.command(&["status"]).stdout).unwrap();
    assert!(shown.contains("Network\n") && shown.contains("connections"), "{shown}");

    // Without the rules nothing is attached, and with them it is again.
    reload(&agent, QUIET);
    state(&agent, "file", "off");
    state(&agent, "network", "off");
    ask(&listener, "/asked-of-nobody");
    reload(&agent, &format!("{QUIET}{files}{network}"));
    state(&agent, "network", "ok");
    ask(&listener, "/asked-again");
    touch("third");
    told("made", 3);
    told("asked", 2);
    agent.fence("end");
    assert_eq!(agent.metric("lapwing_events_lost_total", &["stage=\"decode\""]), 0.0);
}

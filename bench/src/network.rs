//! What the network sensor costs a web server: nginx under wrk, over loopback, with more and more of the agent.
//!
//! Both ends are on this host, so that every exchange is seen twice: wrk's and nginx's. The clients of a web server are elsewhere, and what that
//! pays is measured too: the agent is told to leave wrk's connections alone. wrk takes a processor from nginx in any case. Requests a second are compared with those of the same round without an agent; the processor time of server, client and agent
//! together for a request says the same on a host that has other things to do.
//!
//!     lapwing-bench network [--rounds N] [--seconds N] [--lapwing PATH]

use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    Result,
    agent::{Agent, Workspace, cpu_time_of},
    load::family_cpu_time,
    table,
};

/// What of the throughput shall be left with the default rules.
const AIM: f64 = 0.9;

/// What is asked for, and how many bytes it has.
const PAGES: [(&str, usize); 2] = [("page of 1 KiB", 1 << 10), ("file of 1 MiB", 1 << 20)];

/// More and more of the agent; the configuration behind the common part.
const AGENTS: [(&str, Option<&str>); 5] = [
    ("no agent", None),
    ("network off (the default)", Some("")),
    (
        "flows only",
        Some(
            "[network]\nenabled = true\nincoming_rules = [\"bench-flows\"]\noutgoing_rules = [\"bench-flows\"]\n[[network.rule]]\n\
             id = \"bench-flows\"\nprotocol = \"tcp\"\nevent = \"established\"\nseverity = \"info\"\nalert = \"score\"\n",
        ),
    ),
    (
        SERVER,
        Some("[network]\nenabled = true\nmode = \"except\"\nprocesses = [\"wrk\"]\n"),
    ),
    (BOTH, Some("[network]\nenabled = true\n")),
];
const SERVER: &str = "default rules, nginx's end";
const BOTH: &str = "default rules, both ends";
/// Those that shall meet the aim.
const AIMED: [&str; 2] = [SERVER, BOTH];

pub struct Options {
    rounds: usize,
    seconds: u64,
    lapwing: PathBuf,
}

impl Options {
    /// From what follows `network` on the command line.
    pub fn parse(mut args: impl Iterator<Item = String>) -> Result<Options> {
        let mut options = Options {
            rounds: 6,
            seconds: 2,
            lapwing: PathBuf::from("target/release/lapwing"),
        };
        while let Some(flag) = args.next() {
            let value = args.next().ok_or(format!("{flag} needs a value"))?;
            let number = || match value.parse::<u64>() {
                Ok(number @ 1..=10_000) => Ok(number),
                _ => Err(format!("{flag} {value}: not a number from 1 to 10000")),
            };
            match flag.as_str() {
                "--rounds" => options.rounds = number()? as usize,
                "--seconds" => options.seconds = number()?,
                "--lapwing" => options.lapwing = PathBuf::from(value),
                _ => {
                    return Err(format!(
                        "{flag} is unknown; there are --rounds N, --seconds N, --lapwing PATH"
                    ));
                }
            }
        }
        Ok(options)
    }
}

/// Measures, and prints a table.
///
/// # Errors
/// The aim is missed, or nothing could be measured.
pub fn run(options: &Options) -> Result<()> {
    let workspace = Workspace::new(&options.lapwing)?;
    let nginx = Nginx::start(&workspace)?;
    let mut measured = vec![vec![Vec::new(); AGENTS.len()]; PAGES.len()];
    for round in 0..options.rounds {
        eprintln!("round {} of {}", round + 1, options.rounds);
        for step in 0..AGENTS.len() {
            // Another one begins each round: what warms up or cools down hits all alike.
            let which = (step + round) % AGENTS.len();
            let agent = start(&workspace, AGENTS[which].1, false)?;
            for (page, (_, size)) in PAGES.iter().enumerate() {
                measured[page][which].push(nginx.serve(*size, options.seconds, agent.as_ref())?);
            }
            agent.map_or(Ok(()), Agent::stop)?;
        }
    }
    let met = print(&measured);
    println!(
        "\nProgram runs under the same load, with the kernel's BPF statistics on (they add 45 to 60 ns to each run):"
    );
    for (name, config) in AGENTS.iter().filter(|(name, _)| AIMED.contains(name)) {
        println!("\n{name}:");
        runs(&workspace, &nginx, options.seconds, *config)?;
    }
    match met {
        true => Ok(()),
        false => Err("the aim is missed".into()),
    }
}

/// What the programs of an agent do while nginx serves.
fn runs(workspace: &Workspace, nginx: &Nginx, seconds: u64, config: Option<&str>) -> Result<()> {
    let Some(agent) = start(workspace, config, true)? else {
        return Ok(());
    };
    for (_, size) in PAGES {
        let served = nginx.serve(size, seconds, Some(&agent))?;
        println!("{:.0} requests for {size} bytes", served.requests);
    }
    // The agent counts anew every half second.
    std::thread::sleep(Duration::from_secs(1));
    let metrics = agent.metrics()?;
    table::print_programs(&metrics);
    table::print_losses(&metrics);
    agent.stop()
}

fn start(workspace: &Workspace, config: Option<&str>, stats: bool) -> Result<Option<Agent>> {
    config
        .map(|config| Agent::start_with(workspace, &format!("{}{config}", workspace.common(stats))))
        .transpose()
}

/// What one run of wrk came to.
#[derive(Debug, Clone)]
struct Served {
    requests: f64,
    rate: f64,
    /// Microseconds of processor time for a request: server, client and agent together.
    cpu: f64,
}

fn print(measured: &[Vec<Vec<Served>>]) -> bool {
    println!(
        "{:<16} {:<28} {:>12} {:>24} {:>16} {:>8}  aim",
        "nginx serves", "agent", "requests/s", "of no agent (quartiles)", "CPU us/request", "ratio"
    );
    let mut met = true;
    for ((page, _), by_agent) in PAGES.iter().zip(measured) {
        for ((agent, _), measured) in AGENTS.iter().zip(by_agent) {
            let rounds = || measured.iter().zip(&by_agent[0]);
            let (low, ratio, high) = table::spread(rounds().map(|(with, without)| with.rate / without.rate).collect());
            let (_, rate, _) = table::spread(measured.iter().map(|served| served.rate).collect());
            let (_, cpu, _) = table::spread(measured.iter().map(|served| served.cpu).collect());
            let (_, more, _) = table::spread(rounds().map(|(with, without)| with.cpu / without.cpu).collect());
            let aim = if AIMED.contains(agent) {
                met &= ratio >= AIM;
                format!("{AIM} {}", if ratio >= AIM { "met" } else { "MISSED" })
            } else {
                "-".to_owned()
            };
            println!(
                "{page:<16} {agent:<28} {rate:>12.0} {ratio:>10.3} ({low:.3}-{high:.3}) {cpu:>16.1} {more:>8.3}  {aim}"
            );
        }
    }
    met
}

/// A server of one process; ended when dropped.
struct Nginx {
    child: Child,
    port: u16,
}

impl Nginx {
    fn start(workspace: &Workspace) -> Result<Nginx> {
        let root = workspace.root.join("nginx");
        fs::create_dir_all(&root).map_err(|error| error.to_string())?;
        for (_, size) in PAGES {
            fs::write(root.join(size.to_string()), "x".repeat(size)).map_err(|error| error.to_string())?;
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .map_err(|error| error.to_string())?
            .port();
        let config = root.join("nginx.conf");
        let text = format!(
            "daemon off; master_process off; pid {root}/pid; error_log {root}/error.log; events {{ }}\n\
             http {{ access_log off; keepalive_requests 1000000; sendfile on;\n\
             server {{ listen 127.0.0.1:{port}; root {root}; }} }}\n",
            root = root.display()
        );
        fs::write(&config, text).map_err(|error| error.to_string())?;
        let child = Command::new("nginx")
            .arg("-c")
            .arg(&config)
            .stdin(Stdio::null())
            .spawn()
            .map_err(|error| format!("nginx: {error}; `make bench` installs it"))?;
        let nginx = Nginx { child, port };
        let start = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if start.elapsed() > Duration::from_secs(10) {
                return Err("nginx does not answer".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(nginx)
    }

    /// With 16 connections that are kept.
    fn serve(&self, page: usize, seconds: u64, agent: Option<&Agent>) -> Result<Served> {
        let others = || Ok::<f64, String>(cpu_time_of(self.child.id())? + agent.map_or(Ok(0.0), Agent::cpu_time)?);
        let (own, before) = (family_cpu_time()?, others()?);
        let output = Command::new("wrk")
            .args(["-t1", "-c16", &format!("-d{seconds}s")])
            .arg(format!("http://127.0.0.1:{}/{page}", self.port))
            .output()
            .map_err(|error| format!("wrk: {error}; `make bench` installs it"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let failed = text.contains("Non-2xx") || text.contains("Socket errors");
        // The agent reads what is left.
        std::thread::sleep(Duration::from_millis(200));
        let spent = family_cpu_time()? - own + others()? - before;
        let number = |of: fn(&str) -> Option<&str>| text.lines().find_map(|line| of(line.trim())?.trim().parse().ok());
        let rate: Option<f64> = number(|line| line.strip_prefix("Requests/sec:"));
        let requests: Option<f64> = number(|line| line.split_once(" requests in ").map(|(number, _)| number));
        match (rate, requests) {
            (Some(rate), Some(requests)) if !failed && requests > 0.0 => Ok(Served {
                requests,
                rate,
                cpu: spent / requests / 1e3,
            }),
            _ => Err(format!("wrk said: {text}")),
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

//! What Lapwing costs the system it watches.
//!
//! Each load runs without and with the agent, in rounds whose order alternates, and the ratio of each round counts: a machine that is busy
//! with something else slows both halves of a round. What the agent adds to an operation is the ratio of the CPU time of the thread that does
//! it, and that is what the aims are compared with where it is known; the clock on the wall also shows the agent's own work when it takes the
//! same CPU, and everything else that happens on the machine.
//!
//!     lapwing-bench [--rounds N] [--lapwing PATH] [--only NAME,..]
//!     lapwing-bench latency [--rate N] [--seconds N] [--lapwing PATH]
//!     lapwing-bench network [--rounds N] [--seconds N] [--lapwing PATH]
//!
//! The second is about alerts (see [`latency`]), the third about a web server (see [`network`]).

mod agent;
mod latency;
mod load;
mod network;
mod redis;
mod table;

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use agent::{Agent, Workspace};
use load::{Load, Sample};
use table::Row;

type Result<T> = std::result::Result<T, String>;

struct Options {
    rounds: usize,
    lapwing: PathBuf,
    only: Vec<String>,
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).peekable();
    let other = args.next_if(|arg| matches!(&**arg, "latency" | "network"));
    let done = root().and_then(|()| match other.as_deref() {
        Some("latency") => latency::run(&latency::Options::parse(args)?),
        Some(_) => network::run(&network::Options::parse(args)?),
        None => run(&options(args)?),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lapwing-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn root() -> Result<()> {
    match rustix::process::geteuid().is_root() {
        true => Ok(()),
        false => Err("only root can start the agent".into()),
    }
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Options> {
    let mut options = Options {
        rounds: 10,
        lapwing: PathBuf::from("target/release/lapwing"),
        only: Vec::new(),
    };
    while let Some(flag) = args.next() {
        let value = args.next().ok_or(format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--rounds" => options.rounds = value.parse().map_err(|_| format!("--rounds {value}: not a number"))?,
            "--lapwing" => options.lapwing = PathBuf::from(value),
            "--only" => options.only = value.split(',').map(str::to_owned).collect(),
            _ => {
                return Err(format!(
                    "{flag} is unknown; there are --rounds N, --lapwing PATH, --only NAME,.."
                ));
            }
        }
    }
    Ok(options)
}

fn run(options: &Options) -> Result<()> {
    let workspace = Workspace::new(&options.lapwing)?;
    let mut loads = load::all(&workspace)?;
    match redis::Server::start(&workspace)? {
        Some(server) => loads.extend(redis::loads(server)),
        None => println!("Redis is missing (package redis-tools): its loads are left out"),
    }
    loads
        .retain(|load| options.only.is_empty() || options.only.iter().any(|name| load.name.starts_with(name.as_str())));
    let (mut rows, mut memory) = (BTreeMap::new(), agent::Memory::default());
    for round in 0..options.rounds {
        eprintln!("round {} of {}", round + 1, options.rounds);
        let (without, with) = if round % 2 == 0 {
            let without = measure(&mut loads)?;
            (without, measured_with_agent(&workspace, &mut loads, &mut memory)?)
        } else {
            let with = measured_with_agent(&workspace, &mut loads, &mut memory)?;
            (measure(&mut loads)?, with)
        };
        for (index, (load, pair)) in loads.iter().zip(without.into_iter().zip(with)).enumerate() {
            rows.entry(index).or_insert_with(|| Row::new(load)).rounds.push(pair);
        }
    }
    table::print(rows.values(), &memory);
    println!(
        "\nProgram runs under the same loads, with the kernel's BPF statistics on (they add 45 to 60 ns to each run):"
    );
    let agent = Agent::start(&workspace, true)?;
    measure(&mut loads)?;
    // The agent counts anew every half second.
    std::thread::sleep(std::time::Duration::from_secs(1));
    table::print_programs(&agent.metrics()?);
    agent.stop()
}

fn measure(loads: &mut [Load]) -> Result<Vec<Sample>> {
    loads.iter_mut().map(Load::sample).collect()
}

fn measured_with_agent(workspace: &Workspace, loads: &mut [Load], memory: &mut agent::Memory) -> Result<Vec<Sample>> {
    let agent = Agent::start(workspace, false)?;
    let samples = measure(loads);
    memory.add(agent.memory()?);
    agent.stop()?;
    samples
}

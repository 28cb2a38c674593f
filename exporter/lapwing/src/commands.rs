//! The commands, and what their failures mean to a caller.

#![allow(clippy::missing_errors_doc)] // `Failure` says it for all of them

use std::{fmt, process::ExitCode};

use crate::{
    alone::AloneError,
    check,
    cli::{
        CheckArgs, ConfigArgs, MaskAccess, MaskCommand, ProbesArgs, RecordArgs, ReplayArgs, RulesCommand, RunArgs,
        StatusArgs,
    },
    config::{self, Problem},
    mask_command::{self, MaskError},
    probes,
    replay::{self, ReplayError},
    rules_command::{self, RulesError},
    run, status,
};

/// Why a command ended without doing what it was asked. The exit codes are a promise (README).
#[derive(Debug)]
pub enum Failure {
    /// Configuration or rules: exit code 1.
    Config(Vec<Problem>),
    /// The sensors cannot work here (no root, no BTF, no bpf()): exit code 3.
    Unavailable(lapwing_bpf::Unavailable),
    /// Hooks that the rules need work in no flavour here; the others do: exit code 3.
    NotAttached(String),
    /// Anything else: exit code 4.
    Other(String),
    /// Another agent runs here: exit code 5.
    Occupied(AloneError),
}

impl Failure {
    /// 1 configuration, 3 not possible on this host or for this user, 4 anything else, 5 another agent is there (clap ends with 2 for a wrong command line).
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Config(_) => ExitCode::from(1),
            Failure::Unavailable(_) | Failure::NotAttached(_) => ExitCode::from(3),
            Failure::Other(_) => ExitCode::from(4),
            Failure::Occupied(_) => ExitCode::from(5),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Config(problems) => {
                for problem in problems {
                    writeln!(f, "{problem}")?;
                }
                match problems.len() {
                    1 => write!(f, "lapwing: 1 problem"),
                    many => write!(f, "lapwing: {many} problems"),
                }
            }
            Failure::Unavailable(why) => write!(f, "lapwing: {why}"),
            Failure::NotAttached(hooks) => write!(
                f,
                "lapwing: not attached: {hooks}; `lapwing probes` says what is therefore not seen, and `lapwing run` works with the rest"
            ),
            Failure::Other(why) => write!(f, "lapwing: {why}"),
            Failure::Occupied(why) => write!(f, "lapwing: {why}"),
        }
    }
}

impl From<lapwing_bpf::Unavailable> for Failure {
    fn from(why: lapwing_bpf::Unavailable) -> Self {
        Failure::Unavailable(why)
    }
}

/// Says what failed, for errors that have no meaning of their own to a caller.
pub fn other(error: impl fmt::Display) -> Failure {
    Failure::Other(error.to_string())
}

/// `lapwing run`
pub fn run(config: &ConfigArgs, args: &RunArgs) -> Result<(), Failure> {
    run::run(
        config,
        args.flavour.map(Into::into),
        &run::Purpose::Watch { beside: args.beside },
    )
}

/// `lapwing record`
pub fn record(config: &ConfigArgs, args: &RecordArgs) -> Result<(), Failure> {
    run::run(
        config,
        args.flavour.map(Into::into),
        &run::Purpose::Record(args.clone()),
    )
}

/// `lapwing check`
pub fn check(config: &ConfigArgs, args: &CheckArgs) -> Result<(), Failure> {
    let loaded = check::check(config).map_err(Failure::Config)?;
    if args.attach {
        probes::attach_once(&loaded, args.flavour.map(Into::into))?;
    }
    Ok(())
}

/// `lapwing probes`
pub fn probes(config: &ConfigArgs, args: &ProbesArgs) -> Result<(), Failure> {
    if args.loaded {
        return probes::show_loaded(args.json);
    }
    let loaded = config::load(config).map_err(Failure::Config)?;
    if args.verifier {
        return probes::verifier::show(args.json);
    }
    probes::show(&loaded, args.flavour.map(Into::into), args.json)
}

/// `lapwing status`
pub fn status(config: &ConfigArgs, args: &StatusArgs) -> Result<(), Failure> {
    let socket = match &args.socket {
        Some(socket) => socket.clone(),
        None => config::load(config).map_err(Failure::Config)?.config.agent.socket,
    };
    status::run(&socket, args.json).map_err(other)
}

/// `lapwing rules`
pub fn rules(config: &ConfigArgs, command: &RulesCommand) -> Result<(), Failure> {
    rules_command::run(config, command).map_err(|error| match error {
        RulesError::Config(problems) => Failure::Config(problems),
        error => other(error),
    })
}

/// `lapwing mask`
pub fn mask(config: &ConfigArgs, access: &MaskAccess, command: &MaskCommand) -> Result<(), Failure> {
    mask_command::run(config, access, command).map_err(|error| match error {
        MaskError::Config(problems) => Failure::Config(problems),
        error => other(error),
    })
}

/// `lapwing replay`
pub fn replay(config: &ConfigArgs, args: &ReplayArgs) -> Result<(), Failure> {
    replay::run(config, args).map_err(|error| match error {
        ReplayError::Config(problems) => Failure::Config(problems),
        error => other(error),
    })
}

//! The command line: what can be asked, nothing of how it is done.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use lapwing_engine::event::Flavour;

/// Security observability agent for Linux hosts.
///
/// Without a command it runs, with the built-in production default unless a configuration file says otherwise.
#[derive(Debug, Clone, Parser)]
#[command(name = "lapwing", version)]
pub struct Cli {
    /// Where the configuration is; for every command.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// What to do; `run` when absent.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Flags of `run`, so that `lapwing --profile demo` works as well.
    #[command(flatten)]
    pub run: RunArgs,
}

impl Cli {
    /// The command, `run` when none was given.
    pub fn command(&self) -> Command {
        self.command.clone().unwrap_or_else(|| Command::Run(self.run.clone()))
    }
}

/// What every command that reads the configuration takes.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigArgs {
    /// The configuration file; `conf.d/*.toml` beside it is read too. Without this flag /etc/lapwing/lapwing.toml is read if it exists
    #[arg(long, global = true, value_name = "PATH")]
    pub config: Option<PathBuf>,
    /// Level of lapwing's own log: error, warn, info, debug, trace, or directives as `lapwing=debug,hyper=warn`
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// Which built-in rules: the quiet ones for production, or talkative ones to see something at once
    #[arg(long, global = true, value_enum, value_name = "PROFILE")]
    pub profile: Option<Profile>,
    /// Address of /metrics, over [metrics] listen
    #[arg(long, global = true, value_name = "ADDRESS:PORT", hide = true)]
    pub listen: Option<SocketAddr>,
}

/// Which set of built-in rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Quiet: on a normal day at most five alerts.
    #[default]
    Production,
    /// Production's rules and talkative ones.
    Demo,
}

/// A flavour of hook, as a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FlavourArg {
    /// Function hooks only.
    Function,
    /// System-call hooks only.
    Syscall,
}

impl From<FlavourArg> for Flavour {
    fn from(flavour: FlavourArg) -> Self {
        match flavour {
            FlavourArg::Function => Flavour::Function,
            FlavourArg::Syscall => Flavour::Syscall,
        }
    }
}

/// The commands.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Attach, detect, export (the default)
    Run(RunArgs),
    /// Report every problem of the configuration and the rules; exit code 1 if there is any
    Check(CheckArgs),
    /// Show each hook: attached or not, in which flavour, why, and what is therefore not seen
    Probes(ProbesArgs),
    /// Ask the running agent: sensors, losses, queues, its own cost
    Status(StatusArgs),
    /// List, explain and test the rules
    Rules {
        /// What to do with them.
        #[command(subcommand)]
        command: RulesCommand,
    },
    /// Write the event stream to a file
    Record(RecordArgs),
    /// Send a recording through the engine: the same alerts, offline
    Replay(ReplayArgs),
}

/// `lapwing run`
#[derive(Debug, Clone, Default, Args)]
pub struct RunArgs {
    /// Force a flavour of hook (for tests)
    #[arg(long, value_enum, hide = true)]
    pub flavour: Option<FlavourArg>,
}

/// `lapwing check`
#[derive(Debug, Clone, Default, Args)]
pub struct CheckArgs {
    /// Also load and attach the sensors, then leave (needs root)
    #[arg(long)]
    pub attach: bool,
    /// Force a flavour of hook (for tests)
    #[arg(long, value_enum, hide = true)]
    pub flavour: Option<FlavourArg>,
}

/// `lapwing probes`
#[derive(Debug, Clone, Default, Args)]
pub struct ProbesArgs {
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Force a flavour of hook (for tests)
    #[arg(long, value_enum, hide = true)]
    pub flavour: Option<FlavourArg>,
}

/// `lapwing status`
#[derive(Debug, Clone, Default, Args)]
pub struct StatusArgs {
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// The agent's socket, over [agent] socket
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
}

/// `lapwing rules ...`
#[derive(Debug, Clone, Subcommand)]
pub enum RulesCommand {
    /// One line for each rule: id, sensor, severity, enabled, where it comes from
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Everything about one rule
    Explain {
        /// The rule's id
        id: String,
    },
    /// Send a recording through the rules and count the matches of each
    Test {
        /// A recording made by `lapwing record`, or captured packets (pcap, pcapng: `tcpdump -w FILE tcp`)
        file: PathBuf,
        /// Only this rule
        #[arg(long, value_name = "ID")]
        rule: Option<String>,
    },
    /// The fields that predicates and messages can use: name, type, events, what it is
    Fields,
}

/// `lapwing record`
#[derive(Debug, Clone, Args)]
pub struct RecordArgs {
    /// The file to write; must not exist
    pub file: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    pub force: bool,
    /// Largest size of the file; the recording ends there
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = size)]
    pub max_size: u64,
    /// How long; until Ctrl-C when absent
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub duration: Option<Duration>,
    /// Force a flavour of hook (for tests)
    #[arg(long, value_enum, hide = true)]
    pub flavour: Option<FlavourArg>,
}

/// `lapwing replay`
#[derive(Debug, Clone, Args)]
pub struct ReplayArgs {
    /// A recording made by `lapwing record`, or captured packets (pcap, pcapng: `tcpdump -w FILE tcp`)
    pub file: PathBuf,
}

fn size(text: &str) -> Result<u64, String> {
    crate::config::value::size(text)
}

fn duration(text: &str) -> Result<Duration, String> {
    crate::config::value::duration(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn run_is_the_default_and_global_flags_work_on_both_sides() {
        let cli = Cli::parse_from(["lapwing", "--profile", "demo"]);
        assert!(matches!(cli.command(), Command::Run(_)));
        assert_eq!(cli.config.profile, Some(Profile::Demo));
        let cli = Cli::parse_from([
            "lapwing",
            "run",
            "--profile",
            "demo",
            "--config",
            "/x",
            "--flavour",
            "syscall",
        ]);
        assert_eq!(cli.config.profile, Some(Profile::Demo));
        assert_eq!(cli.config.config.as_deref(), Some(std::path::Path::new("/x")));
        assert!(matches!(
            cli.command(),
            Command::Run(RunArgs {
                flavour: Some(FlavourArg::Syscall)
            })
        ));
        let cli = Cli::parse_from(["lapwing", "record", "f", "--for", "1m30s"]);
        let Command::Record(record) = cli.command() else {
            panic!("not record")
        };
        assert_eq!(record.duration, Some(Duration::from_secs(90)));
    }
}

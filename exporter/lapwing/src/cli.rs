//! The command line: what can be asked, nothing of how it is done.

#![allow(rustdoc::broken_intra_doc_links)] // `[section]` in the help is one of the configuration

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
    /// Network rules are on, whatever the configuration says: captured packets have nothing else
    #[arg(skip)]
    pub network: bool,
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
    /// Mask alerts: list, add and end silences in Alertmanager
    Mask {
        /// Where and as whom.
        #[command(flatten)]
        access: Box<MaskAccess>,
        /// What to do.
        #[command(subcommand)]
        command: MaskCommand,
    },
    /// Write the event stream to a file
    Record(RecordArgs),
    /// Send a recording through the engine: the same alerts, offline
    Replay(ReplayArgs),
}

/// `lapwing run`
#[derive(Debug, Clone, Default, Args)]
pub struct RunArgs {
    /// Run although another agent runs on this host: both see everything, and each alert comes twice
    #[arg(long)]
    pub beside: bool,
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
    /// Instead: what the kernel's verifier has to do for each program, used or not (needs root)
    #[arg(long)]
    pub verifier: bool,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Attach nothing; list the programs, links and maps of lapwing that the kernel has now, whoever loaded them
    #[arg(long)]
    pub loaded: bool,
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

/// Where `lapwing mask` finds Alertmanager, and the caller's own credential there.
#[derive(Debug, Clone, Default, Args)]
pub struct MaskAccess {
    /// Alertmanager's URL; several are the peers of one cluster. Default: [alertmanager] urls
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "LAPWING_MASK_ALERTMANAGER",
        value_delimiter = ','
    )]
    pub alertmanager: Vec<String>,
    /// User for basic authentication
    #[arg(long, global = true, value_name = "NAME", env = "LAPWING_MASK_USERNAME")]
    pub username: Option<String>,
    /// File with its password, which nobody else may read
    #[arg(long, global = true, value_name = "PATH", env = "LAPWING_MASK_PASSWORD_FILE")]
    pub password_file: Option<PathBuf>,
    /// File with a bearer token, which nobody else may read
    #[arg(long, global = true, value_name = "PATH", env = "LAPWING_MASK_BEARER_TOKEN_FILE")]
    pub bearer_token_file: Option<PathBuf>,
    /// Certificates (PEM) that Alertmanager's must lead to
    #[arg(long, global = true, value_name = "PATH", env = "LAPWING_MASK_CA_FILE")]
    pub ca_file: Option<PathBuf>,
    /// Certificate (PEM) to show to Alertmanager
    #[arg(long, global = true, value_name = "PATH", env = "LAPWING_MASK_CERT_FILE")]
    pub cert_file: Option<PathBuf>,
    /// Its key (PEM), which nobody else may read
    #[arg(long, global = true, value_name = "PATH", env = "LAPWING_MASK_KEY_FILE")]
    pub key_file: Option<PathBuf>,
    /// For one request
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Duration>,
    /// Allow a credential to be sent over http:// to another host
    #[arg(long, global = true)]
    pub insecure: bool,
    /// Use the agent's credential, from its configuration, also to add and end silences
    #[arg(long, global = true)]
    pub agent_credential: bool,
}

/// `lapwing mask ...`
#[derive(Debug, Clone, Subcommand)]
pub enum MaskCommand {
    /// Show silences in force or to come that concern Lapwing, and whether the agent honours them
    List(MaskListArgs),
    /// Create a silence: for alerts like a recent one (--alert), or by matchers alone
    Add(MaskAddArgs),
    /// End a silence
    Expire(MaskExpireArgs),
}

/// `lapwing mask list`
#[derive(Debug, Clone, Default, Args)]
pub struct MaskListArgs {
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Also those that do not concern Lapwing
    #[arg(long)]
    pub all: bool,
}

/// `lapwing mask add`
#[derive(Debug, Clone, Args)]
pub struct MaskAddArgs {
    /// Alerts like this one: its id, as in the alert's `mask` key
    #[arg(long, value_name = "ID")]
    pub alert: Option<String>,
    /// How long
    #[arg(long = "for", value_name = "DURATION", value_parser = mask_length)]
    pub duration: Duration,
    /// A matcher (rule=etc, path=~/tmp/.*); with --alert also a name alone (process, executable, path, container, remote, user), whose value is the
    /// alert's. Without any, the alert's rule, file and program
    #[arg(long = "match", value_name = "MATCHER")]
    pub matchers: Vec<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub comment: Option<String>,
    /// Who
    #[arg(long, value_name = "NAME")]
    pub author: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// `lapwing mask expire`
#[derive(Debug, Clone, Args)]
pub struct MaskExpireArgs {
    /// The silence's id
    pub id: String,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// `lapwing record`
#[derive(Debug, Clone, Args)]
pub struct RecordArgs {
    /// The file to write; must not exist
    pub file: PathBuf,
    /// Be an agent meanwhile: write alerts to the configured outputs, serve /metrics and the socket, keep the state directory
    #[arg(long)]
    pub alerts: bool,
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

/// A mask that nobody remembers hides more than it was meant to.
fn mask_length(text: &str) -> Result<Duration, String> {
    let length = duration(text)?;
    match (Duration::from_secs(1)..=Duration::from_secs(366 * 86_400)).contains(&length) {
        true => Ok(length),
        false => Err(format!("{text:?} is not from 1s to 366d")),
    }
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
                flavour: Some(FlavourArg::Syscall),
                beside: false,
            })
        ));
        let cli = Cli::parse_from(["lapwing", "record", "f", "--for", "1m30s"]);
        let Command::Record(record) = cli.command() else {
            panic!("not record")
        };
        assert_eq!(record.duration, Some(Duration::from_secs(90)));
    }
}

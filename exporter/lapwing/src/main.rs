//! `lapwing`: picks the command and turns its outcome into an exit code.

use std::process::ExitCode;

use clap::Parser;
use lapwing::{
    cli::{Cli, Command},
    commands,
};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command() {
        Command::Run(args) => commands::run(&cli.config, &args),
        Command::Check(args) => commands::check(&cli.config, &args),
        Command::Probes(args) => commands::probes(&cli.config, &args),
        Command::Status(args) => commands::status(&cli.config, &args),
        Command::Rules { command } => commands::rules(&cli.config, &command),
        Command::Mask { access, command } => commands::mask(&cli.config, &access, &command),
        Command::Record(args) => commands::record(&cli.config, &args),
        Command::Replay(args) => commands::replay(&cli.config, &args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            failure.exit_code()
        }
    }
}

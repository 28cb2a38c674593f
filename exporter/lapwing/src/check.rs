//! `lapwing check`: is the configuration valid, and what does it amount to.

use std::fmt::Write;

use crate::{
    cli::ConfigArgs,
    config::{self, Loaded, Network, OnOff, Problem, ProcessMode},
};

/// Loads the configuration. Prints its warnings and, when nothing is wrong, a summary; the problems are the caller's to print.
///
/// # Errors
/// Every problem, with its place.
pub fn check(args: &ConfigArgs) -> Result<Loaded, Vec<Problem>> {
    let loaded = config::load(args)?;
    for warning in &loaded.warnings {
        eprintln!("warning: {warning}");
    }
    println!("{}", summary(&loaded));
    Ok(loaded)
}

/// Whose connections are watched.
fn network(network: &Network) -> String {
    let https = if network.https == OnOff::On { "on" } else { "off" };
    let these = network.processes.join(", ");
    match network.mode {
        ProcessMode::All => format!("connections of all processes, https {https}"),
        ProcessMode::Except => format!("connections of all processes except {these}, https {https}"),
        ProcessMode::Only => format!(
            "connections of {these} only, https {https}\n          \
             (a connection that comes in is first that of who listens: if that is another process than who serves, name both)"
        ),
    }
}

/// A few lines on what is in force.
pub fn summary(loaded: &Loaded) -> String {
    let rules = loaded.rules.rules();
    let enabled = rules.iter().filter(|rule| rule.enabled).count();
    let mut text = String::from("The configuration is valid.\n");
    for source in &loaded.sources {
        let _ = writeln!(text, "  file   {}", source.display());
    }
    if loaded.sources.is_empty() {
        let _ = writeln!(
            text,
            "  file   none: built-in defaults ({} does not exist)",
            config::DEFAULT_PATH
        );
    }
    let _ = writeln!(text, "  rules  {} ({enabled} enabled)", rules.len());
    if loaded.config.network.enabled {
        let _ = writeln!(text, "  network {}", network(&loaded.config.network));
    }
    let _ = write!(text, "  hash   {}", loaded.hash);
    text
}

//! `lapwing mask`: silences in Alertmanager, made from alerts.
//!
//! Answers go to standard output, everything else (what would be done, questions) to standard error.

mod access;
mod add;
mod ask;
mod expire;
mod judgement;
mod list;
mod matchers;
mod show;

use std::io::{self, Write};

use access::Purpose;

use crate::{
    alertmanager::{ClientError, WIRE_REASONS},
    cli::{ConfigArgs, MaskAccess, MaskCommand},
    config::{self, Problem},
    outputs::unix_now as unix_nanoseconds,
};

/// Why the command did not do it.
#[derive(Debug, thiserror::Error)]
pub enum MaskError {
    /// Configuration or rules are wrong.
    #[error("{}", .0.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"))]
    Config(Vec<Problem>),
    /// What was asked for makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The caller said no.
    #[error("nothing was changed")]
    Declined,
    /// The store of recent alerts.
    #[error(
        "the recent alerts cannot be read: {0}; only root may, and only where the agent runs. --match makes masks without them"
    )]
    Store(String),
    /// It does not have the alert.
    #[error(
        "no alert {id} among the {known} recent ones of this host; ask on the host that raised it, or write --match rule=ID ..."
    )]
    NoAlert {
        /// As asked, escaped.
        id: String,
        /// How many there are.
        known: usize,
    },
    /// Alertmanager.
    #[error("{0}")]
    Client(#[from] ClientError),
    /// Standard output, or the runtime.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Does what was asked.
///
/// # Errors
/// [`MaskError`].
pub fn run(args: &ConfigArgs, access: &MaskAccess, command: &MaskCommand) -> Result<(), MaskError> {
    let loaded = config::load(args).map_err(MaskError::Config)?;
    let purpose = match command {
        MaskCommand::List(_) => Purpose::Read,
        MaskCommand::Add(_) | MaskCommand::Expire(_) => Purpose::Write,
    };
    let access = access::settings(access, &loaded.config, purpose)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let text = runtime.block_on(async {
        match command {
            MaskCommand::List(args) => list::run(&loaded, &access, args).await,
            MaskCommand::Add(args) => add::run(&loaded, &access, args).await,
            MaskCommand::Expire(args) => expire::run(&access, args).await,
        }
    })?;
    match io::stdout().write_all(text.as_bytes()) {
        // A reader that has seen enough (`| head`) is no failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// What a reason for refusing a silence means.
fn meaning(reason: &str) -> &'static str {
    let mut reasons = lapwing_engine::mask::REASONS.iter().chain(&WIRE_REASONS);
    reasons
        .find(|(name, _)| *name == reason)
        .map_or("", |(_, meaning)| meaning)
}

/// Now, in nanoseconds since 1970.
fn unix_now() -> i64 {
    i64::try_from(unix_nanoseconds()).unwrap_or(i64::MAX)
}

/// The command that masks alerts like the one with this id. Nothing but the id is in it: names and paths are chosen by attackers, and people paste
/// this into a root shell. None for an id that is none of the engine's.
pub fn line(id: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte) || byte == b'-';
    let good = !id.is_empty() && id.len() <= 100 && id.bytes().all(plain) && !id.starts_with('-');
    good.then(|| format!("lapwing mask add --alert {id} --for 2h"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_id_gets_into_the_line() {
        assert_eq!(
            line("5af3107a4000-1-2f-811c9dc5").unwrap(),
            "lapwing mask add --alert 5af3107a4000-1-2f-811c9dc5 --for 2h"
        );
        for bad in ["", "x", "1;reboot", "1 2", "-1", "1\n2", "$(1)", &"1".repeat(101)] {
            assert_eq!(line(bad), None, "{bad:?}");
        }
    }
}

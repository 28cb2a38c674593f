//! `lapwing rules list`, `explain ID`, `test FILE` and `fields`.

mod explain;
mod list;
mod trial;

use std::io::{self, Write};

use crate::{
    cli::{ConfigArgs, RulesCommand},
    config::{self, Loaded, Problem},
    recording::{ReadError, Reader},
};

/// Why the command could not do it.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// Configuration or rules are wrong.
    #[error("{}", .0.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"))]
    Config(Vec<Problem>),
    /// No rule has this id.
    #[error("there is no rule {id:?}; {help}")]
    NoRule {
        /// As asked.
        id: String,
        /// What was meant, or how to find out.
        help: String,
    },
    /// The recording cannot be read.
    #[error(transparent)]
    Recording(#[from] ReadError),
    /// Standard output cannot be written.
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
}

/// Loads the rules and answers on standard output.
///
/// # Errors
/// Problems of the configuration, a rule that does not exist, or as [`answer`].
pub fn run(args: &ConfigArgs, command: &RulesCommand) -> Result<(), RulesError> {
    let mut out = io::stdout().lock();
    let answered = match command {
        // Needed most while the rules are wrong still.
        RulesCommand::Fields => fields(&mut out),
        command => config::load(args)
            .map_err(RulesError::Config)
            .and_then(|loaded| answer(&loaded, command, &mut out)),
    };
    match answered {
        // `lapwing rules list | head` is no failure.
        Err(RulesError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Answers from loaded rules.
///
/// # Errors
/// What was asked for does not exist or cannot be read, or `out` cannot be written.
pub fn answer(loaded: &Loaded, command: &RulesCommand, out: &mut dyn Write) -> Result<(), RulesError> {
    match command {
        RulesCommand::List { json } => Ok(list::write(loaded, *json, out)?),
        RulesCommand::Explain { id } => {
            known(loaded, id)?;
            Ok(explain::write(loaded, id, out)?)
        }
        RulesCommand::Test { file, rule } => {
            if let Some(id) = rule {
                known(loaded, id)?;
            }
            trial::run(loaded, Reader::open(file)?, rule.as_deref(), out)
        }
        RulesCommand::Fields => fields(out),
    }
}

fn fields(out: &mut dyn Write) -> Result<(), RulesError> {
    out.write_all(lapwing_engine::field::listing().as_bytes())?;
    writeln!(
        out,
        "\nA text can be changed before it is compared, as in lower(url_decode(http.args)) = x:\n"
    )?;
    Ok(out.write_all(lapwing_engine::predicate::transform::LISTING.as_bytes())?)
}

fn known(loaded: &Loaded, id: &str) -> Result<(), RulesError> {
    if loaded.rules.find(id).is_some() {
        return Ok(());
    }
    let ids = loaded.rules.rules().iter().map(|rule| rule.id.as_str());
    let help = match config::suggest::nearest(id, ids) {
        Some(near) => format!("did you mean {near:?}?"),
        None => "`lapwing rules list` shows the ids".into(),
    };
    Err(RulesError::NoRule { id: id.into(), help })
}

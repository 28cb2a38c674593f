//! One error for the whole rig: a sentence that says what failed, where and what to do.

use std::{fmt, process::Command};

/// What went wrong, for people.
#[derive(Debug)]
pub struct Error(pub String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// The rig's result.
pub type Result<T> = std::result::Result<T, Error>;

/// Says what was being done when something failed.
pub trait Context<T> {
    /// Puts `what` before the error.
    fn context(self, what: impl fmt::Display) -> Result<T>;
}

impl<T, E: fmt::Display> Context<T> for std::result::Result<T, E> {
    fn context(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|e| Error(format!("{what}: {e}")))
    }
}

/// Runs a program to its end and returns what it wrote on standard output; its standard error is in the error.
pub fn output_of(command: &mut Command) -> Result<String> {
    let what = format!("{command:?}");
    let done = command.output().context(&what)?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        return Err(Error(format!("{what}: {}\n{}", done.status, said.trim())));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

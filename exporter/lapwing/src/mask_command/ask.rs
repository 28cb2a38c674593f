//! Shows what is to be done and asks whether it is meant.

use std::io::{self, BufRead, IsTerminal, Write};

use super::MaskError;

/// Returns when the caller agrees. Scripts agree by `--yes`; without it and without a terminal nobody was asked, so nobody agreed.
///
/// # Errors
/// No agreement.
pub fn confirm(question: &str, yes: bool) -> Result<(), MaskError> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(MaskError::Usage(
            "nobody can be asked without a terminal; give --yes".into(),
        ));
    }
    eprint!("{question} [y/N] ");
    let _ = io::stderr().flush();
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    match read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") {
        true => Ok(()),
        false => Err(MaskError::Declined),
    }
}

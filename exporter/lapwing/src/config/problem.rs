//! What is wrong, where, and what to write instead.

use std::fmt;

/// One thing wrong (or, as a warning, doubtful) in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file, `<default rules>` for built-in ones, or empty where `message` names the place (a variable, a flag).
    pub file: String,
    /// Counted from 1; 0 where the problem has no line.
    pub line: usize,
    /// Counted in characters from 1; 0 where the problem has no column.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to write or do; may be empty.
    pub help: String,
}

impl Problem {
    /// A problem that has no place in a file.
    pub fn without_place(message: impl Into<String>, help: impl Into<String>) -> Problem {
        Problem {
            file: String::new(),
            line: 0,
            column: 0,
            message: message.into(),
            help: help.into(),
        }
    }

    /// A problem with a file as a whole.
    pub fn of_file(file: impl Into<String>, message: impl Into<String>, help: impl Into<String>) -> Problem {
        Problem {
            file: file.into(),
            ..Problem::without_place(message, help)
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(f, "{}:", self.file)?;
            if self.line > 0 {
                write!(f, "{}:{}:", self.line, self.column)?;
            }
            f.write_str(" ")?;
        }
        f.write_str(&self.message)?;
        if !self.help.is_empty() {
            write!(f, "; {}", self.help)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

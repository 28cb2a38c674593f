//! What became of a scenario on one kernel, and the one line that says so to programs.

use serde::{Deserialize, Serialize};

use crate::error::Result;

/// How much of what a scenario does is told. What is not `Seen` says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Exactly the expected alerts, and nothing in them is missing.
    Seen,
    /// Alerts came, with less in them than elsewhere.
    Partial(String),
    /// Nothing is told, and that is known and documented.
    NotSeen(String),
    /// This machine has no such thing, so nothing was tried.
    NotApplicable(String),
}

impl Verdict {
    /// The word for the page and for programs.
    pub fn word(&self) -> Word {
        match self {
            Verdict::Seen => Word::Seen,
            Verdict::Partial(_) => Word::Partial,
            Verdict::NotSeen(_) => Word::NotSeen,
            Verdict::NotApplicable(_) => Word::NotApplicable,
        }
    }

    /// Why it is not seen in full; empty when it is.
    pub fn why(&self) -> &str {
        match self {
            Verdict::Seen => "",
            Verdict::Partial(why) | Verdict::NotSeen(why) | Verdict::NotApplicable(why) => why,
        }
    }
}

/// A test that only passes or fails.
impl From<()> for Verdict {
    fn from((): ()) -> Verdict {
        Verdict::Seen
    }
}

/// A verdict without its reason, or that there is none because the scenario failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// See [`Verdict::Seen`].
    Seen,
    /// See [`Verdict::Partial`].
    Partial,
    /// See [`Verdict::NotSeen`].
    NotSeen,
    /// See [`Verdict::NotApplicable`].
    NotApplicable,
    /// It was not as it should be.
    Failed,
}

/// The result of one scenario, as a line of the runner's output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The scenario's name.
    pub scenario: String,
    /// What became of it.
    pub result: Word,
    /// Why it is not seen in full, or the first line of the failure.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// How long it took.
    pub seconds: f64,
}

/// What a result line begins with; the rest is JSON.
const MARK: &str = "@result ";

impl Line {
    /// Of a scenario that was run.
    pub fn new(scenario: &str, result: &Result<Verdict>, seconds: f64) -> Line {
        let (word, why) = match result {
            Ok(verdict) => (verdict.word(), verdict.why().to_owned()),
            Err(e) => (Word::Failed, e.0.lines().next().unwrap_or_default().to_owned()),
        };
        Line {
            scenario: scenario.to_owned(),
            result: word,
            why,
            seconds: (seconds * 10.0).round() / 10.0,
        }
    }

    /// As it is printed.
    pub fn print(&self) -> String {
        // Strings and numbers: it cannot fail.
        format!("{MARK}{}", serde_json::to_string(self).unwrap_or_default())
    }

    /// Those of a console, on which the kernel may have written in between.
    pub fn all(console: &str) -> Vec<Line> {
        let parse = |line: &str| serde_json::from_str(&line[line.find(MARK)? + MARK.len()..]).ok();
        console.lines().filter_map(parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, Verdict, Word};
    use crate::error::Error;

    #[test]
    fn a_line_is_read_back_from_a_console() {
        let partial = Line::new("a", &Ok(Verdict::Partial("no \"path\"".into())), 1.26);
        let failed = Line::new("b", &Err(Error("late\nand more".into())), 2.0);
        let console = format!(
            "[ 1.0] x\n[ 2.0] {}\ntest b ... FAILED\n{}\n@result {{\n",
            partial.print(),
            failed.print()
        );
        let lines = Line::all(&console);
        assert_eq!(lines, [partial, failed]);
        assert_eq!((lines[0].seconds, lines[0].result), (1.3, Word::Partial));
        assert_eq!((lines[1].why.as_str(), lines[1].result), ("late", Word::Failed));
    }
}

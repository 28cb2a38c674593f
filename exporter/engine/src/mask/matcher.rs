//! One matcher, compiled.

use super::{Matcher, Pattern};

/// What a label's value must be.
#[derive(Debug)]
pub(super) enum Test {
    Equal(String),
    NotEqual(String),
    Matches(Pattern),
    MatchesNot(Pattern),
}

impl Test {
    /// The error says what of the regular expression is not read alike.
    pub(super) fn new(matcher: &Matcher) -> Result<Test, &'static str> {
        let value = &matcher.value;
        Ok(match (matcher.is_regex, matcher.is_equal) {
            (false, true) => Test::Equal(value.clone()),
            (false, false) => Test::NotEqual(value.clone()),
            (true, true) => Test::Matches(Pattern::new(value)?),
            (true, false) => Test::MatchesNot(Pattern::new(value)?),
        })
    }

    /// Whether a label of that value, "" when it is missing, passes.
    pub(super) fn passes(&self, value: &str) -> bool {
        match self {
            Test::Equal(wanted) => value == wanted,
            Test::NotEqual(unwanted) => value != unwanted,
            Test::Matches(pattern) => pattern.matches(value),
            Test::MatchesNot(pattern) => !pattern.matches(value),
        }
    }

    /// Whether it demands a value: `=` or `=~`, and not the empty one.
    pub(super) fn is_positive(&self) -> bool {
        matches!(self, Test::Equal(_) | Test::Matches(_)) && !self.passes("")
    }
}

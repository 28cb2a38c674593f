//! Regular expressions as Go reads them, by Rust's engine.
//!
//! Alertmanager compiles `^(?:PATTERN)$` with Go's regexp package (pkg/labels/matcher.go, `NewMatcher`), whose syntax is described in
//! <https://pkg.go.dev/regexp/syntax> and read by src/regexp/syntax/parse.go with the flags of `syntax.Perl`. Rust's crate reads much of
//! the same text differently: `\d \w \s \b` are Unicode there and ASCII in Go; `&&`, `--`, `~~` and `[` in a class are operators in Rust and
//! characters in Go; `(?x)`, `\u00e9`, `\<` and `{,5}` mean something in Rust only or something else; octal escapes, `\Q..\E` and
//! `\pN` (of whichever version of Unicode) in Go only.
//!
//! So the pattern is read here by Go's grammar, of which only what is listed in [`reader`] is taken, and written anew in the small part of Rust's
//! syntax that cannot be misread: escaped characters, explicit ASCII classes, plain groups, repetitions. Anything else is refused, and so is
//! everything that Go itself refuses (a test puts both beside the real Alertmanager).

mod class;
mod reader;

use regex::{Regex, RegexBuilder};

/// Longest pattern, bytes.
const MAX_LENGTH: usize = 4096;
/// Largest compiled pattern, bytes.
const MAX_SIZE: usize = 1 << 20;
/// Most memory that one pattern's matching caches, bytes.
const MAX_CACHE: usize = 1 << 18;

/// A regular expression that must match the whole text, with Go's meaning.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    /// Reads a pattern, if Go and we read it alike.
    ///
    /// # Errors
    /// What in it is not read alike, in words for the one who wrote it.
    pub fn new(pattern: &str) -> Result<Pattern, &'static str> {
        if pattern.len() > MAX_LENGTH {
            return Err("it is longer than 4096 bytes");
        }
        let rewritten = reader::rewrite(pattern)?;
        RegexBuilder::new(&rewritten)
            .size_limit(MAX_SIZE)
            .dfa_size_limit(MAX_CACHE)
            .build()
            .map(Pattern)
            .map_err(|_| "it is too large when compiled")
    }

    /// Whether all of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// The expression as Rust's engine got it, for tests and for those who wonder.
    pub fn rewritten(&self) -> &str {
        self.0.as_str()
    }
}

#[cfg(test)]
mod tests;

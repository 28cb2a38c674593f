//! Go's grammar, the part that is taken.
//!
//! Taken are: characters; `.`; `^ $ \A \z \b \B`; `\d \D \s \S \w \W`; `\a \f \n \r \t \v \xHH \x{H..}` and escaped ASCII punctuation; classes
//! with ranges, the above and `[:name:]`; `(..)`, `(?:..)`, `(?P<name>..)`; `|`; `* + ? {n} {n,} {n,m}` with or without a following `?`; and
//! `(?i)`, `(?s)`, `(?U)` or several of them at the very beginning. Under `i` all characters must be ASCII: folding tables
//! differ by version of Unicode, but have always agreed on the ASCII letters (with U+017F and U+212A).
//!
//! Not taken although Go does: `\Q..\E`, octal escapes, `\p`, flags in the middle or `m`, `(?<name>..)` (since Go 1.22 only), a `{` that begins no
//! repetition, a repeated `^`, `$`, `\b` and the like.

use std::{fmt::Write, str::Chars};

use super::class;

/// Groups in groups; Go allows 1000.
const MAX_DEPTH: u32 = 50;
/// Go's bound for a count, and for the product of nested counts.
const MAX_COUNT: u32 = 1000;

/// What matters to a repetition of what was read.
#[derive(Clone, Copy)]
struct Shape {
    /// It contains `^`, `\b` or the like.
    asserts: bool,
    /// How often nested repetitions copy their inside.
    copies: u32,
}

const PLAIN: Shape = Shape {
    asserts: false,
    copies: 1,
};

impl Shape {
    fn and(self, other: Shape) -> Shape {
        Shape {
            asserts: self.asserts || other.asserts,
            copies: self.copies.max(other.copies),
        }
    }
}

/// The same expression in a dialect that Rust's crate reads in one way only, anchored at both ends.
pub(super) fn rewrite(pattern: &str) -> Result<String, &'static str> {
    let mut reader = Reader {
        rest: pattern.chars(),
        out: String::with_capacity(pattern.len() * 6 + 16),
        fold: false,
        dot_all: false,
        depth: 0,
        names: Vec::new(),
    };
    reader.flags();
    if reader.fold {
        reader.out.push_str("(?i)");
    }
    reader.out.push_str(r"\A(?:");
    reader.alternation()?;
    if reader.peek().is_some() {
        return Err("it has a ) without its (");
    }
    reader.out.push_str(r")\z");
    Ok(reader.out)
}

pub(super) struct Reader<'a> {
    pub(super) rest: Chars<'a>,
    pub(super) out: String,
    fold: bool,
    dot_all: bool,
    depth: u32,
    names: Vec<&'a str>,
}

impl<'a> Reader<'a> {
    pub(super) fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    /// Takes `text` if that is what follows.
    pub(super) fn take(&mut self, text: &str) -> bool {
        match self.rest.as_str().strip_prefix(text) {
            Some(rest) => {
                self.rest = rest.chars();
                true
            }
            None => false,
        }
    }

    /// `(?isU)` at the beginning. Greed does not change whether the whole text matches.
    fn flags(&mut self) {
        let parts = self
            .rest
            .as_str()
            .strip_prefix("(?")
            .and_then(|rest| rest.split_once(')'));
        let Some((flags, rest)) = parts else { return };
        if !flags.is_empty() && flags.bytes().all(|flag| matches!(flag, b'i' | b's' | b'U')) {
            self.fold = flags.contains('i');
            self.dot_all = flags.contains('s');
            self.rest = rest.chars();
        }
    }

    fn alternation(&mut self) -> Result<Shape, &'static str> {
        let mut shape = PLAIN;
        loop {
            match self.peek() {
                None | Some(')') => return Ok(shape),
                Some('|') => {
                    self.rest.next();
                    self.out.push('|');
                }
                Some(next) => shape = shape.and(self.repeated(next)?),
            }
        }
    }

    fn repeated(&mut self, next: char) -> Result<Shape, &'static str> {
        let shape = self.single(next)?;
        let Some((min, max)) = self.count()? else {
            return Ok(shape);
        };
        if shape.asserts {
            return Err("it repeats something with ^, $, \\A, \\z, \\b or \\B in it");
        }
        let copies = shape.copies * max.unwrap_or(min).max(1);
        if copies > MAX_COUNT {
            return Err("nested repetitions make more than 1000 copies");
        }
        self.take("?");
        if matches!(self.peek(), Some('*' | '+' | '?' | '{')) {
            return Err("a repetition is repeated without a group around it");
        }
        // Writing to a String cannot fail.
        let _ = match max {
            Some(max) => write!(self.out, "{{{min},{max}}}"),
            None => write!(self.out, "{{{min},}}"),
        };
        Ok(Shape { copies, ..shape })
    }

    /// `*`, `+`, `?`, `{n}`, `{n,}` or `{n,m}`, if one follows.
    fn count(&mut self) -> Result<Option<(u32, Option<u32>)>, &'static str> {
        let count = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => return self.braces().map(Some),
            _ => return Ok(None),
        };
        self.rest.next();
        Ok(Some(count))
    }

    fn braces(&mut self) -> Result<(u32, Option<u32>), &'static str> {
        let wrong = "a { that begins no repetition must be written \\{";
        self.rest.next();
        let (inside, rest) = self.rest.as_str().split_once('}').ok_or(wrong)?;
        let number = |text: &str| {
            let written = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
            let count = text.parse::<u32>().ok();
            count
                .filter(|_| written && (text == "0" || !text.starts_with('0')))
                .ok_or(wrong)
        };
        let (min, max) = match inside.split_once(',') {
            None => (number(inside)?, Some(number(inside)?)),
            Some((min, "")) => (number(min)?, None),
            Some((min, max)) => (number(min)?, Some(number(max)?)),
        };
        if min > MAX_COUNT || max.is_some_and(|max| max > MAX_COUNT || max < min) {
            return Err("a repetition count is above 1000, or the second is below the first");
        }
        self.rest = rest.chars();
        Ok((min, max))
    }

    fn single(&mut self, next: char) -> Result<Shape, &'static str> {
        match next {
            '(' => return self.group(),
            '[' => self.class()?,
            '\\' => return self.escape(),
            '*' | '+' | '?' => return Err("it repeats nothing"),
            '{' => return Err("a { that begins no repetition must be written \\{"),
            '^' => return Ok(self.assertion(1, r"\A")),
            '$' => return Ok(self.assertion(1, r"\z")),
            '.' => {
                self.rest.next();
                self.out.push_str(if self.dot_all { "(?s:.)" } else { r"[^\n]" });
            }
            other => {
                self.rest.next();
                self.character(other)?;
            }
        }
        Ok(PLAIN)
    }

    fn assertion(&mut self, taken: usize, written: &str) -> Shape {
        self.rest.nth(taken - 1);
        self.out.push_str(written);
        Shape { asserts: true, ..PLAIN }
    }

    fn group(&mut self) -> Result<Shape, &'static str> {
        self.rest.next();
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("its groups are nested more than 50 deep");
        }
        if self.take("?P<") {
            self.name()?;
        } else if !self.take("?:") && self.peek() == Some('?') {
            return Err("flags stand at the very beginning only: (?i), (?s), (?U)");
        }
        self.out.push_str("(?:");
        let shape = self.alternation()?;
        if !self.take(")") {
            return Err("it has a ( without its )");
        }
        self.out.push(')');
        self.depth -= 1;
        Ok(shape)
    }

    fn name(&mut self) -> Result<(), &'static str> {
        let wrong = "a group's name is wrong, or used twice";
        let (name, rest) = self.rest.as_str().split_once('>').ok_or(wrong)?;
        let written = !name.is_empty() && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
        if !written || self.names.contains(&name) {
            return Err(wrong);
        }
        self.names.push(name);
        self.rest = rest.chars();
        Ok(())
    }

    fn escape(&mut self) -> Result<Shape, &'static str> {
        let Some(kind) = self.rest.clone().nth(1) else {
            return Err("it ends in a single \\");
        };
        match kind {
            'A' => return Ok(self.assertion(2, r"\A")),
            'z' => return Ok(self.assertion(2, r"\z")),
            'b' => return Ok(self.assertion(2, r"(?-u:\b)")),
            'B' => return Ok(self.assertion(2, r"(?-u:\B)")),
            _ => {}
        }
        match class::perl(kind) {
            Some(class) => {
                self.rest.nth(1);
                self.out.push_str(class);
            }
            None => {
                let character = self.escaped()?;
                self.character(character)?;
            }
        }
        Ok(PLAIN)
    }

    /// The character that an escape stands for, at its backslash.
    pub(super) fn escaped(&mut self) -> Result<char, &'static str> {
        self.rest.next();
        match self.rest.next().ok_or("it ends in a single \\")? {
            'a' => Ok('\u{7}'),
            'f' => Ok('\u{c}'),
            'n' => Ok('\n'),
            'r' => Ok('\r'),
            't' => Ok('\t'),
            'v' => Ok('\u{b}'),
            'x' => self.hexadecimal(),
            'p' | 'P' => Err("Unicode classes (\\p) differ by version of Unicode"),
            'Q' => Err("\\Q..\\E is not taken: escape each character"),
            '0'..='9' => Err("octal escapes are not taken: write \\x{..}"),
            mark if mark.is_ascii() && !mark.is_ascii_alphanumeric() => Ok(mark),
            _ => Err("it has an escape that Go does not know"),
        }
    }

    fn hexadecimal(&mut self) -> Result<char, &'static str> {
        let wrong = "\\x needs two hexadecimal digits, or a character's number in braces";
        let text = self.rest.as_str();
        let (digits, rest) = match text.strip_prefix('{') {
            Some(braced) => braced.split_once('}').ok_or(wrong)?,
            None => text.split_at_checked(2).ok_or(wrong)?,
        };
        let written = (1..=8).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let number = u32::from_str_radix(digits, 16).ok().filter(|_| written).ok_or(wrong)?;
        self.rest = rest.chars();
        char::from_u32(number).ok_or(wrong)
    }

    /// Writes one character so that it means itself.
    pub(super) fn character(&mut self, character: char) -> Result<(), &'static str> {
        if self.fold && !character.is_ascii() {
            return Err("under (?i) every character must be ASCII");
        }
        // Writing to a String cannot fail.
        let _ = write!(self.out, "\\x{{{:x}}}", u32::from(character));
        Ok(())
    }
}

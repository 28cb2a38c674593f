//! Where something is written: offsets to lines and columns, also inside of a TOML string.

use std::{iter::Peekable, ops::Range, str::CharIndices};

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Bytes of a source.
    Text {
        /// Index of the source.
        source: usize,
        /// Its bytes.
        span: Range<usize>,
    },
    /// A variable or a flag.
    Named(String),
}

/// The starts of a text's lines.
#[derive(Debug)]
pub struct Lines(Vec<usize>);

impl Lines {
    /// Finds them.
    pub fn new(text: &str) -> Lines {
        let ends = text
            .bytes()
            .enumerate()
            .filter(|(_, byte)| *byte == b'\n')
            .map(|(at, _)| at + 1);
        Lines(std::iter::once(0).chain(ends).collect())
    }

    /// Line and column (in characters), both from 1.
    pub fn at(&self, text: &str, offset: usize) -> (usize, usize) {
        let offset = offset.min(text.len());
        let line = self.0.partition_point(|start| *start <= offset);
        let start = self.0[line - 1];
        let column = text[start..]
            .char_indices()
            .take_while(|(at, _)| start + at < offset)
            .count();
        (line, column + 1)
    }
}

/// Where in the literal (quotes included) the byte `wanted` of the string it stands for is written.
///
/// Knows the four kinds of TOML strings, their escapes and the newlines they drop.
pub fn inside_literal(literal: &str, wanted: usize) -> usize {
    let quotes = if literal.starts_with("\"\"\"") || literal.starts_with("'''") {
        3
    } else {
        1
    };
    let escapes = literal.starts_with('"');
    if literal.len() < 2 * quotes || !literal.starts_with(['"', '\'']) {
        return 0;
    }
    let body = &literal[quotes..literal.len() - quotes];
    let mut chars = body.char_indices().peekable();
    if quotes == 3 {
        skip_first_newline(&mut chars);
    }
    let mut decoded = 0;
    while let Some(&(at, c)) = chars.peek() {
        if escapes && c == '\\' {
            chars.next();
            let bytes = escape(&mut chars);
            if bytes > 0 && decoded + bytes > wanted {
                return quotes + at;
            }
            decoded += bytes;
            continue;
        }
        if decoded + c.len_utf8() > wanted {
            return quotes + at;
        }
        decoded += c.len_utf8();
        chars.next();
    }
    quotes + body.len()
}

fn skip_first_newline(chars: &mut Peekable<CharIndices<'_>>) {
    if chars.peek().is_some_and(|(_, c)| *c == '\r') {
        chars.next();
    }
    if chars.peek().is_some_and(|(_, c)| *c == '\n') {
        chars.next();
    }
}

/// Reads what follows a backslash; the number of bytes it stands for (0 for a line that is continued).
fn escape(chars: &mut Peekable<CharIndices<'_>>) -> usize {
    let Some((_, c)) = chars.next() else { return 0 };
    let digits = match c {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        c if c.is_whitespace() => {
            while chars.peek().is_some_and(|(_, c)| c.is_whitespace()) {
                chars.next();
            }
            return 0;
        }
        _ => return 1,
    };
    let hex: String = chars.by_ref().take(digits).map(|(_, c)| c).collect();
    u32::from_str_radix(&hex, 16)
        .ok()
        .and_then(char::from_u32)
        .map_or(1, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters() {
        let text = "a = 1\nä = 2\r\n\nx";
        let lines = Lines::new(text);
        assert_eq!(lines.at(text, 0), (1, 1));
        assert_eq!(lines.at(text, 4), (1, 5));
        assert_eq!(lines.at(text, 6), (2, 1));
        assert_eq!(lines.at(text, 8), (2, 2));
        assert_eq!(lines.at(text, text.len() - 1), (4, 1));
        assert_eq!(lines.at(text, 999), (4, 2));
    }

    /// For every kind of literal: each character of the decoded string is found where it is written.
    #[test]
    fn every_byte_of_a_string_is_found_in_its_literal() {
        for (literal, written) in [
            (r#""abc""#, vec![1, 2, 3]),
            (r"'a\c'", vec![1, 2, 3]),
            (r#""a\"b\\c""#, vec![1, 2, 4, 5, 7]),
            (r#""\u00e4x""#, vec![1, 1, 7]),
            (r#""\x41b""#, vec![1, 5]),
            ("\"\"\"\nab\"\"\"", vec![4, 5]),
            ("\"\"\"\r\nab\"\"\"", vec![5, 6]),
            ("\"\"\"a\\\n   b\"\"\"", vec![3, 9]),
            ("'''\na\nb'''", vec![4, 5, 6]),
            ("'äb'", vec![1, 1, 3]),
        ] {
            let document = format!("v = {literal}");
            let table = toml::de::DeTable::parse(&document).unwrap();
            let value = table.get_ref().values().next().unwrap();
            let text = value.get_ref().as_str().unwrap();
            assert_eq!(text.len(), written.len(), "{literal}");
            let found: Vec<usize> = (0..text.len()).map(|at| inside_literal(literal, at)).collect();
            assert_eq!(found, written, "{literal}");
        }
        assert_eq!(
            inside_literal("'ab'", 2),
            3,
            "the end of the string is its closing quote"
        );
        assert_eq!(inside_literal("17", 1), 0);
    }
}

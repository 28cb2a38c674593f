//! Text to tokens.

use super::PredicateError;

/// A token and the byte where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub offset: usize,
    pub kind: Kind<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    Open,
    Close,
    Comma,
    /// `=`, `!=`, `<`, `<=`, `>`, `>=`
    Symbol(&'static str),
    /// Anything else without quotes: a keyword, a field, a number, a value.
    Word(&'a str),
    /// In quotes, escapes resolved.
    Quoted(Vec<u8>),
    End,
}

impl Kind<'_> {
    /// As people would name it in a message.
    pub fn describe(&self) -> String {
        match self {
            Kind::Open => "\"(\"".into(),
            Kind::Close => "\")\"".into(),
            Kind::Comma => "\",\"".into(),
            Kind::Symbol(symbol) => format!("\"{symbol}\""),
            Kind::Word(word) => format!("{word:?}"),
            Kind::Quoted(text) => format!("the text \"{}\"", text.escape_ascii()),
            Kind::End => "the end".into(),
        }
    }
}

/// All tokens, `End` last.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, PredicateError> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let offset = at;
        let (kind, length) = match byte {
            byte if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            b'(' => (Kind::Open, 1),
            b')' => (Kind::Close, 1),
            b',' => (Kind::Comma, 1),
            b'"' | b'\'' => quoted(text, offset)?,
            b'=' | b'<' | b'>' => symbol(bytes, offset)?,
            b'!' if bytes.get(at + 1) == Some(&b'=') => (Kind::Symbol("!="), 2),
            _ => word(text, offset),
        };
        at += length;
        tokens.push(Token { offset, kind });
    }
    tokens.push(Token {
        offset: bytes.len(),
        kind: Kind::End,
    });
    Ok(tokens)
}

fn symbol(bytes: &[u8], offset: usize) -> Result<(Kind<'static>, usize), PredicateError> {
    Ok(match (bytes[offset], bytes.get(offset + 1)) {
        (b'=', Some(b'=')) => {
            return Err(PredicateError {
                offset,
                message: "\"==\" is no operator".into(),
                help: "write \"=\"".into(),
            });
        }
        (b'=', _) => (Kind::Symbol("="), 1),
        (b'<', Some(b'=')) => (Kind::Symbol("<="), 2),
        (b'<', _) => (Kind::Symbol("<"), 1),
        (_, Some(b'=')) => (Kind::Symbol(">="), 2),
        _ => (Kind::Symbol(">"), 1),
    })
}

fn word(text: &str, offset: usize) -> (Kind<'_>, usize) {
    let rest = &text[offset..];
    let ends = |byte: u8| byte.is_ascii_whitespace() || b"(),\"'=<>".contains(&byte);
    let bytes = rest.as_bytes();
    let length = (1..bytes.len())
        .find(|&at| ends(bytes[at]) || (bytes[at] == b'!' && bytes.get(at + 1) == Some(&b'=')))
        .unwrap_or(bytes.len());
    (Kind::Word(&rest[..length]), length)
}

fn quoted(text: &str, offset: usize) -> Result<(Kind<'_>, usize), PredicateError> {
    let bytes = text.as_bytes();
    let quote = bytes[offset];
    let mut value = Vec::new();
    let mut at = offset + 1;
    loop {
        match bytes.get(at) {
            None => {
                let quote = char::from(quote);
                let message = "the quote that opens here is never closed".into();
                return Err(PredicateError {
                    offset,
                    message,
                    help: format!("close it with {quote}"),
                });
            }
            Some(byte) if *byte == quote => return Ok((Kind::Quoted(value), at + 1 - offset)),
            Some(b'\\') => {
                let (byte, length) = escape(bytes, at)?;
                value.push(byte);
                at += length;
            }
            Some(byte) => {
                value.push(*byte);
                at += 1;
            }
        }
    }
}

fn escape(bytes: &[u8], offset: usize) -> Result<(u8, usize), PredicateError> {
    let byte = match bytes.get(offset + 1) {
        Some(byte @ (b'\\' | b'"' | b'\'')) => *byte,
        Some(b'n') => b'\n',
        Some(b't') => b'\t',
        Some(b'r') => b'\r',
        Some(b'x') => {
            let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
            let (Some(high), Some(low)) = (digit(offset + 2), digit(offset + 3)) else {
                let message = "\\x needs two hexadecimal digits".into();
                return Err(PredicateError {
                    offset,
                    message,
                    help: "write \\x00 to \\xff".into(),
                });
            };
            return Ok(((high * 16 + low) as u8, 4));
        }
        _ => {
            let message = "unknown escape in quotes".into();
            let help = "known are \\\\ \\\" \\' \\n \\t \\r \\xNN; write \\\\ for a backslash (in regexes too)".into();
            return Err(PredicateError { offset, message, help });
        }
    };
    Ok((byte, 2))
}

//! The right side of a check: values, by the field's type and the operator.

use std::net::IpAddr;

use ipnet::IpNet;
use regex::bytes::RegexBuilder;

use super::{
    Check, Glob, PredicateError, Transform,
    check::{About, Compare, Test, TextSet},
    lex::Kind,
    literal,
    parse::{OPERATORS, Parser},
};
use crate::{
    field::{FieldRef, Type},
    paths::{self, PathMap},
};

/// Most memory of one compiled regex.
const REGEX_BYTES: usize = 1 << 20;

/// Reads what the operator needs and makes the check.
pub(super) fn check(
    parser: &mut Parser<'_>,
    field: FieldRef,
    transforms: Box<[Transform]>,
    operator: &'static str,
    offset: usize,
) -> Result<Check, PredicateError> {
    let test = test(parser, &field, operator, offset)?;
    Ok(Check::new(field, transforms, test))
}

fn test(
    parser: &mut Parser<'_>,
    field: &FieldRef,
    operator: &'static str,
    offset: usize,
) -> Result<Test, PredicateError> {
    Ok(match (field.field.kind, operator) {
        (_, "exists") => Test::Exists,
        (Type::Number | Type::Flag, "in") => {
            let numbers = list(parser, operator)?;
            let numbers: Result<Vec<i64>, _> = numbers.iter().map(|value| number(value, field)).collect();
            Test::numbers(numbers?)
        }
        (Type::Flag, "=" | "!=") | (Type::Number, "=" | "!=" | "<" | "<=" | ">" | ">=") => {
            let value = single(parser, field, operator)?;
            Test::Number(compare(operator), number(&value, field)?)
        }
        (Type::Text | Type::Path, "=") => Test::Equal(word(single(parser, field, operator)?, field)?.into()),
        (Type::Text | Type::Path, "!=") => Test::NotEqual(word(single(parser, field, operator)?, field)?.into()),
        (Type::Text | Type::Path, "in") => {
            let values = list(parser, operator)?.into_iter();
            let words: Result<Vec<Vec<u8>>, _> = values.map(|value| word(value, field)).collect();
            Test::In(TextSet::new(words?))
        }
        (Type::Text | Type::Path, "startswith") => Test::StartsWith(not_empty(parser, field, operator)?.bytes.into()),
        (Type::Text | Type::Path, "endswith") => Test::EndsWith(not_empty(parser, field, operator)?.bytes.into()),
        (Type::Text | Type::Path, "contains") => Test::contains(&not_empty(parser, field, operator)?.bytes),
        (Type::Text | Type::Path, "icontains") => icontains(&not_empty(parser, field, operator)?)?,
        (Type::Text | Type::Path, "glob") => {
            let value = single(parser, field, operator)?;
            Test::Glob(Glob::new(&value.bytes).map_err(|message| PredicateError {
                offset: value.offset,
                message,
                help: "* is any text, ? any byte, [a-z] a range, \\ takes the next byte as it is".into(),
            })?)
        }
        (Type::Text | Type::Path, "regex") => regex(&single(parser, field, operator)?)?,
        (Type::Path, "pmatch") => pmatch(parser)?,
        (Type::Address, "=" | "!=") => Test::Networks(
            [network(&single(parser, field, operator)?, field)?].into(),
            operator == "=",
        ),
        (Type::Address, "in") => {
            let networks: Result<Vec<IpNet>, _> = list(parser, operator)?
                .iter()
                .map(|value| network(value, field))
                .collect();
            Test::Networks(networks?.into(), true)
        }
        (kind, operator) => {
            let name = field.field.name;
            let message = format!("{operator:?} does not apply to {name}, whose type is {}", kind.name());
            let help = match (kind, operator) {
                (Type::Text, "pmatch") => "pmatch compares paths; use startswith, glob or regex here",
                (Type::Text | Type::Path, _) => "texts have no order; use =, in, startswith, contains, glob or regex",
                (Type::Number, _) => "use = != < <= > >= in or exists",
                (Type::Flag, _) => "use = true or = false",
                (Type::Address, _) => "use = != in or exists",
            };
            return Err(PredicateError {
                offset,
                message,
                help: help.into(),
            });
        }
    })
}

/// A text; of a field whose values are few and known, one of these.
fn word(value: Value, field: &FieldRef) -> Result<Vec<u8>, PredicateError> {
    let known = field.field.words().unwrap_or_default();
    if known.is_empty() || known.iter().any(|word| word.as_bytes() == value.bytes) {
        return Ok(value.bytes);
    }
    let text = String::from_utf8_lossy(&value.bytes);
    Err(PredicateError {
        offset: value.offset,
        message: format!("{} is never {text:?}", field.field.name),
        help: format!("write one of {}", known.join(", ")),
    })
}

/// An address, or a network as `10.0.0.0/8`.
fn network(value: &Value, field: &FieldRef) -> Result<IpNet, PredicateError> {
    let text = String::from_utf8_lossy(&value.bytes);
    let found = text
        .parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    found.map_err(|_| PredicateError {
        offset: value.offset,
        message: format!(
            "{} is an IP address, {text:?} is neither one nor a network",
            field.field.name
        ),
        help: "write it as 192.0.2.1, 10.0.0.0/8, 2001:db8::1 or fd00::/8".into(),
    })
}

/// A value as written.
struct Value {
    offset: usize,
    bytes: Vec<u8>,
    quoted: bool,
}

fn value(parser: &mut Parser<'_>, operator: &str) -> Result<Value, PredicateError> {
    let token = parser.next();
    match token.kind {
        Kind::Quoted(bytes) => Ok(Value {
            offset: token.offset,
            bytes,
            quoted: true,
        }),
        Kind::Word(word) if OPERATORS.contains(&word) => Err(PredicateError {
            offset: token.offset,
            message: format!("expected a value after {operator}, found the keyword {word}"),
            help: format!("if {word} is the value, write \"{word}\""),
        }),
        Kind::Word(word) => Ok(Value {
            offset: token.offset,
            bytes: word.as_bytes().to_vec(),
            quoted: false,
        }),
        other => Err(PredicateError {
            offset: token.offset,
            message: format!("expected a value after {operator}, found {}", other.describe()),
            help: "write a text in quotes, or a number".into(),
        }),
    }
}

fn single(parser: &mut Parser<'_>, field: &FieldRef, operator: &str) -> Result<Value, PredicateError> {
    if parser.peek().kind == Kind::Open {
        let name = field.field.name;
        let message = format!("{operator} takes one value, not a list");
        let help = match operator {
            "=" => format!("write {name} in (...)"),
            "!=" => format!("write not {name} in (...)"),
            operator => format!("write ({name} {operator} A or {name} {operator} B)"),
        };
        return Err(PredicateError {
            offset: parser.peek().offset,
            message,
            help,
        });
    }
    value(parser, operator)
}

fn not_empty(parser: &mut Parser<'_>, field: &FieldRef, operator: &str) -> Result<Value, PredicateError> {
    let value = single(parser, field, operator)?;
    if value.bytes.is_empty() {
        let message = format!("{operator} \"\" is always true");
        return Err(PredicateError {
            offset: value.offset,
            message,
            help: format!("write {} exists", field.field.name),
        });
    }
    Ok(value)
}

/// `(a, b)`; for `pmatch` a value alone too, as Falco has it.
fn list(parser: &mut Parser<'_>, operator: &str) -> Result<Vec<Value>, PredicateError> {
    let offset = parser.peek().offset;
    if !parser.take_open() {
        if operator == "pmatch" {
            return Ok(vec![value(parser, operator)?]);
        }
        let message = format!("{operator} takes a list, found {}", parser.peek().kind.describe());
        return Err(PredicateError {
            offset,
            message,
            help: format!("write {operator} (\"a\", \"b\")"),
        });
    }
    if parser.peek().kind == Kind::Close {
        let message = "the list is empty, so this would never match".into();
        return Err(PredicateError {
            offset,
            message,
            help: format!("write {operator} (\"a\", \"b\")"),
        });
    }
    let mut values = vec![value(parser, operator)?];
    while parser.comma_or_close()? {
        values.push(value(parser, operator)?);
    }
    Ok(values)
}

fn compare(operator: &str) -> Compare {
    match operator {
        "!=" => Compare::NotEqual,
        "<" => Compare::Less,
        "<=" => Compare::LessOrEqual,
        ">" => Compare::Greater,
        ">=" => Compare::GreaterOrEqual,
        _ => Compare::Equal,
    }
}

fn number(value: &Value, field: &FieldRef) -> Result<i64, PredicateError> {
    let name = field.field.name;
    let text = String::from_utf8_lossy(&value.bytes);
    let error = |message: String, help: String| {
        Err(PredicateError {
            offset: value.offset,
            message,
            help,
        })
    };
    if value.quoted {
        return error(
            format!("{name} is {}, not a text", a(field.field.kind)),
            "leave the quotes out".into(),
        );
    }
    if field.field.kind == Type::Flag {
        return match &*text {
            "true" | "1" => Ok(1),
            "false" | "0" => Ok(0),
            _ => error(
                format!("{name} is true or false, not {text:?}"),
                format!("write {name} = true"),
            ),
        };
    }
    let digits = text.strip_prefix('-').unwrap_or(&text);
    let parsed = match digits.get(..2) {
        Some("0x") => i64::from_str_radix(&digits[2..], 16),
        Some("0o") => i64::from_str_radix(&digits[2..], 8),
        Some("0b") => i64::from_str_radix(&digits[2..], 2),
        Some(two) if two.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            let rest = digits.trim_start_matches('0');
            return error(
                format!("{text} could be octal or decimal"),
                format!("write 0o{rest} for octal, {rest} for decimal"),
            );
        }
        _ => digits.parse(),
    };
    match parsed {
        Ok(number) if digits.len() < text.len() => Ok(-number),
        Ok(number) => Ok(number),
        Err(_) => error(
            format!("{name} is a number, {text:?} is none"),
            "write it as 42, -1, 0x2a or 0o755".into(),
        ),
    }
}

fn a(kind: Type) -> &'static str {
    match kind {
        Type::Flag => "true or false",
        _ => "a number",
    }
}

/// ASCII letters only: bytes are compared, not characters.
fn icontains(value: &Value) -> Result<Test, PredicateError> {
    let pattern: String = value.bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
    build(&pattern, true, value.offset)
}

fn regex(value: &Value) -> Result<Test, PredicateError> {
    let Ok(pattern) = std::str::from_utf8(&value.bytes) else {
        let message = "the regex is not UTF-8".into();
        let help = "to match a byte, give the regex its escape: \"\\\\xff\"".into();
        return Err(PredicateError {
            offset: value.offset,
            message,
            help,
        });
    };
    build(pattern, false, value.offset)
}

fn build(pattern: &str, ignore_case: bool, offset: usize) -> Result<Test, PredicateError> {
    let built = RegexBuilder::new(pattern)
        .unicode(false)
        .case_insensitive(ignore_case)
        .size_limit(REGEX_BYTES)
        .dfa_size_limit(REGEX_BYTES)
        .nest_limit(64)
        .build();
    let parsed = regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .case_insensitive(ignore_case)
        .nest_limit(64)
        .build()
        .parse(pattern);
    let about = parsed.map_or_else(
        |_| About::default(),
        |regex| About {
            anywhere: regex.properties().look_set().is_empty(),
            literals: literal::literals(&regex),
        },
    );
    let built = built.map(|regex| Test::Regex(Box::new(regex), about));
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => PredicateError {
            offset,
            message: format!("the regex needs more than {REGEX_BYTES} bytes when compiled"),
            help: "use smaller repetition counts or split it into several checks".into(),
        },
        error => {
            // The crate draws the pattern with a caret over several lines; its last line says what is wrong.
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            PredicateError {
                offset,
                message: format!("the regex does not compile: {reason}"),
                help: "the syntax is that of Rust's regex crate on bytes: no look-around, no back-references, no Unicode classes".into(),
            }
        }
    })
}

fn pmatch(parser: &mut Parser<'_>) -> Result<Test, PredicateError> {
    let mut set = PathMap::default();
    let mut paths = Vec::new();
    for value in list(parser, "pmatch")? {
        let checked = match std::str::from_utf8(&value.bytes) {
            Ok(path) => paths::check(path),
            Err(_) => Ok(()),
        };
        checked.map_err(|(message, help)| PredicateError {
            offset: value.offset,
            message,
            help,
        })?;
        set.insert(&value.bytes, ());
        paths.push(value.bytes.into());
    }
    Ok(Test::Below { set, paths })
}

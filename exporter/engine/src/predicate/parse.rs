//! Tokens to nodes.

use std::sync::Arc;

use super::{
    Check, MAX_DEPTH, MAX_LENGTH, Node, PredicateError, Transform,
    lex::{Kind, Token, tokens},
    transform, value,
};
use crate::field::{self, Field, FieldRef, Kinds, Selector};

/// What no value may be without quotes: the operators of a check, then those that join checks.
pub(super) const OPERATORS: [&str; 12] = [
    "in",
    "startswith",
    "endswith",
    "contains",
    "icontains",
    "glob",
    "regex",
    "exists",
    "pmatch",
    "and",
    "or",
    "not",
];

pub(super) fn parse(text: &str, kinds: Kinds) -> Result<Node, PredicateError> {
    if text.len() > MAX_LENGTH {
        let message = format!("the predicate has {} bytes", text.len());
        return Err(PredicateError {
            offset: MAX_LENGTH,
            message,
            help: format!("at most {MAX_LENGTH} are allowed"),
        });
    }
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        depth: 0,
        kinds,
    };
    let node = parser.or()?;
    parser.end()?;
    Ok(node)
}

pub(super) struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    depth: usize,
    kinds: Kinds,
}

impl<'a> Parser<'a> {
    fn or(&mut self) -> Result<Node, PredicateError> {
        let mut nodes = vec![self.and()?];
        while self.take_word("or") {
            nodes.push(self.and()?);
        }
        Ok(one_or(nodes, Node::Or))
    }

    fn and(&mut self) -> Result<Node, PredicateError> {
        let mut nodes = vec![self.unary()?];
        while self.take_word("and") {
            nodes.push(self.unary()?);
        }
        Ok(one_or(nodes, Node::And))
    }

    fn unary(&mut self) -> Result<Node, PredicateError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(
                "nested too deeply".into(),
                format!("at most {MAX_DEPTH} levels are allowed"),
            ));
        }
        let node = match &self.peek().kind {
            Kind::Word("not") => {
                self.next();
                Node::Not(Box::new(self.unary()?))
            }
            Kind::Open => self.parenthesis()?,
            _ => Node::Check(self.check()?),
        };
        self.depth -= 1;
        Ok(node)
    }

    fn parenthesis(&mut self) -> Result<Node, PredicateError> {
        let opened = self.next().offset;
        let node = self.or()?;
        if self.peek().kind == Kind::End {
            let message = "the parenthesis that opens here is never closed".into();
            return Err(PredicateError {
                offset: opened,
                message,
                help: "close it with )".into(),
            });
        }
        self.expect_close("and, or, or )")?;
        Ok(node)
    }

    fn check(&mut self) -> Result<Check, PredicateError> {
        let mut transforms = Vec::new();
        let field = self.operand(&mut transforms)?;
        let token = self.next();
        let operator = match &token.kind {
            Kind::Symbol(symbol) => symbol,
            Kind::Word(word) => match OPERATORS[..9].iter().find(|operator| *operator == word) {
                Some(operator) => operator,
                None => return Err(no_operator(token.offset, &field, word)),
            },
            other => {
                let message = format!(
                    "expected an operator after {}, found {}",
                    field.field.name,
                    other.describe()
                );
                return Err(PredicateError {
                    offset: token.offset,
                    message,
                    help: operator_help(&field),
                });
            }
        };
        value::check(self, field, transforms.into(), operator, token.offset)
    }

    /// A field, or a transformation of one: `lower(http.host)`.
    fn operand(&mut self, transforms: &mut Vec<Transform>) -> Result<FieldRef, PredicateError> {
        let token = self.peek().clone();
        let called = self.tokens.get(self.at + 1).map(|next| &next.kind) == Some(&Kind::Open);
        let word = match token.kind {
            Kind::Word(word) if called && !OPERATORS.contains(&word) => word,
            _ => return self.field(),
        };
        let refused = |message: String, help: String| PredicateError {
            offset: token.offset,
            message,
            help,
        };
        let Some(transform) = Transform::named(word) else {
            let help = match field::nearest_of(word, Transform::names()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("there are {}", Transform::names().collect::<Vec<_>>().join(", ")),
            };
            return Err(refused(format!("there is no transformation {word:?}"), help));
        };
        self.next();
        self.next();
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(refused(
                "nested too deeply".into(),
                format!("at most {MAX_DEPTH} levels are allowed"),
            ));
        }
        let field = self.operand(transforms)?;
        self.depth -= 1;
        self.expect_close(")")?;
        if !matches!(field.field.kind, field::Type::Text | field::Type::Path) {
            let message = format!(
                "{word} changes texts, {} is {}",
                field.field.name,
                field.field.kind.name()
            );
            return Err(refused(message, format!("write {} alone", field.field.name)));
        }
        transforms.push(transform);
        if transforms.len() > transform::MAX {
            let help = format!("at most {} are allowed", transform::MAX);
            return Err(refused("too many transformations of one value".into(), help));
        }
        Ok(field)
    }

    fn field(&mut self) -> Result<FieldRef, PredicateError> {
        let token = self.next();
        match token.kind {
            Kind::Word(word) if !OPERATORS.contains(&word) => resolve(word, token.offset, self.kinds),
            other => Err(PredicateError {
                offset: token.offset,
                message: format!("expected a field, found {}", other.describe()),
                help: "begin a check with a field, such as proc.name = \"vim\"".into(),
            }),
        }
    }

    fn end(&mut self) -> Result<(), PredicateError> {
        let token = self.peek();
        let found = match &token.kind {
            Kind::End => return Ok(()),
            Kind::Close => {
                return Err(self.error("this parenthesis closes nothing".into(), "remove it or open one".into()));
            }
            kind => kind.describe(),
        };
        let help = match &token.kind {
            Kind::Word("&&" | "AND" | "And") => "write and".into(),
            Kind::Word("||" | "OR" | "Or") => "write or".into(),
            _ => "join checks with and or or; put a value with spaces in quotes".to_owned(),
        };
        Err(self.error(format!("expected and, or, or the end, found {found}"), help))
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek().kind, Kind::Word(found) if found == word);
        self.at += usize::from(found);
        found
    }

    pub fn take_open(&mut self) -> bool {
        let found = self.peek().kind == Kind::Open;
        self.at += usize::from(found);
        found
    }

    /// Takes a comma (true) or the parenthesis that ends a list (false).
    pub fn comma_or_close(&mut self) -> Result<bool, PredicateError> {
        if self.peek().kind == Kind::Comma {
            self.next();
            return Ok(true);
        }
        self.expect_close("\",\" or )")?;
        Ok(false)
    }

    fn expect_close(&mut self, expected: &str) -> Result<(), PredicateError> {
        if self.peek().kind == Kind::Close {
            self.next();
            return Ok(());
        }
        let message = format!("expected {expected}, found {}", self.peek().kind.describe());
        Err(self.error(message, "close the parenthesis with )".into()))
    }

    pub fn peek(&self) -> &Token<'a> {
        &self.tokens[self.at]
    }

    pub fn next(&mut self) -> Token<'a> {
        let token = self.tokens[self.at].clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    fn error(&self, message: String, help: String) -> PredicateError {
        PredicateError {
            offset: self.peek().offset,
            message,
            help,
        }
    }
}

fn one_or(mut nodes: Vec<Node>, many: fn(Box<[Node]>) -> Node) -> Node {
    match nodes.pop() {
        Some(node) if nodes.is_empty() => node,
        last => {
            nodes.extend(last);
            many(nodes.into())
        }
    }
}

/// Finds a field as written, `proc.aname[2]`, for events of `kinds`.
pub(crate) fn resolve(word: &str, offset: usize, kinds: Kinds) -> Result<FieldRef, PredicateError> {
    let (name, bracket) = match word.find('[') {
        Some(at) => (&word[..at], Some((&word[at + 1..], offset + at))),
        None => (word, None),
    };
    let Some(field) = field::find(name) else {
        return Err(PredicateError {
            offset,
            message: format!("there is no field {name:?}"),
            help: field::help_for(name),
        });
    };
    if !field.on.meets(kinds) {
        let message = format!("{name} is never set here: it comes with {} events only", field.on);
        return Err(PredicateError {
            offset,
            message,
            help: "use it in a rule about those, or another field here".into(),
        });
    }
    let selector = bracket
        .map(|(text, offset)| selector(field, text, offset))
        .transpose()?;
    Ok(FieldRef { field, selector })
}

/// What stands after the bracket that opens at `offset`.
fn selector(field: &Field, text: &str, offset: usize) -> Result<Selector, PredicateError> {
    let name = field.name;
    let refused = |message: String, help: String| PredicateError { offset, message, help };
    let Some(wanted) = field.selector() else {
        return Err(refused(format!("{name} takes no [ ]"), format!("write {name}")));
    };
    let inside = text.strip_suffix(']').filter(|inside| !inside.is_empty());
    let found = inside.and_then(|inside| match wanted {
        "[n]" => inside.parse().ok().map(Selector::Index),
        "[name]" => Some(Selector::Name(Arc::from(inside.as_bytes()))),
        _ => {
            let (from, length) = inside.split_once(':')?;
            let length = length.parse().ok().filter(|length| *length > 0)?;
            Some(Selector::Span(from.parse().ok()?, length))
        }
    });
    found.ok_or_else(|| match wanted {
        "[n]" => refused(
            format!("{name} takes a number in [ ]"),
            format!("write {name}[1], or {name} for any"),
        ),
        "[name]" => refused(
            format!("{name} takes a name in [ ]"),
            format!("write {name}[x], or {name} for any"),
        ),
        _ => refused(
            format!("{name} takes the first byte and how many in [ ]"),
            format!("write {name}[0:16], or {name} for all"),
        ),
    })
}

fn no_operator(offset: usize, field: &FieldRef, word: &str) -> PredicateError {
    let name = field.field.name;
    let help = match word {
        "not" => format!("write not {name} in (...)"),
        "and" | "or" => format!("compare {name} with something first; {}", operator_help(field)),
        word => match field::nearest_of(word, OPERATORS[..9].iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => operator_help(field),
        },
    };
    PredicateError {
        offset,
        message: format!("expected an operator after {name}, found {word:?}"),
        help,
    }
}

fn operator_help(field: &FieldRef) -> String {
    let name = field.field.name;
    match field.field.kind {
        field::Type::Flag => format!("write {name} = true, or {name} exists"),
        field::Type::Address => format!("write {name} followed by = != in or exists, and an address or a network"),
        field::Type::Number => format!("write {name} followed by = != < <= > >= in or exists"),
        field::Type::Text => {
            format!("write {name} followed by = != in startswith endswith contains icontains glob regex or exists")
        }
        field::Type::Path => {
            format!(
                "write {name} followed by = != in pmatch startswith endswith contains icontains glob regex or exists"
            )
        }
    }
}

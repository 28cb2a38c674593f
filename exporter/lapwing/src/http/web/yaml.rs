//! A YAML text as a tree whose every part knows where it is written. Small texts only: depth and size are bounded, aliases are refused.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError};

/// The format needs four levels.
const MAX_DEPTH: usize = 16;
/// Far more than the largest sensible list of users has.
const MAX_NODES: usize = 20_000;

/// Line and column, in characters, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// What the text is not.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotYaml {
    pub(super) at: At,
    pub(super) message: String,
    pub(super) help: &'static str,
}

/// A value and its place.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: At,
    pub(super) value: Value,
}

/// A value.
#[derive(Debug)]
pub(super) enum Value {
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    /// In the order of the text, keys that are there twice included.
    Map(Vec<(Key, Node)>),
}

/// A key and its place.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) at: At,
    pub(super) text: String,
}

impl Node {
    /// Nothing written, or `null`.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if matches!(&**text, "" | "~" | "null" | "Null" | "NULL"))
    }

    /// For messages: what this is.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            _ if self.is_null() => "nothing",
            Value::Scalar { .. } => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a section",
        }
    }
}

/// The one document of the text; none when it is empty.
pub(super) fn parse(text: &str) -> Result<Option<Node>, NotYaml> {
    let mut tree = Tree::default();
    let mut documents = 0;
    let mut nodes = 0;
    let end = end(text);
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| not_yaml(&error, end))?;
        let at = place(&span.start, end);
        nodes += 1;
        if nodes > MAX_NODES {
            return Err(refuse(at, "the text has too many parts", "is it the right file?"));
        }
        match event {
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    return Err(refuse(
                        at,
                        "a second document begins here",
                        "write one document: remove the line ---",
                    ));
                }
            }
            Event::Scalar(text, style, _, tag) => {
                untagged(at, tag.is_some())?;
                let plain = style == ScalarStyle::Plain;
                let text = text.into_owned();
                tree.add(Node {
                    at,
                    value: Value::Scalar { text, plain },
                })?;
            }
            Event::SequenceStart(_, tag) => {
                untagged(at, tag.is_some())?;
                tree.open(Open::List(at, Vec::new()))?;
            }
            Event::MappingStart(_, tag) => {
                untagged(at, tag.is_some())?;
                tree.open(Open::Map(at, Vec::new(), None))?;
            }
            Event::SequenceEnd | Event::MappingEnd => tree.close()?,
            Event::Alias(_) => {
                return Err(refuse(
                    at,
                    "aliases (*name) are not understood here",
                    "write the value itself",
                ));
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
    }
    Ok(tree.root)
}

/// A list or section whose end has not come yet.
enum Open {
    List(At, Vec<Node>),
    Map(At, Vec<(Key, Node)>, Option<Key>),
}

#[derive(Default)]
struct Tree {
    open: Vec<Open>,
    root: Option<Node>,
}

impl Tree {
    fn open(&mut self, open: Open) -> Result<(), NotYaml> {
        let at = match &open {
            Open::List(at, _) | Open::Map(at, ..) => *at,
        };
        if self.open.len() == MAX_DEPTH {
            return Err(refuse(at, "this is nested too deeply", "is it the right file?"));
        }
        self.open.push(open);
        Ok(())
    }

    fn close(&mut self) -> Result<(), NotYaml> {
        match self.open.pop() {
            Some(Open::List(at, list)) => self.add(Node {
                at,
                value: Value::List(list),
            }),
            Some(Open::Map(at, map, _)) => self.add(Node {
                at,
                value: Value::Map(map),
            }),
            // The parser closes only what it has opened.
            None => Ok(()),
        }
    }

    fn add(&mut self, node: Node) -> Result<(), NotYaml> {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, list)) => list.push(node),
            Some(Open::Map(_, map, key)) => match (key.take(), node.value) {
                (Some(key), value) => map.push((key, Node { at: node.at, value })),
                (None, Value::Scalar { text, .. }) => *key = Some(Key { at: node.at, text }),
                (None, _) => {
                    return Err(refuse(
                        node.at,
                        "a key must be a single word",
                        "write key: value, one a line",
                    ));
                }
            },
        }
        Ok(())
    }
}

fn untagged(at: At, tagged: bool) -> Result<(), NotYaml> {
    match tagged {
        false => Ok(()),
        true => Err(refuse(
            at,
            "tags (!name) are not understood here",
            "write the value without it",
        )),
    }
}

fn refuse(at: At, message: &str, help: &'static str) -> NotYaml {
    NotYaml {
        at,
        message: message.into(),
        help,
    }
}

fn not_yaml(error: &ScanError, end: At) -> NotYaml {
    NotYaml {
        at: place(error.marker(), end),
        message: format!("not YAML: {}", error.info()),
        help: "",
    }
}

/// What is missing at the end is placed by the parser on a line that is not there.
fn place(marker: &Marker, end: At) -> At {
    At {
        line: marker.line().max(1),
        column: marker.col() + 1,
    }
    .min(end)
}

/// Just behind the last line. YAML ends lines by LF, CR, or both.
fn end(text: &str) -> At {
    let text = text.replace("\r\n", "\n");
    let lines = || text.strip_suffix(['\n', '\r']).unwrap_or(&text).split(['\n', '\r']);
    At {
        line: lines().count(),
        column: lines().next_back().map_or(0, |line| line.chars().count()) + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_knows_its_place() {
        let text = "# comment\na:\n  b: [x, 'y: z']\n  ü: \"1\"\nc:\n";
        let root = parse(text).unwrap().unwrap();
        let Value::Map(map) = root.value else {
            panic!("{root:?}")
        };
        let at = |line, column| At { line, column };
        assert_eq!((map[0].0.text.as_str(), map[0].0.at), ("a", at(2, 1)));
        let Value::Map(inner) = &map[0].1.value else {
            panic!("{map:?}")
        };
        let Value::List(list) = &inner[0].1.value else {
            panic!("{inner:?}")
        };
        assert_eq!(list[1].at, at(3, 10));
        assert!(matches!(&list[1].value, Value::Scalar { text, plain: false } if text == "y: z"));
        assert_eq!((inner[1].0.text.as_str(), inner[1].1.at), ("ü", at(4, 6)));
        assert!(map[1].1.is_null() && !inner[1].1.is_null());
        assert!(parse("").unwrap().is_none());
        assert!(parse("# nothing\n").unwrap().is_none());
    }

    /// Found by the fuzzer: the parser puts an empty key that ends the text on the line after.
    #[test]
    fn no_place_is_behind_the_end() {
        for (text, line) in [("a: 1\n? ", 2), ("a: 1\r? \r", 2), ("a: 1\r\n? \r\n", 2), ("? ", 1)] {
            let Value::Map(map) = parse(text).unwrap().unwrap().value else {
                panic!("{text:?}")
            };
            let (key, value) = map.last().unwrap();
            assert!(
                key.at.line <= line && value.at.line <= line,
                "{text:?}: {key:?} {value:?}"
            );
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_at_its_place() {
        for (text, line, said) in [
            ("a: [1", 1, "not YAML"),
            ("a: 1\n b: 2", 2, "not YAML"),
            ("a: &x 1\nb: *x", 2, "aliases"),
            ("a: 1\n---\nb: 2", 2, "second document"),
            ("a: !!binary xx", 1, "tags"),
            ("? [a]\n: b", 1, "single word"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(
                error.message.contains(said) && error.at.line == line,
                "{text}: {error:?}"
            );
        }
        let deep = "[".repeat(5_000);
        assert!(parse(&deep).is_err());
        let wide = "[1,".to_owned() + &"1,".repeat(50_000) + "1]";
        assert!(parse(&wide).unwrap_err().message.contains("too many"));
    }
}

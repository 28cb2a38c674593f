//! Reads sections, lists and values of a tree, and collects what is wrong with them.

use std::collections::HashMap;

use super::yaml::{At, Key, Node, Value};
use crate::config::{Problem, suggest::nearest};

/// The keys of a section that were found, each once.
pub(super) struct Section<'n>(pub(super) Vec<(&'n Key, &'n Node)>);

impl<'n> Section<'n> {
    /// Its value, unless there is none or it is `null`.
    pub(super) fn get(&self, name: &str) -> Option<&'n Node> {
        let found = self.0.iter().find(|(key, _)| key.text == name);
        found.map(|(_, node)| *node).filter(|node| !node.is_null())
    }
}

/// What was wrong so far.
pub(super) struct Reader<'f> {
    file: &'f str,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
}

impl<'f> Reader<'f> {
    /// Nothing is wrong yet; `file` names the text.
    pub(super) fn new(file: &'f str) -> Reader<'f> {
        Reader {
            file,
            problems: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

impl Reader<'_> {
    /// The keys of a section; unknown ones and those that are there twice are problems.
    pub(super) fn section<'n>(&mut self, node: &'n Node, what: &str, known: &[&str]) -> Section<'n> {
        let Value::Map(map) = &node.value else {
            if !node.is_null() {
                self.mismatch(node, what, "a section", "key: value, one a line");
            }
            return Section(Vec::new());
        };
        self.twice(map);
        let mut found: Vec<(&Key, &Node)> = Vec::new();
        for (key, node) in map {
            if known.contains(&&*key.text) {
                found.push((key, node));
                continue;
            }
            let help = match nearest(&key.text, known.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("known: {}", known.join(", ")),
            };
            self.problem(key.at, format!("unknown key {:?} in {what}", key.text), help);
        }
        Section(found)
    }

    pub(super) fn twice(&mut self, map: &[(Key, Node)]) {
        let mut seen = HashMap::new();
        for (key, _) in map {
            if let Some(first) = seen.insert(&key.text, key.at.line) {
                self.problem(
                    key.at,
                    format!("{:?} is there twice, first in line {first}", key.text),
                    "remove one of them",
                );
            }
        }
    }

    pub(super) fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        match &node.value {
            _ if node.is_null() => Some(String::new()),
            Value::Scalar { text, .. } => Some(text.clone()),
            _ => {
                self.mismatch(node, what, "a single value", "the value behind the colon");
                None
            }
        }
    }

    pub(super) fn boolean(&mut self, node: &Node, what: &str) -> Option<bool> {
        match self.text(node, what)?.as_str() {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => {
                self.problem(
                    node.at,
                    format!("{what} is neither true nor false"),
                    "write true or false",
                );
                None
            }
        }
    }

    pub(super) fn list(&mut self, node: &Node, what: &str) -> Vec<(String, At)> {
        let Value::List(list) = &node.value else {
            self.mismatch(node, what, "a list", "- VALUE, one a line");
            return Vec::new();
        };
        list.iter()
            .filter_map(|node| Some((self.text(node, what)?, node.at)))
            .collect()
    }

    pub(super) fn mismatch(&mut self, node: &Node, what: &str, wanted: &str, write: &str) {
        self.problem(
            node.at,
            format!("{what} must be {wanted}, not {}", node.kind()),
            format!("write {write}"),
        );
    }

    pub(super) fn problem(&mut self, at: At, message: impl Into<String>, help: impl Into<String>) {
        let problem = self.at(at, message, help);
        self.problems.push(problem);
    }

    pub(super) fn at(&self, at: At, message: impl Into<String>, help: impl Into<String>) -> Problem {
        Problem {
            file: self.file.into(),
            line: at.line,
            column: at.column,
            message: message.into(),
            help: help.into(),
        }
    }
}

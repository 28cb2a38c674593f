//! Collects problems and gives each its place.

use super::{
    Problem,
    position::{Lines, Place, inside_literal},
    source::Source,
};

/// More problems than anybody reads; the rest is counted.
const MAX_PROBLEMS: usize = 1_000;

/// The problems found so far, and the sources they are in.
#[derive(Debug)]
pub struct Report<'a> {
    sources: &'a [Source],
    lines: Vec<Lines>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    unreported: usize,
    /// The configuration is written for a newer binary: a key that is not known may be right.
    pub newer: bool,
}

impl<'a> Report<'a> {
    /// Nothing found yet.
    pub fn new(sources: &'a [Source]) -> Report<'a> {
        let lines = sources.iter().map(|source| Lines::new(&source.text)).collect();
        Report {
            sources,
            lines,
            problems: Vec::new(),
            warnings: Vec::new(),
            unreported: 0,
            newer: false,
        }
    }

    /// Something is wrong.
    pub fn problem(&mut self, place: &Place, message: impl Into<String>, help: impl Into<String>) {
        self.problem_inside(place, None, message, help);
    }

    /// Something is wrong inside of the string at `place`, at its byte `offset`.
    pub fn problem_inside(
        &mut self,
        place: &Place,
        offset: Option<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let problem = self.at(place, offset, message.into(), help.into());
        self.add(problem);
    }

    /// Something is wrong that already has its place.
    pub fn add(&mut self, problem: Problem) {
        match self.problems.len() < MAX_PROBLEMS {
            true => self.problems.push(problem),
            false => self.unreported += 1,
        }
    }

    /// Something is doubtful that already has its place.
    pub fn doubt(&mut self, warning: Problem) {
        if self.warnings.len() < MAX_PROBLEMS {
            self.warnings.push(warning);
        }
    }

    /// How many problems there are so far.
    pub fn count(&self) -> usize {
        self.problems.len()
    }

    /// Something is doubtful.
    pub fn warning(&mut self, place: &Place, message: impl Into<String>, help: impl Into<String>) {
        let problem = self.at(place, None, message.into(), help.into());
        if self.warnings.len() < MAX_PROBLEMS {
            self.warnings.push(problem);
        }
    }

    /// A key is not known: wrong, or doubtful where the configuration is newer than the binary.
    pub fn unknown(&mut self, place: &Place, message: String, help: String) {
        match self.newer {
            true => self.warning(
                place,
                message,
                "this binary is older than the configuration and ignores it",
            ),
            false => self.problem(place, message, help),
        }
    }

    /// `file:line:column` of a place, for messages that name a second one.
    pub fn name(&self, place: &Place) -> String {
        let problem = self.at(place, None, String::new(), String::new());
        match place {
            Place::Text { .. } => format!("{}:{}:{}", problem.file, problem.line, problem.column),
            Place::Named(name) => name.clone(),
        }
    }

    fn at(&self, place: &Place, offset: Option<usize>, message: String, help: String) -> Problem {
        match place {
            Place::Named(name) => Problem::without_place(format!("{name}: {message}"), help),
            Place::Text { source, span } => {
                let text = &self.sources[*source].text;
                let inside = offset.and_then(|at| text.get(span.clone()).map(|literal| inside_literal(literal, at)));
                let (line, column) = self.lines[*source].at(text, span.start + inside.unwrap_or(0));
                Problem {
                    file: self.sources[*source].name.clone(),
                    line,
                    column,
                    message,
                    help,
                }
            }
        }
    }

    /// The problems in the order of sources and lines, and the warnings.
    pub fn finish(mut self) -> (Vec<Problem>, Vec<Problem>) {
        let order = |problem: &Problem| self.sources.iter().position(|source| source.name == problem.file);
        self.problems
            .sort_by_key(|problem| (order(problem), problem.line, problem.column));
        self.warnings
            .sort_by_key(|problem| (order(problem), problem.line, problem.column));
        if self.unreported > 0 {
            let message = format!("{} more problems are not shown", self.unreported);
            self.problems.push(Problem::without_place(message, "solve these first"));
        }
        (self.problems, self.warnings)
    }
}

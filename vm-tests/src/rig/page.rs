//! `docs/kernels.md`: what is seen on which kernel, written by a run of the matrix and by nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use crate::{
    rig::{
        matrix::Done,
        table::{ROWS, Row},
    },
    scenarios,
    verdict::{Line, Word},
    verifier::{BUDGET, Cost},
    world::Flavour,
};

/// One column: a kernel with hooks of one flavour.
type Column = (&'static Row, Flavour);

/// What is on the page. A run of some scenarios or kernels changes only what it ran.
#[derive(Debug, Default, PartialEq)]
pub struct Page {
    /// The scenarios that it has a row of.
    names: BTreeSet<String>,
    /// By row: the release that ran.
    releases: BTreeMap<String, String>,
    /// By scenario and column: the word and why.
    cells: BTreeMap<(String, String, Flavour), (Word, String)>,
    /// By program and row: instructions, milliseconds.
    costs: BTreeMap<(String, String), String>,
}

const SCENARIOS: &str = "## What is seen\n";
const NOTES: &str = "### Why\n";
const COSTS: &str = "## What the verifier has to do\n";
const KERNELS: &str = "## The kernels\n";

impl Page {
    /// Puts what guests gave in place of what was there.
    pub fn add(&mut self, done: &[Done]) {
        for one in done {
            // What a host may refuse is docs/refusals.md's.
            let Some(flavour) = one.job.flavour() else {
                continue;
            };
            let row = one.job.row.name.to_owned();
            self.releases.insert(row.clone(), one.job.kernel.release.clone());
            for Line {
                scenario, result, why, ..
            } in &one.lines
            {
                let key = (scenario.clone(), row.clone(), flavour);
                self.cells.insert(key, (*result, why.clone()));
            }
            for Cost {
                program,
                object,
                instructions,
                microseconds,
                ..
            } in &one.costs
            {
                let text = match (instructions, microseconds) {
                    (Some(n), Some(us)) => format!("{n} ({:.1})", *us as f64 / 1000.0),
                    (Some(n), None) => n.to_string(),
                    _ => "-".to_owned(),
                };
                self.costs.insert((format!("{object}/{program}"), row.clone()), text);
            }
        }
        self.add_impossible();
    }

    /// What no guest of a row could do need not be tried there.
    fn add_impossible(&mut self) {
        for (name, needs) in scenarios::of_guests() {
            for (row, flavour) in columns() {
                if let Some(why) = needs.iter().find_map(|need| need.unmet_on(row.arch.name())) {
                    let key = (name.to_owned(), row.name.to_owned(), flavour);
                    self.cells.entry(key).or_insert((Word::NotApplicable, why));
                }
            }
        }
    }

    /// Reads a page back; what is not understood is not there.
    pub fn parse(text: &str) -> Page {
        let section = |from: &str| {
            let rest = text.split_once(from).map_or("", |(_, rest)| rest);
            rest.split("\n## ")
                .next()
                .unwrap_or_default()
                .split("\n### ")
                .next()
                .unwrap_or_default()
        };
        let notes: BTreeMap<&str, &str> = section(NOTES)
            .lines()
            .filter_map(|line| line.split_once(". "))
            .collect();
        let mut page = Page::default();
        for cells in rows_of(section(KERNELS)) {
            if let [name, release, ..] = cells.as_slice() {
                page.releases.insert((*name).to_owned(), (*release).to_owned());
            }
        }
        for cells in rows_of(section(SCENARIOS)) {
            let Some((name, cells)) = cells.split_first() else {
                continue;
            };
            page.names.insert((*name).to_owned());
            for ((row, flavour), cell) in columns().zip(cells) {
                let (word, note) = cell
                    .split_once(" [")
                    .map_or((*cell, ""), |(word, note)| (word, note.trim_end_matches(']')));
                if let Some(word) = word_of(word) {
                    let why = notes.get(note).copied().unwrap_or_default().to_owned();
                    page.cells
                        .insert(((*name).to_owned(), row.name.to_owned(), flavour), (word, why));
                }
            }
        }
        for cells in rows_of(section(COSTS)) {
            let Some((name, cells)) = cells.split_first() else {
                continue;
            };
            for (row, cell) in ROWS.iter().zip(cells).filter(|(_, cell)| !cell.is_empty()) {
                page.costs
                    .insert(((*name).to_owned(), row.name.to_owned()), (*cell).to_owned());
            }
        }
        page
    }

    /// The names of the scenarios on it.
    pub fn scenarios(&self) -> BTreeSet<&str> {
        self.names.iter().map(String::as_str).collect()
    }

    /// As Markdown. Only what is in the code is written; what the run had besides (an agent that stops) is not a scenario.
    pub fn write(&self) -> String {
        let mut text = String::from(INTRODUCTION);
        let _ = writeln!(
            text,
            "{KERNELS}\n| kernel | release | why it is in the matrix |\n|---|---|---|"
        );
        for Row { name, why, .. } in ROWS {
            let release = self.releases.get(*name).map_or("not run", String::as_str);
            let _ = writeln!(text, "| {name} | {release} | {why} |");
        }
        self.write_scenarios(&mut text);
        self.write_costs(&mut text);
        text
    }

    fn write_scenarios(&self, text: &mut String) {
        let heads: Vec<String> = columns()
            .map(|(row, flavour)| format!("{} {}", row.name, flavour.name()))
            .collect();
        let _ = writeln!(
            text,
            "\n{SCENARIOS}\n| scenario | {} |\n|---{}|",
            heads.join(" | "),
            "|---".repeat(heads.len())
        );
        let mut notes: Vec<&str> = Vec::new();
        for (name, _) in scenarios::of_guests() {
            let cells: Vec<String> = columns().map(|column| self.cell(name, column, &mut notes)).collect();
            let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
        }
        let _ = writeln!(text, "\n{NOTES}");
        for (n, note) in notes.iter().enumerate() {
            let _ = writeln!(text, "{}. {note}", n + 1);
        }
    }

    fn cell<'a>(&'a self, name: &str, (row, flavour): Column, notes: &mut Vec<&'a str>) -> String {
        let Some((word, why)) = self.cells.get(&(name.to_owned(), row.name.to_owned(), flavour)) else {
            return "not run".to_owned();
        };
        let word = said(*word);
        if why.is_empty() {
            return word.to_owned();
        }
        let at = notes.iter().position(|note| note == why).unwrap_or_else(|| {
            notes.push(why);
            notes.len() - 1
        });
        format!("{word} [{}]", at + 1)
    }

    fn write_costs(&self, text: &mut String) {
        let heads: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
        let _ = writeln!(
            text,
            "\n{COSTS}\n{}",
            COST_INTRODUCTION.replace("{budget}", &BUDGET.to_string())
        );
        let _ = writeln!(
            text,
            "| program | {} |\n|---{}|",
            heads.join(" | "),
            "|---:".repeat(heads.len())
        );
        let mut programs: Vec<&str> = self.costs.keys().map(|(program, _)| program.as_str()).collect();
        programs.dedup();
        for program in programs {
            let cell = |row: &Row| self.costs.get(&(program.to_owned(), row.name.to_owned()));
            let cells: Vec<&str> = ROWS.iter().map(|row| cell(row).map_or("", String::as_str)).collect();
            let _ = writeln!(text, "| {program} | {} |", cells.join(" | "));
        }
    }
}

fn columns() -> impl Iterator<Item = Column> {
    let flavours = [Flavour::Function, Flavour::Syscall];
    ROWS.iter().flat_map(move |row| flavours.map(|flavour| (row, flavour)))
}

/// The cells of a table's rows, its head left out.
pub(super) fn rows_of(section: &str) -> impl Iterator<Item = Vec<&str>> {
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
}

const WORDS: [(Word, &str); 5] = [
    (Word::Seen, "seen"),
    (Word::Partial, "partial"),
    (Word::NotSeen, "not seen"),
    (Word::NotApplicable, "n/a"),
    (Word::Failed, "FAILED"),
];

fn said(word: Word) -> &'static str {
    WORDS
        .iter()
        .find(|(other, _)| *other == word)
        .map_or("", |(_, text)| text)
}

fn word_of(text: &str) -> Option<Word> {
    WORDS.iter().find(|(_, said)| *said == text).map(|(word, _)| *word)
}

const INTRODUCTION: &str = "# What Lapwing sees on which kernel

Written by runs of the scenarios of `vm-tests/src/scenarios/` on these stock Debian kernels under QEMU, with all hooks in the function flavour and again with
all in the system-call flavour. `make vm PAGE=1` runs everything anew; a run of some (`KERNEL=`, `SCENARIO=`, `FLAVOUR=`) changes what it ran. Do not edit it.
On x86_64 a guest gets the programs that `cargo build --release` makes, as they are, with the shared libraries that they load; for arm64 they are built static.

* **seen**: exactly the expected alerts came, complete, and none for the twin that looks alike.
* **partial**: the alerts came, and name fields that this kernel or flavour tells in part only.
* **not seen**: nothing is told; the scenario checks that too.
* **n/a**: the kernel or the guest has no such thing, or it is asked in the guest of the other flavour; nothing was tried.
* **not run**: nobody ran it there since the scenario or the kernel came in.

";

const COST_INTRODUCTION: &str = "Instructions that the kernel's verifier walks through for each program, and in brackets the milliseconds that it took under emulation (which is slow:
compare, do not believe). A program may take {budget}; a scenario fails above that. `lapwing probes --verifier` says the same of your kernel. A dash:
this kernel does not take the program, or has nothing for it to hook.
";

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::Page;
    use crate::{scenarios, verdict::Word, world::Flavour};

    #[test]
    fn a_page_is_read_back() {
        let mut page = Page::default();
        let name = scenarios::of_guests()[0].0;
        page.releases.insert("5.10".into(), "5.10.0-46".into());
        let key = |flavour| (name.to_owned(), "5.10".to_owned(), flavour);
        page.cells.insert(key(Flavour::Function), (Word::Seen, String::new()));
        page.cells
            .insert(key(Flavour::Syscall), (Word::NotSeen, "no. Really".into()));
        page.costs.insert(("file/lw_x".into(), "6.1".into()), "12 (0.5)".into());
        let read = Page::parse(&page.write());
        assert_eq!(read.cells, page.cells);
        assert_eq!(read.costs, page.costs);
        assert_eq!(read.releases["5.10"], "5.10.0-46");
    }

    #[test]
    fn the_page_in_docs_has_exactly_the_scenarios_of_the_code() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/kernels.md");
        let page = Page::parse(&std::fs::read_to_string(path).unwrap());
        let wanted: BTreeSet<&str> = scenarios::of_guests().into_iter().map(|(name, _)| name).collect();
        assert_eq!(
            page.scenarios(),
            wanted,
            "run: target/release/vm-tests --scenario NAME --page"
        );
    }
}

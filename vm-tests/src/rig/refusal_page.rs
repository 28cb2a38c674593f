//! The table of `docs/refusals.md`: what came of each case on which kernel, written by runs of the cases and by nothing else.

use std::{collections::BTreeMap, fmt::Write};

use crate::{
    refusals,
    rig::{
        job::Work,
        matrix::Done,
        page::rows_of,
        table::{ROWS, Row},
    },
    verdict::Word,
};

/// Where the table begins; it goes on until the end of the document.
const HEAD: &str = "## What came of it\n";

/// What the words of a result mean here. A case that came out otherwise than it must is FAILED.
const WORDS: [(Word, &str); 5] = [
    (Word::Seen, "works"),
    (Word::Partial, "with less"),
    (Word::NotSeen, "leaves"),
    (Word::NotApplicable, "n/a"),
    (Word::Failed, "FAILED"),
];

const INTRODUCTION: &str = "
Written by `target/release/vm-tests --refusals --kernel KERNEL... --page`, for the stock Debian kernels of [kernels.md](kernels.md); do not edit it.
**works**: all is seen; **with less**: what the document says is missing, and is said to be; **leaves**: one message, exit code 3;
**n/a**: this kernel does not refuse that; **not run**: nobody ran it there.

";

/// The document.
#[derive(Debug, Default)]
pub struct RefusalPage {
    /// What people wrote, before the table.
    before: String,
    /// By case and row of the matrix.
    cells: BTreeMap<(String, String), String>,
}

impl RefusalPage {
    /// Reads it; what is not understood of the table is not there.
    pub fn parse(text: &str) -> RefusalPage {
        let (before, table) = text.split_once(HEAD).unwrap_or((text, ""));
        let mut cells = BTreeMap::new();
        for row in rows_of(table) {
            let Some((name, words)) = row.split_first() else {
                continue;
            };
            let known = |word: &&str| WORDS.iter().any(|(_, said)| said == word);
            for (kernel, word) in ROWS.iter().zip(words).filter(|(_, word)| known(word)) {
                cells.insert(((*name).to_owned(), kernel.name.to_owned()), (*word).to_owned());
            }
        }
        RefusalPage {
            before: before.to_owned(),
            cells,
        }
    }

    /// Puts what guests gave in place of what was there.
    pub fn add(&mut self, done: &[Done]) {
        for one in done.iter().filter(|one| matches!(one.job.work, Work::Refusals(_))) {
            for line in &one.lines {
                let case = line.scenario.trim_start_matches("refusal-").to_owned();
                let said = WORDS.iter().find(|(word, _)| *word == line.result);
                let word = said.map_or("", |(_, text)| text).to_owned();
                self.cells.insert((case, one.job.row.name.to_owned()), word);
            }
        }
    }

    /// As Markdown.
    pub fn write(&self) -> String {
        let mut text = format!("{}\n\n{HEAD}{INTRODUCTION}", self.before.trim_end());
        let heads: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
        let _ = writeln!(
            text,
            "| case | {} |\n|---{}|",
            heads.join(" | "),
            "|---".repeat(heads.len())
        );
        for case in refusals::names() {
            let word = |row: &Row| self.cells.get(&(case.to_owned(), row.name.to_owned()));
            let words: Vec<&str> = ROWS
                .iter()
                .map(|row| word(row).map_or("not run", String::as_str))
                .collect();
            let _ = writeln!(text, "| {case} | {} |", words.join(" | "));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::RefusalPage;
    use crate::refusals;

    #[test]
    fn what_people_wrote_and_what_runs_gave_is_read_back() {
        let mut page = RefusalPage::parse("# What a host may refuse\n\nIt says.\n");
        let key = ("no-btf".to_owned(), "6.1".to_owned());
        page.cells.insert(key.clone(), "leaves".into());
        let written = page.write();
        assert!(written.starts_with("# What a host may refuse\n\nIt says.\n\n## "));
        let read = RefusalPage::parse(&written);
        assert_eq!(read.cells, page.cells);
        assert_eq!(read.write(), written);
        assert!(written.contains("| no-btf | not run | leaves | not run |"));
    }

    #[test]
    fn the_table_in_docs_has_exactly_the_cases_of_the_code() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/refusals.md");
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(RefusalPage::parse(&text).write(), text);
        assert!(refusals::names().all(|case| text.contains(&format!("\n| {case} | "))));
        assert!(!text.contains("FAILED |"));
    }
}

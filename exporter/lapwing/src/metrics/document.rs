//! `docs/metrics.md`, made from the contract.

use std::fmt::Write;

use super::{
    contract::SECTIONS,
    family::{Definition, Kind},
};

const INTRODUCTION: &str = include_str!("introduction.md");

/// The whole page.
pub fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for section in SECTIONS {
        let _ = write!(page, "\n## {}\n", section.title);
        section.families.iter().for_each(|family| describe(family, &mut page));
    }
    page
}

fn describe(family: &Definition, page: &mut String) {
    let labels = match family.labels {
        [] => String::from("no labels"),
        labels => format!("labels `{}`", labels.join("`, `")),
    };
    let suffixes = match family.kind {
        Kind::Histogram => " (`_bucket`, `_sum`, `_count`)",
        _ => "",
    };
    let unit = family.unit().map(|unit| format!(", {unit}")).unwrap_or_default();
    // Writing to a String cannot fail.
    let _ = write!(
        page,
        "\n### `{}`{suffixes}\n\n{}{unit}; {labels}.\n\n{}.\n\n*Use:* {}\n",
        family.series(),
        family.kind.name(),
        family.help,
        family.advice,
    );
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::page;

    #[test]
    fn the_page_in_docs_is_up_to_date() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
        if std::env::var_os("UPDATE").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, page()).unwrap();
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written == page(),
            "docs/metrics.md is stale: UPDATE=1 cargo test --release -p lapwing --lib metrics::document"
        );
    }
}

//! The texts that configuration is read from, and how they come from the disk: bounded, and never from a file that others may write.

use std::path::{Path, PathBuf};

use super::{DEFAULT_PATH, Problem};
use crate::files::{self, Why};

/// The largest configuration or rule file.
pub const MAX_FILE: u64 = 4 << 20;
/// The most files in `conf.d`.
const MAX_FILES: usize = 1_000;

/// One text.
#[derive(Debug, Clone)]
pub struct Source {
    /// Shown in problems: the path as given, or `<default rules>`.
    pub name: String,
    /// TOML.
    pub text: String,
    /// The ruleset that its rules belong to; `local` for files.
    pub ruleset: &'static str,
}

/// Reads the configuration file and `conf.d/*.toml` beside it: what could be read, and what was wrong with the rest.
pub fn read(explicit: Option<&Path>) -> (Vec<Source>, Vec<Problem>) {
    let main = explicit.unwrap_or(Path::new(DEFAULT_PATH));
    let mut problems = Vec::new();
    let mut sources = Vec::new();
    // Not `exists`: a file that may not be looked at, or a link to nowhere, is not the same as none.
    let missing = main
        .symlink_metadata()
        .is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
    let missing_is_fine = explicit.is_none() && missing;
    let mut paths: Vec<PathBuf> = if missing_is_fine {
        Vec::new()
    } else {
        vec![main.to_owned()]
    };
    match drop_ins(main) {
        Ok(more) => paths.extend(more),
        Err(problem) => problems.push(problem),
    }
    for path in paths {
        match read_one(&path) {
            Ok(text) => sources.push(Source {
                name: path.display().to_string(),
                text,
                ruleset: "local",
            }),
            Err(problem) => problems.push(problem),
        }
    }
    (sources, problems)
}

/// `conf.d/*.toml` beside the file, in the order of their names.
fn drop_ins(main: &Path) -> Result<Vec<PathBuf>, Problem> {
    let directory = main.parent().unwrap_or(Path::new("")).join("conf.d");
    let name = directory.display().to_string();
    let failed = |error: std::io::Error| {
        Problem::of_file(
            name.clone(),
            format!("the directory cannot be read: {error}"),
            "make it readable or remove it",
        )
    };
    let entries = match std::fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    if paths.len() > MAX_FILES {
        let message = format!("{} files are more than the {MAX_FILES} allowed", paths.len());
        return Err(Problem::of_file(name, message, "put several rules into one file"));
    }
    paths.sort();
    Ok(paths)
}

fn read_one(path: &Path) -> Result<String, Problem> {
    let refuse = |message: String, help: &str| Problem::of_file(path.display().to_string(), message, help);
    let (bytes, _) = files::read(path, MAX_FILE).map_err(|unread| match unread.why {
        Why::NotAFile => refuse(unread.message, "give the path of a TOML file"),
        Why::TooLarge => refuse(unread.message, "split it into files in conf.d"),
        Why::Io | Why::Open => refuse(unread.message, &unread.help),
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = valid.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&valid[start..]).chars().count() + 1;
        let problem = refuse("is not UTF-8 from here".into(), "save the file as UTF-8");
        Problem {
            line,
            column,
            ..problem
        }
    })
}

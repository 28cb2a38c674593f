//! `exclude` of a watch: paths with what is below them, and globs.

use crate::{
    paths::{self, PathMap},
    predicate::Glob,
};

/// Files that a watch does not apply to.
#[derive(Debug, Clone, Default)]
pub(super) struct Exclude {
    below: PathMap<()>,
    names: Vec<Glob>,
    paths: Vec<Glob>,
}

impl Exclude {
    /// Adds an entry as written: `/etc/mtab` (with what is below), `*.swp` (the file's name), `/etc/*.d/x` (the whole path). The
    /// error is what is wrong and what to write.
    pub fn add(&mut self, entry: &str) -> Result<(), (String, String)> {
        let glob = || {
            Glob::new(entry.as_bytes())
                .map_err(|error| (format!("{entry:?}: {error}"), "write *.swp or /etc/mtab".into()))
        };
        match (entry.starts_with('/'), entry.contains(['*', '?', '['])) {
            (true, false) => {
                paths::check(entry)?;
                self.below.insert(entry.as_bytes(), ());
            }
            (true, true) => self.paths.push(glob()?),
            (false, _) if entry.is_empty() => return Err(("an entry is empty".into(), "remove it".into())),
            (false, _) if entry.contains('/') => {
                let message = format!("{entry:?} is neither an absolute path nor a file's name");
                return Err((message, format!("write \"/{entry}\" for a path, \"*.swp\" for names")));
            }
            (false, _) => self.names.push(glob()?),
        }
        Ok(())
    }

    /// Whether `path` is excluded.
    pub fn covers(&self, path: &[u8]) -> bool {
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
        self.below.covers(path)
            || self.names.iter().any(|glob| glob.matches(name))
            || self.paths.iter().any(|glob| glob.matches(path))
    }
}

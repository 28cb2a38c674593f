//! The silences that are known, kept over a restart: Alertmanager may be away when the agent starts.

use serde::{Deserialize, Serialize};

use super::wire::{Answer, Found};
use crate::state_dir::{StateDir, StateError};

const NAME: &str = "silences.json";
/// Of the file: what is kept of an answer is not longer than the answer.
const MAX_FILE: u64 = 32 << 20;
/// Of this layout.
const FORMAT: u32 = 1;

/// Why the saved silences are not used.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The file or its directory.
    #[error("{0}")]
    State(#[from] StateError),
    /// What is in it.
    #[error("{path} is refused: {why}; it is written anew at the next poll")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
}

#[derive(Serialize)]
struct Written<'a> {
    format: u32,
    silences: &'a [Found],
}

#[derive(Deserialize)]
struct Read {
    format: u32,
    silences: Answer,
}

/// What was saved last; nothing where there is no file.
pub(super) fn load(state: &StateDir) -> Result<Vec<Found>, SaveError> {
    let Some(bytes) = state.read(NAME, MAX_FILE)? else {
        return Ok(Vec::new());
    };
    let damaged = |why: String| SaveError::Damaged {
        path: state.path(NAME).display().to_string(),
        why,
    };
    let read: Read = serde_json::from_slice(&bytes).map_err(|error| damaged(format!("it is damaged ({error})")))?;
    if read.format != FORMAT {
        return Err(damaged(format!("its format is {}, not {FORMAT}", read.format)));
    }
    match read.silences.refused.first() {
        // What the agent wrote can be read: this was not written by it.
        Some((id, reason)) => Err(damaged(format!("silence {id} in it is {reason}"))),
        None => Ok(read.silences.silences),
    }
}

/// Keeps `silences`.
pub(super) fn store(state: &StateDir, silences: &[Found]) -> Result<(), SaveError> {
    let written = Written {
        format: FORMAT,
        silences,
    };
    // Text and numbers only: there is nothing in it that JSON cannot say.
    let bytes = serde_json::to_vec(&written).unwrap_or_default();
    Ok(state.write(NAME, &bytes)?)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;
    use crate::alertmanager::wire::WireMatcher;

    fn silence(id: &str) -> Found {
        Found {
            id: id.into(),
            author: "alice".into(),
            comment: "a \"quoted\"\nline \u{202e}".into(),
            starts: 1_700_000_000_123_456_789,
            ends: 1_900_000_000_000_000_000,
            matchers: vec![WireMatcher {
                name: "path".into(),
                value: "/tmp/\u{1b}x".into(),
                is_regex: true,
                is_equal: false,
            }],
        }
    }

    #[test]
    fn what_is_stored_is_loaded() {
        let home = tempfile::tempdir().unwrap();
        let state = StateDir::open(&home.path().join("state")).unwrap();
        assert_eq!(load(&state).unwrap(), []);
        let silences = [silence("a"), silence("b")];
        store(&state, &silences).unwrap();
        assert_eq!(load(&state).unwrap(), silences);
    }

    #[test]
    fn a_damaged_or_foreign_file_is_refused_with_its_name() {
        let home = tempfile::tempdir().unwrap();
        let state = StateDir::open(&home.path().join("state")).unwrap();
        store(&state, &[silence("a")]).unwrap();
        let whole = fs::read_to_string(state.path(NAME)).unwrap();
        for bad in [
            &whole[..whole.len() - 1],
            "",
            "{}",
            "[]",
            &whole.replace("\"format\":1", "\"format\":2"),
            &whole.replace("\"isRegex\":true", "\"isRegex\":7"),
        ] {
            fs::write(state.path(NAME), bad).unwrap();
            let error = load(&state).unwrap_err().to_string();
            assert!(error.contains("silences.json is refused"), "{bad}: {error}");
        }
        fs::set_permissions(state.path(NAME), fs::Permissions::from_mode(0o666)).unwrap();
        assert!(
            load(&state)
                .unwrap_err()
                .to_string()
                .contains("may be written by others")
        );
    }
}

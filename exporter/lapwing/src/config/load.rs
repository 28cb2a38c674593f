//! Collects the texts from the disk, the environment and the flags, and parses them.

use std::{collections::BTreeMap, ffi::OsString};

use super::{
    Loaded, Problem,
    layers::PREFIX,
    parse::{Input, parse},
    source,
};
use crate::cli::{ConfigArgs, Profile};

/// Loads the configuration and the rules: defaults, file, `conf.d`, environment, flags.
///
/// # Errors
/// Every problem of every layer, with its place.
pub fn load(args: &ConfigArgs) -> Result<Loaded, Vec<Problem>> {
    let (environment, mut problems) = environment(std::env::vars_os());
    let (files, unread) = source::read(args.config.as_deref());
    problems.extend(unread);
    let parsed = parse(&Input {
        files,
        environment,
        flags: flags(args),
        incomplete: !problems.is_empty(),
        web_config: true,
    });
    match parsed {
        Ok(loaded) if problems.is_empty() => Ok(loaded),
        Ok(_) => Err(problems),
        Err(found) => {
            problems.extend(found);
            Err(problems)
        }
    }
}

/// The variables with our prefix, as text.
fn environment(variables: impl Iterator<Item = (OsString, OsString)>) -> (BTreeMap<String, String>, Vec<Problem>) {
    let (mut ours, mut problems) = (BTreeMap::new(), Vec::new());
    for (name, value) in variables {
        if !name.as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
            continue;
        }
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => {
                ours.insert(name, value);
            }
            (Ok(name), Err(_)) => {
                problems.push(Problem::without_place(
                    format!("environment variable {name}: is not UTF-8"),
                    "set it as UTF-8",
                ));
            }
            (Err(name), _) => {
                let message = format!("environment variable {}: its name is not UTF-8", name.display());
                problems.push(Problem::without_place(message, "unset it"));
            }
        }
    }
    (ours, problems)
}

fn flags(args: &ConfigArgs) -> Vec<(String, &'static str, &'static str, String)> {
    let profile = args.profile.map(|profile| match profile {
        Profile::Production => "production".to_owned(),
        Profile::Demo => "demo".to_owned(),
    });
    let given = [
        ("--log-level", "log", "level", args.log_level.clone()),
        (
            "--listen",
            "metrics",
            "listen",
            args.listen.map(|address| address.to_string()),
        ),
        ("--profile", "", "profile", profile),
        (
            "replay of captured packets",
            "network",
            "enabled",
            args.network.then(|| "true".to_owned()),
        ),
    ];
    given
        .into_iter()
        .filter_map(|(flag, section, key, value)| Some((flag.into(), section, key, value?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn only_our_variables_are_taken_and_bytes_are_refused() {
        let bad = OsString::from_vec(vec![b'x', 0xff]);
        let all = [
            ("PATH".into(), bad.clone()),
            ("LAPWING_SERVICE_HOST".into(), "10.0.0.1".into()),
            ("LAPWING__SCORE__THRESHOLD".into(), "50".into()),
            ("LAPWING__LOG__LEVEL".into(), bad),
        ];
        let (ours, problems) = environment(all.into_iter());
        assert_eq!(
            ours.into_iter().collect::<Vec<_>>(),
            [("LAPWING__SCORE__THRESHOLD".into(), "50".into())]
        );
        let text: Vec<String> = problems.iter().map(Problem::to_string).collect();
        assert_eq!(
            text,
            ["environment variable LAPWING__LOG__LEVEL: is not UTF-8; set it as UTF-8"]
        );
    }
}

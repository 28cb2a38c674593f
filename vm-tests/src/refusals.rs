//! What a host may refuse: each case is done to a guest, and must end in the next best way or in one clear message, with nothing left attached.
//!
//! `vm-tests --refusals [NAME...]`; what can be refused without harm to this machine is tested on it too (`bpf/tests/refusals.rs`).

mod cases;
mod judge;
mod limited;
mod sights;

use std::{collections::BTreeMap, path::Path, process::ExitCode, time::Instant};

use crate::{
    error::{Error, Result},
    steps::Spent,
    verdict::{Line, Verdict},
    world::version,
};

pub use cases::{Case, Expect, Works};
pub use limited::limited;

/// One guest for the cases that share kernel parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boot {
    /// For the kernel's command line.
    pub parameters: &'static str,
    /// In this order: what cannot be undone comes last.
    pub cases: Vec<&'static str>,
}

/// The names of all cases, in their order.
pub fn names() -> impl Iterator<Item = &'static str> {
    cases::CASES.iter().map(|case| case.name)
}

/// The guests for the cases of these names, or whose names contain one of `filters` (no filter: all).
///
/// # Errors
/// When there is no such case.
pub fn boots(filters: &[String]) -> Result<Vec<Boot>> {
    let is_name = |filter: &String| cases::CASES.iter().any(|case| case.name == filter);
    let fits = |filter: &String, case: &Case| match is_name(filter) {
        true => case.name == filter,
        false => case.name.contains(filter.as_str()),
    };
    let chosen = |case: &&Case| filters.is_empty() || filters.iter().any(|filter| fits(filter, case));
    let mut boots: BTreeMap<&'static str, Boot> = BTreeMap::new();
    for case in cases::CASES.iter().filter(chosen) {
        let parameters = case.parameters;
        let boot = boots.entry(parameters).or_insert_with(|| Boot {
            parameters,
            cases: Vec::new(),
        });
        boot.cases.push(case.name);
    }
    if boots.is_empty() {
        let known: Vec<_> = names().collect();
        return Err(Error(format!(
            "no refusal's name contains one of {filters:?}; known: {}",
            known.join(", ")
        )));
    }
    Ok(boots.into_values().collect())
}

/// In the guest: runs the cases of these names, one after the other.
pub fn main(names: &[String]) -> ExitCode {
    if !Path::new("/.vm").is_dir() {
        println!("refusals change the machine: they run in guests only");
        return ExitCode::FAILURE;
    }
    let kernel = version(&rustix::system::uname().release().to_string_lossy());
    let (mut passed, mut failed, mut ignored) = (0, 0, 0);
    let chosen = |case: &&Case| names.iter().any(|name| name == case.name);
    for case in cases::CASES.iter().filter(chosen) {
        let (started, before) = (Instant::now(), Spent::so_far());
        let result = run(case, kernel);
        let seconds = started.elapsed().as_secs_f64();
        let name = format!("refusal-{}", case.name);
        match &result {
            Ok(Verdict::NotApplicable(why)) => {
                ignored += 1;
                println!("test {name} ... ignored, {why}");
            }
            Ok(_) => {
                passed += 1;
                println!("test {name} ... ok ({seconds:.1} s) {}", Spent::so_far().since(before));
            }
            Err(e) => {
                failed += 1;
                println!("test {name} ... FAILED ({seconds:.1} s)\n{e}\n");
            }
        }
        println!("{}", Line::new(&name, &result, seconds).print());
    }
    println!(
        "test result: {}. {passed} passed; {failed} failed; {ignored} ignored; 0 measured; 0 filtered out",
        if failed == 0 { "ok" } else { "FAILED" }
    );
    match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn run(case: &Case, kernel: (u32, u32)) -> Result<Verdict> {
    if let Some((major, minor)) = case.before
        && kernel >= (major, minor)
    {
        return Ok(Verdict::NotApplicable(format!(
            "Linux {major}.{minor} and newer do not refuse that"
        )));
    }
    judge::run(case)?;
    // How much is seen is what the case is about, and it was as it should be.
    Ok(match &case.expect {
        Expect::Leaves(_) => Verdict::NotSeen("one message, exit code 3".into()),
        Expect::Works(Works { refused: [], .. }) => Verdict::Seen,
        Expect::Works(works) => {
            let hooks: Vec<_> = works.refused.iter().map(|(hook, _)| *hook).collect();
            Verdict::Partial(format!("without {}", hooks.join(", ")))
        }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_parameters_take_a_guest_of_their_own() {
        let names: BTreeSet<_> = cases::CASES.iter().map(|case| case.name).collect();
        assert_eq!(names.len(), cases::CASES.len());
        let all = boots(&[]).unwrap();
        assert_eq!(
            all.iter().map(|boot| boot.cases.len()).sum::<usize>(),
            cases::CASES.len()
        );
        assert!(all.len() > 1 && all[0].parameters.is_empty());
        assert_eq!(boots(&["no-btf".into()]).unwrap()[0].cases, ["no-btf"]);
        assert_eq!(boots(&["no-cgroup-v2".into()]).unwrap()[0].cases, ["no-cgroup-v2"]);
        assert_eq!(boots(&["no-tracepoint".into()]).unwrap()[0].cases.len(), 2);
        assert!(boots(&["no-such".into()]).is_err());
    }

    #[test]
    fn what_cannot_be_undone_comes_last() {
        let lasting = |case: &Case| case.undo.is_empty() && !case.outside.is_empty();
        for boot in boots(&[]).unwrap() {
            let cases: Vec<_> = cases::CASES
                .iter()
                .filter(|case| case.parameters == boot.parameters)
                .collect();
            let first = cases.iter().position(|case| lasting(case)).unwrap_or(cases.len());
            for case in &cases[first..] {
                assert!(
                    case.name.starts_with("lockdown"),
                    "{} comes after what lasts",
                    case.name
                );
            }
        }
    }
}

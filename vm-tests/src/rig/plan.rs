//! Which guests a set of scenarios takes: one, and one more for each set of kernel parameters that some of them need.

use std::collections::BTreeMap;

use crate::{scenarios, world::Need};

/// One guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boot {
    /// For the kernel's command line.
    pub parameters: Vec<&'static str>,
    /// To be there when a scenario asks for them.
    pub modules: Vec<&'static str>,
    /// Programs of this machine that scenarios ask for.
    pub programs: Vec<&'static str>,
    /// What runs in it.
    pub scenarios: Vec<&'static str>,
}

/// The guests for all scenarios whose names contain one of `filters` (no filter: all), the one without parameters first.
pub fn boots(filters: &[String]) -> Vec<Boot> {
    of(scenarios::of_guests(), filters)
}

fn of(all: Vec<(&'static str, Vec<Need>)>, filters: &[String]) -> Vec<Boot> {
    let chosen = |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    let mut boots: BTreeMap<Vec<&'static str>, Boot> = BTreeMap::new();
    for (name, needs) in all.into_iter().filter(|(name, _)| chosen(name)) {
        let mut parameters: Vec<_> = needs
            .iter()
            .filter_map(|need| match need {
                Need::Parameter(parameter) => Some(*parameter),
                _ => None,
            })
            .collect();
        parameters.sort_unstable();
        let boot = boots.entry(parameters.clone()).or_insert_with(|| Boot {
            parameters,
            modules: Vec::new(),
            programs: Vec::new(),
            scenarios: Vec::new(),
        });
        boot.scenarios.push(name);
        for need in needs {
            let (list, name) = match need {
                Need::Module(name) => (&mut boot.modules, name),
                Need::Program(name) => (&mut boot.programs, name),
                _ => continue,
            };
            if !list.contains(&name) {
                list.push(name);
            }
        }
    }
    boots.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::world::Need;

    #[test]
    fn parameters_take_a_guest_of_their_own() {
        let all = || {
            vec![
                ("file-a", vec![]),
                ("file-b", vec![Need::Parameter("preempt=full"), Need::Module("overlay")]),
                ("file-c", vec![Need::Module("overlay"), Need::Kernel(6, 1)]),
                ("exec-d", vec![Need::Module("overlay")]),
            ]
        };
        let boots = of(all(), &[]);
        assert_eq!(boots.len(), 2);
        assert!(boots[0].parameters.is_empty());
        assert_eq!(boots[0].scenarios, ["file-a", "file-c", "exec-d"]);
        assert_eq!(boots[0].modules, ["overlay"]);
        assert_eq!(
            (boots[1].parameters[0], boots[1].scenarios[0]),
            ("preempt=full", "file-b")
        );
        assert_eq!(of(all(), &["exec".into()])[0].scenarios, ["exec-d"]);
        assert!(of(all(), &["no-such".into()]).is_empty());
    }
}

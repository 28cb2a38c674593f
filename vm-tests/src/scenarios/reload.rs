//! SIGHUP: a good file takes over at once, a bad one changes nothing and is told.

use std::{path::Path, time::Duration};

use rustix::process::Signal;

use crate::{
    act::Act,
    agent::Agent,
    error::Result,
    place::Place,
    scenario::{Expected, check, observe},
    scenarios::Check,
};

const BOUND: Duration = Duration::from_secs(10);

pub fn checks() -> Vec<Check> {
    vec![Check::new("reload-good-and-bad", reload)]
}

fn watch(id: &str, path: &Path) -> String {
    format!(
        "[[file.watch]]\nid = \"{id}\"\npath = \"{}\"\nrecursive = true\naccess = [\"create\"]\nseverity = \"low\"\n",
        path.display()
    )
}

fn reload() -> Result<()> {
    let (first, second) = (Place::new("reload-first")?, Place::new("reload-second")?);
    let one = format!("[score]\nhost_threshold = 1000000\n{}", watch("first", &first.plain));
    let both = format!("{one}{}", watch("second", &second.plain));
    let agent = Agent::start("production", &one)?;
    let touch = |place: &Place, name: &str| Act::new("touch", &[&place.plain.join(name).display().to_string()]);
    let seen = |rule: &'static str| {
        [Expected {
            rule,
            sensor: "file",
            event: "file.create",
            ..Expected::default()
        }]
    };

    check(&seen("first"), &observe(&agent, &touch(&first, "a"), 1)?)?;
    check(&[], &observe(&agent, &touch(&second, "a"), 0)?)?;

    agent.write_config(&both)?;
    let loads = agent.metrics()?.sum("lapwing_config_loads_total", &[]);
    agent.signal(Signal::HUP)?;
    agent.wait_until("lapwing_config_loads_total rises", BOUND, |agent| {
        Ok(agent.metrics()?.sum("lapwing_config_loads_total", &[]) > loads)
    })?;
    check(&seen("first"), &observe(&agent, &touch(&first, "b"), 1)?)?;
    check(&seen("second"), &observe(&agent, &touch(&second, "b"), 1)?)?;

    agent.write_config(&format!("{one}[[file.watch]]\nid = \"broken\"\npath = 7\n"))?;
    agent.signal(Signal::HUP)?;
    agent.wait_until("lapwing_config_load_failures_total rises", BOUND, |agent| {
        Ok(agent.metrics()?.sum("lapwing_config_load_failures_total", &[]) == 1)
    })?;
    agent.wait_until("the log names the file", BOUND, |agent| {
        Ok(agent.log().contains("config.toml"))
    })?;
    check(&seen("first"), &observe(&agent, &touch(&first, "c"), 1)?)?;
    check(&seen("second"), &observe(&agent, &touch(&second, "c"), 1)?)?;
    agent.stop()
}

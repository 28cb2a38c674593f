//! SIGHUP: a good file takes over at once, a bad one changes nothing and is told.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    time::Duration,
};

use rustix::process::Signal;

use crate::{
    act::Act,
    agent::Agent,
    error::{Context, Error, Result},
    place::Place,
    scenario::{Expected, FEW_RULES, check, observe},
    scenarios::{Check, Setting},
    verdict::Verdict,
    world::World,
};

const BOUND: Duration = Duration::from_secs(10);
/// Loading takes a while in a guest without hardware virtualisation.
const GENEROUS: Duration = Duration::from_secs(60);

pub fn checks() -> Vec<Check> {
    vec![
        // First, because it has to be the agent's first reload.
        Check::shared(
            "reload-attaches-sensors-with-the-capabilities-left",
            Setting::Few,
            sensors,
        ),
        Check::shared("reload-good-and-bad", Setting::Few, reload),
    ]
}

fn watch(id: &str, path: &Path) -> String {
    format!(
        "[[file.watch]]\nid = \"{id}\"\npath = \"{}\"\nrecursive = true\naccess = [\"create\"]\nseverity = \"low\"\n",
        path.display()
    )
}

/// Gives the agent another configuration, and waits until it goes by that.
pub(super) fn reloaded(agent: &Agent, config: &str) -> Result<()> {
    agent.write_config(config)?;
    let loads = agent.metrics()?.sum("lapwing_config_loads_total", &[]);
    agent.signal(Signal::HUP)?;
    agent.wait_until("lapwing_config_loads_total rises", BOUND, |agent| {
        Ok(agent.metrics()?.sum("lapwing_config_loads_total", &[]) > loads)
    })
}

fn reload(agent: &Agent, _: &World) -> Result<Verdict> {
    let (first, second) = (Place::new("reload-first")?, Place::new("reload-second")?);
    let one = format!(
        "{FEW_RULES}[score]\nhost_threshold = 1000000\n{}",
        watch("first", &first.plain)
    );
    let both = format!("{one}{}", watch("second", &second.plain));
    reloaded(agent, &one)?;
    let touch = |place: &Place, name: &str| Act::new("touch", &[&place.plain.join(name).display().to_string()]);
    let seen = |rule: &'static str| {
        [Expected {
            rule,
            sensor: "file",
            event: "file.create",
            ..Expected::default()
        }]
    };

    check(&seen("first"), &observe(agent, &touch(&first, "a"), 1)?)?;
    check(&[], &observe(agent, &touch(&second, "a"), 0)?)?;

    reloaded(agent, &both)?;
    check(&seen("first"), &observe(agent, &touch(&first, "b"), 1)?)?;
    check(&seen("second"), &observe(agent, &touch(&second, "b"), 1)?)?;

    agent.write_config(&format!("{one}[[file.watch]]\nid = \"broken\"\npath = 7\n"))?;
    agent.signal(Signal::HUP)?;
    agent.wait_until("lapwing_config_load_failures_total rises", BOUND, |agent| {
        Ok(agent.metrics()?.sum("lapwing_config_load_failures_total", &[]) == 1)
    })?;
    agent.wait_until("the log names the file", BOUND, |agent| {
        Ok(agent.log().contains("config.toml"))
    })?;
    check(&seen("first"), &observe(agent, &touch(&first, "c"), 1)?)?;
    check(&seen("second"), &observe(agent, &touch(&second, "c"), 1)?)?;
    Ok(Verdict::Seen)
}

/// Rules that need sensors which were not attached when capabilities were dropped.
fn sensors(agent: &Agent, _: &World) -> Result<Verdict> {
    let place = Place::new("reload-sensors")?;
    let is_ok = |agent: &Agent, sensor: &str| -> Result<bool> {
        Ok(agent
            .metrics()?
            .sum("lapwing_sensor_state", &[("sensor", sensor), ("state", "ok")])
            == 1)
    };
    if is_ok(agent, "file")? || is_ok(agent, "network")? {
        return Err(Error("a sensor is attached that no rule needs".into()));
    }
    let listener = TcpListener::bind("127.0.0.1:0").context("bind")?;
    let address = listener.local_addr().context("address")?;
    let files = format!("{FEW_RULES}{}", watch("made", &place.plain));
    let all = format!(
        "{files}[network]\nenabled = true\n[[network.rule]]\nid = \"asked\"\nprotocol = \"http\"\ndirection = \"incoming\"\nseverity = \"low\"\n\
         when = 'http.path = \"/asked\" and net.local.port = {}'\n",
        address.port()
    );
    let made = [Expected {
        rule: "made",
        sensor: "file",
        event: "file.create",
        ..Expected::default()
    }];
    let touch = |name: &str| Act::new("touch", &[&place.plain.join(name).display().to_string()]);

    for (config, sensor) in [(&files, "file"), (&all, "network")] {
        agent.write_config(config)?;
        agent.signal(Signal::HUP)?;
        agent.wait_until(&format!("the {sensor} sensor is attached"), GENEROUS, |agent| {
            is_ok(agent, sensor)
        })?;
        check(&made, &observe(agent, &touch(sensor), 1)?)?;
    }
    let mut client = TcpStream::connect(address).context("connect")?;
    let (mut server, _) = listener.accept().context("accept")?;
    client
        .write_all(b"GET /asked HTTP/1.1\r\nHost: here\r\n\r\n")
        .context("request")?;
    server.read(&mut [0; 512]).context("request")?;
    agent.wait_until("the request is told", GENEROUS, |agent| {
        Ok(agent.alerts()?.iter().any(|alert| alert["rule"] == "asked"))
    })?;
    let unattached = agent.metrics()?.sum("lapwing_config_hooks_unattached", &[]);
    if unattached > 0 {
        return Err(Error(format!(
            "{unattached} hooks are not attached\n{}",
            agent.log_end()
        )));
    }
    Ok(Verdict::Seen)
}

//! Quiet on what people do over the network all day: pages, apt-get update, git clone and cargo build, with the production rules.

use std::{path::Path, time::Duration};

use crate::{
    act::Act,
    agent::Agent,
    error::{Error, Result},
    http,
    place::{Place, executable},
    scenario::{brief, network_fence, run_to_end, session_alerts},
    scenarios::{Check, real::own_address},
    verdict::Verdict,
    world::{Need, World},
};

/// What does it, in one session with the server: node and cargo only where they are installed.
const TRAFFIC: &str = include_str!("ordinary/traffic.sh");
const NEEDED: &[&str] = &["bash", "curl", "nginx", "git", "apt-get"];
/// The last request of all, at both ends.
const LAST: &[(&str, &str)] = &[("path-traversal", "curl"), ("path-traversal", "nginx")];
/// Both ends read each request: those of curl alone are thirty.
const REQUESTS: u64 = 60;
const PATIENCE: Duration = Duration::from_secs(60);

pub fn checks() -> Vec<Check> {
    vec![Check::judged("ordinary-traffic-is-quiet", ordinary).needs(&[Need::Host])]
}

fn ordinary(_: &World) -> Result<Verdict> {
    if let Some(missing) = NEEDED.iter().find(|program| executable(program).is_err()) {
        return Ok(Verdict::NotApplicable(format!("{missing} is not here")));
    }
    let Some(address) = own_address() else {
        return Ok(Verdict::NotApplicable("no address but loopback".into()));
    };
    let place = Place::new("ordinary")?;
    // Both ends are one session here, and would be one alert with a count.
    let agent = Agent::start(
        "production",
        "[network]\nenabled = true\n[score]\nfold_window = \"1ms\"\n",
    )?;
    let session = run_to_end(&traffic(&place.plain, &address.to_string())?)?;
    let last = |agent: &Agent| Ok(session_alerts(agent, session)?.len() >= LAST.len());
    agent.wait_until("the alerts of the last request", PATIENCE, last)?;
    network_fence(&agent)?;
    let alerts = session_alerts(&agent, session)?;
    let mut told: Vec<_> = alerts
        .iter()
        .map(|alert| (text(&alert["rule"]), text(&alert["process"]["name"])))
        .collect();
    told.sort_unstable();
    if told != LAST {
        let shown: Vec<_> = alerts.iter().map(brief).collect();
        return Err(Error(format!("want {LAST:?} only:\n{}", shown.join("\n"))));
    }
    let read = agent
        .metrics()?
        .sum("lapwing_network_messages_total", &[("kind", "request")]);
    if read < REQUESTS {
        return Err(Error(format!("it was quiet because {read} requests were read")));
    }
    agent.stop()?;
    Ok(Verdict::Seen)
}

fn traffic(home: &Path, address: &str) -> Result<Act> {
    let (home, port) = (home.display().to_string(), http::free_port()?.port().to_string());
    Ok(Act::new("bash", &["-c", TRAFFIC, "traffic.sh", &home, address, &port]).that_succeeds())
}

fn text(value: &serde_json::Value) -> &str {
    value.as_str().unwrap_or_default()
}

//! "Do this, expect exactly these alerts, and none for the twin."

use std::{
    collections::BTreeMap,
    process::Child,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    act::{Act, me},
    agent::{Agent, patient},
    error::{Context, Error, Result},
    expected::{partial_fields, shown},
    place::Place,
    steps::{Step, timed},
    verdict::Verdict,
    world::{Flavour, Need, World},
};

pub use crate::{
    expected::{Expected, brief, check},
    fence::{fence, network_fence},
};

/// For an agent without the built-in rules, which take many hooks: the one rule that closes steps (see [`fence`]). Others follow it.
pub const FEW_RULES: &str = "defaults = false\n---\n[[process.rule]]\nid = \"fence\"\nevent = \"bin-execution\"\nsuccess_severity = \"low\"\n\
    points = 0\nwhen = 'proc.exepath pmatch (\"/tmp\")'\n";
/// An alert has to be there this soon after its cause.
pub const PROMPT: Duration = Duration::from_secs(1);
/// Bound of a single act; five thousand processes take a while in a guest.
const ACT: Duration = Duration::from_secs(300);

/// The agent that a scenario needs; scenarios of one group share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// The demo profile as `make run` starts it.
    Demo,
    /// Production, and rules of the test's own, in `rules/own.toml`.
    Own,
    /// Production with the network's rules, HTTPS, and rules of the test's own about flows, in `rules/network.toml`.
    Network,
}

type Prepare = Box<dyn Fn(&Place) -> Result<()>>;
type MakeAct = Box<dyn Fn(&Place) -> Act>;
type MakeExpected = Box<dyn Fn(&Place) -> Result<Vec<Expected>>>;

/// One definition, for every machine.
pub struct Scenario {
    /// Unique.
    pub name: &'static str,
    /// With which agent.
    pub group: Group,
    /// What it cannot do without.
    pub needs: Vec<Need>,
    prepare: Prepare,
    act: MakeAct,
    expect: MakeExpected,
    twin: MakeAct,
    known: Box<dyn Fn(&World) -> Verdict>,
    partly: Option<MakeExpected>,
}

impl Scenario {
    /// Makes what the acts need (done by this program, whose own alerts do not count); what has to be noticed; by exactly these alerts; what
    /// looks alike and must not be noticed.
    pub fn new(
        name: &'static str,
        group: Group,
        prepare: impl Fn(&Place) -> Result<()> + 'static,
        act: impl Fn(&Place) -> Act + 'static,
        expect: impl Fn(&Place) -> Result<Vec<Expected>> + 'static,
        twin: impl Fn(&Place) -> Act + 'static,
    ) -> Scenario {
        Scenario {
            name,
            group,
            needs: Vec::new(),
            prepare: Box::new(prepare),
            act: Box::new(act),
            expect: Box::new(expect),
            twin: Box::new(twin),
            known: Box::new(|_| Verdict::Seen),
            partly: None,
        }
    }

    /// Something that it cannot do without; without it the verdict is "not applicable".
    pub fn needs(mut self, need: Need) -> Scenario {
        self.needs.push(need);
        self
    }

    /// What is known of kernels and flavours that tell less. It is held to that: "not seen" has to be silent, "partial" has to give alerts that
    /// name their partial fields (or those of [`Scenario::partly`]), everything else exactly the expected alerts.
    pub fn known(mut self, known: impl Fn(&World) -> Verdict + 'static) -> Scenario {
        self.known = Box::new(known);
        self
    }

    /// The alerts where the verdict is known to be "partial", when they are not those of elsewhere.
    pub fn partly(mut self, expect: impl Fn(&Place) -> Result<Vec<Expected>> + 'static) -> Scenario {
        self.partly = Some(Box::new(expect));
        self
    }

    /// Does it all, and adds its alerts to the counts; the error is the difference for people.
    pub fn run(&self, agent: &Agent, world: &World, counts: &mut Counts) -> Result<Verdict> {
        if let Some(why) = unmet(&self.needs, world)? {
            return Ok(Verdict::NotApplicable(why));
        }
        let known = (self.known)(world);
        if let Verdict::NotApplicable(_) = known {
            return Ok(known);
        }
        let place = Place::new(self.name)?;
        (self.prepare)(&place)?;
        let expected = match (&known, &self.partly) {
            (Verdict::NotSeen(_), _) => vec![],
            (Verdict::Partial(_), Some(partly)) => partly(&place)?,
            _ => (self.expect)(&place)?,
        };
        // Twin first: an alert of it cannot hide behind the folding of the real one.
        let close = match self.group {
            Group::Network => network_fence,
            Group::Demo | Group::Own => fence,
        };
        let twin = observe_until(close, agent, &(self.twin)(&place), 0).context("twin")?;
        check(&[], &twin).context("the twin must not be noticed")?;
        let found = observe_until(close, agent, &(self.act)(&place), expected.len())?;
        check(&expected, &found).map_err(|e| match &known {
            Verdict::Seen => e,
            known => Error(format!("this kernel is known to be otherwise ({known:?}), but: {e}")),
        })?;
        for alert in &found {
            lineage_reaches_me(alert)?;
        }
        for want in &expected {
            *counts.entry((want.rule, want.sensor)).or_default() += 1;
        }
        self.verdict(known, &found, world)
    }

    /// What was known, or what the alerts say of themselves.
    fn verdict(&self, known: Verdict, found: &[Value], world: &World) -> Result<Verdict> {
        let fields = partial_fields(found).into_iter().collect::<Vec<_>>().join(", ");
        match known {
            Verdict::Seen if fields.is_empty() => Ok(Verdict::Seen),
            // A call carries a path as it was written; what it led to was resolved afterwards.
            Verdict::Seen if world.flavour == Flavour::Syscall => Ok(Verdict::Partial(format!("partial: {fields}"))),
            Verdict::Seen => Err(Error(format!("partial: {fields}\n{}", shown(found)))),
            Verdict::Partial(why) if fields.is_empty() && self.partly.is_none() => Err(Error(format!(
                "known to be partial here ({why}), but no alert names a partial field"
            ))),
            known => Ok(known),
        }
    }
}

/// The first of the needs that this machine does not have.
pub fn unmet(needs: &[Need], world: &World) -> Result<Option<String>> {
    for need in needs {
        if let Some(why) = need.unmet(world)? {
            return Ok(Some(why));
        }
    }
    Ok(None)
}

/// How many alerts there were at least, by rule and sensor.
pub type Counts = BTreeMap<(&'static str, &'static str), usize>;

/// The metrics of an agent that was new then have counted all of them. Asked once, at its end: they are made twice a second.
pub fn counted(agent: &Agent, counts: &Counts) -> Result<()> {
    let few = |agent: &Agent| -> Result<Option<String>> {
        let metrics = agent.metrics()?;
        let counted = |rule, sensor| metrics.sum("lapwing_alerts_total", &[("rule", rule), ("sensor", sensor)]);
        let mut too_few = counts
            .iter()
            .filter(|((rule, sensor), least)| counted(rule, sensor) < **least as u64);
        Ok(too_few.next().map(|((rule, _), least)| format!("{least} of {rule}")))
    };
    agent
        .wait_until("lapwing_alerts_total has counted every alert", 2 * PROMPT, |agent| {
            Ok(few(agent)?.is_none())
        })
        .map_err(|e| Error(format!("{}: {e}", few(agent).ok().flatten().unwrap_or_default())))
}

/// Does `act` and returns the alerts of its session. Fails when `at_least` are not there promptly.
pub fn observe(agent: &Agent, act: &Act, at_least: usize) -> Result<Vec<Value>> {
    observe_until(fence, agent, act, at_least)
}

/// The same; `close` returns when everything before it has been judged.
fn observe_until(close: fn(&Agent) -> Result<()>, agent: &Agent, act: &Act, at_least: usize) -> Result<Vec<Value>> {
    let started = run_to_end(act)?;
    let pid = act.noticed.unwrap_or(started);
    let late = timed(Step::Alerts, || late(agent, pid, at_least))?;
    close(agent)?;
    let found = session_alerts(agent, pid)?;
    if let Some(late) = late
        && found.len() >= at_least
    {
        return Err(Error(format!(
            "the alerts came, but later than {late:?} after the act\n{}",
            shown(&found)
        )));
    }
    Ok(found)
}

/// Waits for the alerts of a program that has just ended; how long, when they are not there promptly.
fn late(agent: &Agent, pid: u32, at_least: usize) -> Result<Option<Duration>> {
    let ended = Instant::now();
    while at_least > 0 && session_alerts(agent, pid)?.len() < at_least {
        if ended.elapsed() > patient(PROMPT) {
            return Ok(Some(ended.elapsed()));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(None)
}

/// Does `act` in its session and waits for its end. Returns its pid.
pub fn run_to_end(act: &Act) -> Result<u32> {
    timed(Step::Act, || start_and_wait(act))
}

pub(crate) fn start_and_wait(act: &Act) -> Result<u32> {
    let mut child = act.start()?;
    wait(act, &mut child)?;
    Ok(child.id())
}

fn wait(act: &Act, child: &mut Child) -> Result<()> {
    let bound = patient(ACT);
    let deadline = Instant::now() + bound;
    loop {
        match child.try_wait().context("waiting for the act")? {
            Some(status) if act.succeeds && !status.success() => {
                return Err(Error(format!(
                    "the act itself failed with {status}: {} {:?}",
                    act.program, act.args
                )));
            }
            Some(_) => return Ok(()),
            None => {}
        }
        if Instant::now() > deadline {
            child.kill().context("ending the act")?;
            child.wait().context("ending the act")?;
            return Err(Error(format!("the act did not end within {bound:?}")));
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// The alerts of a process and its descendants.
pub fn session_alerts(agent: &Agent, pid: u32) -> Result<Vec<Value>> {
    agent.alerts_where(|alert| is_of_session(alert, pid))
}

/// Whether the process or one of its ancestors has this pid.
pub fn is_of_session(alert: &Value, pid: u32) -> bool {
    let ancestors = alert["lineage"].as_array().into_iter().flatten();
    std::iter::once(&alert["process"])
        .chain(ancestors)
        .any(|process| process["pid"] == pid)
}

/// Every alert shows where its process comes from: here that is always this program.
fn lineage_reaches_me(alert: &Value) -> Result<()> {
    let me = me()?;
    let me_text = me.to_string_lossy();
    let ancestors = alert["lineage"].as_array().map_or(&[][..], Vec::as_slice);
    let mine = ancestors
        .iter()
        .any(|process| process["pid"] == std::process::id() && process["executable"] == *me_text);
    if mine {
        Ok(())
    } else {
        Err(Error(format!(
            "{} [{}] is not in the lineage: {}",
            me_text,
            std::process::id(),
            alert["lineage"]
        )))
    }
}

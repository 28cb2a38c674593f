//! "Do this, expect exactly these alerts, and none for the twin."

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::Child,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    act::{Act, me},
    agent::Agent,
    error::{Context, Error, Result},
    metrics::Metrics,
    place::{Place, copy_program},
};

/// An alert has to be there this soon after its cause.
pub const PROMPT: Duration = Duration::from_secs(1);
/// The closing alert itself may wait behind many others.
const FENCE: Duration = Duration::from_secs(10);
/// Bound of a single act; five thousand processes take a while in a guest.
const ACT: Duration = Duration::from_secs(300);

/// The agent that a scenario needs; scenarios of one group share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// The demo profile as `make run` starts it.
    Demo,
    /// The production default.
    Production,
    /// Rules of the test's own, in `rules/escapes.toml`.
    Own,
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
    prepare: Prepare,
    act: MakeAct,
    expect: MakeExpected,
    twin: MakeAct,
}

/// What an alert must say.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// Id of the rule.
    pub rule: &'static str,
    /// process or file.
    pub sensor: &'static str,
    /// `file.create` and the like.
    pub event: &'static str,
    /// The errno with which the kernel refused; the result is then failure.
    pub errno: Option<&'static str>,
    /// A failure that the kernel did not refuse: the end of a program.
    pub failed: bool,
    /// Kernel-resolved executable of the process.
    pub executable: Option<String>,
    /// Path of the file.
    pub file: Option<String>,
    /// New name of a rename.
    pub target: Option<String>,
    /// Further fields, by JSON pointer.
    pub also: Vec<(&'static str, Value)>,
}

impl Expected {
    /// Each field that is not as it must be: "field: want .., got ..".
    pub fn differences(&self, alert: &Value) -> Vec<String> {
        let mut wanted: Vec<(&str, Value)> = vec![
            ("/rule", self.rule.into()),
            ("/sensor", self.sensor.into()),
            ("/event", self.event.into()),
            (
                "/result",
                if self.failed || self.errno.is_some() {
                    "failure"
                } else {
                    "success"
                }
                .into(),
            ),
            ("/errno", self.errno.map_or(Value::Null, Into::into)),
            ("/count", 1.into()),
        ];
        let optional = [
            ("/process/executable", &self.executable),
            ("/file/path", &self.file),
            ("/file/target", &self.target),
        ];
        wanted.extend(
            optional
                .into_iter()
                .filter_map(|(at, value)| Some((at, value.clone()?.into()))),
        );
        wanted.extend(self.also.iter().cloned());
        wanted
            .into_iter()
            .filter_map(|(at, want)| {
                let got = alert.pointer(at).cloned().unwrap_or(Value::Null);
                (got != want).then(|| format!("    {at}: want {want}, got {got}"))
            })
            .collect()
    }
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
            prepare: Box::new(prepare),
            act: Box::new(act),
            expect: Box::new(expect),
            twin: Box::new(twin),
        }
    }

    /// Does it all; the error is the difference for people.
    pub fn run(&self, agent: &Agent) -> Result<()> {
        let place = Place::new(self.name)?;
        (self.prepare)(&place)?;
        let expected = (self.expect)(&place)?;
        // Twin first: an alert of it cannot hide behind the folding of the real one.
        let twin = observe(agent, &(self.twin)(&place), 0).context("twin")?;
        check(&[], &twin).context("the twin must not be noticed")?;
        let before = agent.metrics()?;
        let found = observe(agent, &(self.act)(&place), expected.len())?;
        check(&expected, &found)?;
        for alert in &found {
            lineage_reaches_me(alert)?;
        }
        for want in &expected {
            let labels = [("rule", want.rule), ("sensor", want.sensor)];
            let count = |metrics: &Metrics| metrics.sum("lapwing_alerts_total", &labels);
            agent.wait_until(
                &format!("lapwing_alerts_total of {} rises", want.rule),
                2 * PROMPT,
                |agent| Ok(count(&agent.metrics()?) > count(&before)),
            )?;
        }
        Ok(())
    }
}

/// Does `act` and returns the alerts of its session. Fails when `at_least` are not there promptly.
pub fn observe(agent: &Agent, act: &Act, at_least: usize) -> Result<Vec<Value>> {
    let mut child = act.start()?;
    let pid = child.id();
    wait(&mut child)?;
    let ended = Instant::now();
    let mut late = None;
    while at_least > 0 && session_alerts(agent, pid)?.len() < at_least {
        if ended.elapsed() > PROMPT {
            late = Some(ended.elapsed());
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
    fence(agent)?;
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

/// Waits for the alert of an event that happened just now: when it is there, everything before it has been judged.
pub fn fence(agent: &Agent) -> Result<()> {
    let directory = Path::new("/tmp").join(format!("lapwing-test-{}-fence", std::process::id()));
    fs::create_dir_all(&directory).context(directory.display())?;
    let program = copy_program("true", &directory)?;
    let mut child = Act::new(&program, &[]).start()?;
    let pid = child.id();
    wait(&mut child)?;
    fs::remove_dir_all(&directory).context(directory.display())?;
    agent.wait_until(
        "the alert of a program run from /tmp, which closes a step",
        FENCE,
        |agent| Ok(!session_alerts(agent, pid)?.is_empty()),
    )
}

/// Does `act` in its session and waits for its end.
pub fn run_to_end(act: &Act) -> Result<()> {
    wait(&mut act.start()?)
}

fn wait(child: &mut Child) -> Result<()> {
    let deadline = Instant::now() + ACT;
    while child.try_wait().context("waiting for the act")?.is_none() {
        if Instant::now() > deadline {
            child.kill().context("ending the act")?;
            child.wait().context("ending the act")?;
            return Err(Error(format!("the act did not end within {ACT:?}")));
        }
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// The alerts of a process and its descendants.
pub fn session_alerts(agent: &Agent, pid: u32) -> Result<Vec<Value>> {
    Ok(agent
        .alerts()?
        .into_iter()
        .filter(|alert| is_of_session(alert, pid))
        .collect())
}

/// Whether the process or one of its ancestors has this pid.
pub fn is_of_session(alert: &Value, pid: u32) -> bool {
    let ancestors = alert["lineage"].as_array().into_iter().flatten();
    std::iter::once(&alert["process"])
        .chain(ancestors)
        .any(|process| process["pid"] == pid)
}

/// Exactly the expected alerts, in any order.
pub fn check(expected: &[Expected], found: &[Value]) -> Result<()> {
    let mut left: BTreeSet<usize> = (0..found.len()).collect();
    let mut problems = Vec::new();
    for want in expected {
        let matching = left.iter().copied().find(|n| want.differences(&found[*n]).is_empty());
        if let Some(n) = matching {
            left.remove(&n);
            continue;
        }
        problems.push(format!("  missing: {} by {}", want.event, want.rule));
        if let Some(near) = left.iter().min_by_key(|n| want.differences(&found[**n]).len()) {
            problems.push(format!(
                "  the nearest differs in\n{}",
                want.differences(&found[*near]).join("\n")
            ));
        }
    }
    for n in left {
        problems.push(format!("  not expected, or not so: {}", brief(&found[n])));
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Error(problems.join("\n")))
    }
}

fn shown(alerts: &[Value]) -> String {
    alerts.iter().map(brief).collect::<Vec<_>>().join("\n")
}

/// One line for people.
pub fn brief(alert: &Value) -> String {
    let field = |at: &str| {
        alert
            .pointer(at)
            .filter(|value| !value.is_null())
            .map(ToString::to_string)
            .unwrap_or_default()
    };
    [
        "/rule",
        "/event",
        "/result",
        "/errno",
        "/count",
        "/process/pid",
        "/process/executable",
        "/file/path",
        "/message",
    ]
    .map(field)
    .join(" ")
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

//! How a test knows that the agent has judged everything that came before: by the alert of something that it does itself.

use std::{
    fs,
    io::Write as _,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    act::Act,
    agent::Agent,
    error::{Context, Result},
    place::copy_program,
    scenario::{session_alerts, start_and_wait},
    steps::{Step, timed},
};

/// The closing alert itself may wait behind many others.
const FENCE: Duration = Duration::from_secs(10);

/// Waits for the alert of an event that happened just now: when it is there, everything before it has been judged.
pub fn fence(agent: &Agent) -> Result<()> {
    timed(Step::Fence, || close_step(agent))
}

/// Where the program that closes steps is.
fn closing() -> PathBuf {
    Path::new("/tmp").join(format!("lapwing-test-{}-fence", std::process::id()))
}

/// Removes what fences have left for each other.
pub fn clean_up() {
    // Nothing depends on it being gone.
    let _ = fs::remove_dir_all(closing());
}

fn close_step(agent: &Agent) -> Result<()> {
    let directory = closing();
    let mut program = directory.join("true");
    if !program.exists() {
        fs::create_dir_all(&directory).context(directory.display())?;
        program = copy_program("true", &directory)?;
    }
    let pid = start_and_wait(&Act::new(&program, &[]))?;
    agent.wait_until(
        "the alert of a program run from /tmp, which closes a step",
        FENCE,
        |agent| Ok(!session_alerts(agent, pid)?.is_empty()),
    )
}

/// The same for an agent with the network's built-in rules. A request that nobody reads waits for its reader as long as any other, and what waits is
/// judged in the order of its time: when this one's alert is there, nothing from before it is still to come.
pub fn network_fence(agent: &Agent) -> Result<()> {
    timed(Step::Fence, || ask_nobody(agent))
}

fn ask_nobody(agent: &Agent) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("fence")?;
    let at = listener.local_addr().context("fence")?;
    let mut client = TcpStream::connect(at).context("fence")?;
    client.write_all(b"GET /../fence HTTP/1.0\r\n\r\n").context("fence")?;
    let local = at.to_string();
    agent.wait_until(
        "the alert of a request that nobody reads, which closes a step",
        FENCE,
        |agent| {
            // The sensor's time goes on with what it sees. Nobody listens there.
            drop(TcpStream::connect((Ipv4Addr::LOCALHOST, 1)));
            let judged =
                agent.alerts_where(|alert| alert["rule"] == "path-traversal" && alert["network"]["local"] == *local)?;
            Ok(!judged.is_empty())
        },
    )
}

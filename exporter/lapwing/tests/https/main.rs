//! HTTPS as programs speak it, through the running agent: curl, openssl, Python, Node and nginx, asking and serving.
//!
//! Each does something that a rule names, and before it something that looks alike. What is seen is read from the agent's alerts: by which
//! program, at which end, with which peer.

#![allow(clippy::unwrap_used)]

#[path = "../common/pki.rs"]
mod pki;
#[path = "../common/root.rs"]
mod root;
#[path = "../common/agent.rs"]
mod running;
#[path = "../common/servers.rs"]
mod servers;

mod agent;
mod case;
mod libraries;
mod programs;
mod seen;
mod unseen;

use std::path::Path;

/// Debian's: that of a PATH of development tools has a TLS library of its own.
const PYTHON: &str = "/usr/bin/python3";

/// Node, where it is installed: Debian's uses libssl, that of its makers exports the functions itself.
fn node() -> Option<&'static Path> {
    let found = ["/usr/bin/node", "/usr/bin/nodejs"].map(Path::new);
    let found = found.into_iter().find(|path| path.exists());
    if found.is_none() {
        println!("NOT TESTED: node is not installed");
    }
    found
}

//! Lapwing's scenarios, and a rig that boots stock kernels to run them in.
//!
//! A scenario is one definition of "do this, expect exactly these alerts, and none for the twin". The same ones run on this machine
//! (`cargo test -p vm-tests --test host`) and in a guest (`vm-tests --scenarios`).

pub mod act;
pub mod agent;
pub mod error;
pub mod expected;
pub mod fence;
pub mod http;
pub mod metrics;
pub mod place;
pub mod refusals;
pub mod rig;
pub mod runner;
pub mod scenario;
pub mod scenarios;
pub mod steps;
pub mod verdict;
pub mod verifier;
pub mod world;

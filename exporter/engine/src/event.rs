//! What the kernel tells: one [`Event`] is one record of a ring, decoded and owned.
//!
//! An event is self-contained: reading it needs no earlier event. Strings are bytes until shown, and what the kernel could not tell in full
//! is [`Value::Partial`] or [`Value::Missing`] all the way to the alert.

mod carried;
mod file;
mod network;
mod process;
mod traffic;
mod value;

use serde::{Deserialize, Serialize};

pub use carried::{Boxes, Carried, Room};
pub use file::{Access, FileEvent, FileOp, ObjectKey, RawPath};
pub use network::{Direction, Endpoints, FlowChange, FlowEvent, FlowKey, FlowTotals, Segment, TlsData, Way, tcp};
pub use process::{
    CredentialChange, Credentials, Exec, ExecFailure, Exit, ExitReason, Fork, Namespaces, ProcessSnapshot,
};
pub use traffic::{Payload, Told, Traffic};
pub use value::{Bytes, Value};

/// Nanoseconds since boot, suspended time included (CLOCK_BOOTTIME).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct BootTime(pub u64);

/// Which process: a pid alone is reused, a pid with its start time is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct ProcessKey {
    /// Thread-group id in the host's (initial) PID namespace.
    pub pid: u32,
    /// `start_boottime` of the thread-group leader, nanoseconds since boot.
    pub start: u64,
}

/// The instruction-set interface of a system call; numbers mean nothing without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Abi {
    /// 64-bit x86.
    X86_64,
    /// 32-bit x86, `int 0x80` included.
    I386,
    /// 64-bit Arm.
    Aarch64,
    /// 32-bit Arm.
    Arm,
}

/// The system call in which the event happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Syscall {
    /// Its number, to be read by `abi`.
    pub number: i32,
    /// Whose numbering.
    pub abi: Abi,
}

/// Which flavour of hook saw the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flavour {
    /// On the kernel function that does the work.
    Function,
    /// On the system call that asks for it.
    Syscall,
}

/// The sensors. Losses, alerts and metrics are counted by these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sensor {
    /// fork, exec, credentials, exit.
    Process,
    /// What is done to files.
    File,
    /// TCP connections and what they carry.
    Network,
}

impl Sensor {
    /// The name used in metrics, alerts and configuration.
    pub fn name(self) -> &'static str {
        match self {
            Sensor::Process => "process",
            Sensor::File => "file",
            Sensor::Network => "network",
        }
    }
}

/// What every event says, whatever it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// When it happened.
    pub time: BootTime,
    /// The process that did it.
    pub process: ProcessKey,
    /// The thread that did it, in the host's PID namespace.
    pub tid: u32,
    /// The CPU it was seen on.
    pub cpu: u16,
    /// Counts the records that this CPU tried to send for this sensor: a gap is a loss.
    pub seq: u64,
    /// The system call, where there is one.
    pub syscall: Option<Syscall>,
    /// The configuration that the kernel judged by.
    pub generation: u32,
    /// The flavour of hook that saw it.
    pub flavour: Flavour,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Who and when.
    pub header: Header,
    /// What.
    pub body: Body,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// A process was made.
    Fork(Box<Fork>),
    /// A process became another program.
    Exec(Box<Exec>),
    /// The kernel refused an exec.
    ExecFailure(Box<ExecFailure>),
    /// The credentials of a process changed, by a call or (`by_call` false) without one.
    Credentials(Box<CredentialChange>),
    /// A process ended (its last thread).
    Exit(Exit),
    /// What a process is that was there before the agent, or whose beginning was lost.
    Snapshot(Box<ProcessSnapshot>),
    /// Something was done to a file.
    File(Box<FileEvent>),
    /// A TCP socket changed its state.
    Flow(Box<FlowEvent>),
    /// Bytes of a TCP connection passed.
    Segment(Box<Segment>),
    /// Plaintext passed a TLS library.
    Tls(Box<TlsData>),
    /// What the engine made of those; no sensor sends it.
    #[serde(skip)]
    Traffic(Box<Traffic>),
}

impl Event {
    /// The sensor that the event belongs to.
    pub fn sensor(&self) -> Sensor {
        match self.body {
            Body::File(_) => Sensor::File,
            Body::Flow(_) | Body::Segment(_) | Body::Tls(_) | Body::Traffic(_) => Sensor::Network,
            _ => Sensor::Process,
        }
    }
}

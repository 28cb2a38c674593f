//! Event streams made by hand, for tests and benchmarks: no kernel needed.
//!
//! ```
//! use lapwing_engine::{event::FileOp, synthetic::Synthetic};
//!
//! let events = Synthetic::new()
//!     .snapshot(1, 0, "/usr/lib/systemd/systemd")
//!     .fork(1, 700)
//!     .exec(700, "/bin/bash", &["bash"])
//!     .file(700, FileOp::Create, "/etc/cron.d/x")
//!     .exit(700, 0)
//!     .take();
//! assert_eq!(events.len(), 5);
//! ```

use std::{collections::HashMap, net::SocketAddr};

use crate::event::{
    Body, BootTime, Bytes, Carried, CredentialChange, Credentials, Direction, Endpoints, Event, Exec, ExecFailure,
    Exit, ExitReason, FileEvent, FileOp, Flavour, FlowChange, FlowEvent, FlowKey, FlowTotals, Fork, Header, Namespaces,
    ProcessKey, ProcessSnapshot, Segment, TlsData, Value, Way,
};

/// Between two events when nothing else is said: 1 ms.
const STEP: u64 = 1_000_000;
const UNSET: u32 = u32::MAX;

/// Builds events in order. Pids are enough: start times are given when a pid first appears and again when it is forked anew.
#[derive(Debug)]
pub struct Synthetic {
    now: u64,
    seq: u64,
    seen: u64,
    living: HashMap<u32, (ProcessKey, ProcessSnapshot)>,
    connections: HashMap<u32, (FlowKey, Direction, Endpoints)>,
    /// The next sequence number of each way.
    sequences: HashMap<(FlowKey, Way), u32>,
    events: Vec<Event>,
}

impl Default for Synthetic {
    fn default() -> Self {
        Synthetic::new()
    }
}

impl Synthetic {
    /// Starts 100 seconds after boot.
    pub fn new() -> Synthetic {
        Synthetic {
            now: 100_000_000_000,
            seq: 0,
            seen: 0,
            living: HashMap::new(),
            connections: HashMap::new(),
            sequences: HashMap::new(),
            events: Vec::new(),
        }
    }

    /// Lets time pass before the next event.
    pub fn wait(&mut self, seconds: f64) -> &mut Self {
        self.now += (seconds * 1e9) as u64;
        self
    }

    /// The time of the next event.
    pub fn now(&self) -> BootTime {
        BootTime(self.now)
    }

    /// The identity of the process that has the pid now.
    pub fn key(&mut self, pid: u32) -> ProcessKey {
        self.process(pid).0
    }

    /// Changes what a process is, without an event: the next events of it tell so.
    pub fn change(&mut self, pid: u32, change: impl FnOnce(&mut ProcessSnapshot)) -> &mut Self {
        change(&mut self.process(pid).1);
        self
    }

    /// The task iterator found a process.
    pub fn snapshot(&mut self, pid: u32, parent: u32, executable: &str) -> &mut Self {
        self.snapshot_with(pid, parent, executable, |_| {})
    }

    /// The same, with more said.
    pub fn snapshot_with(
        &mut self,
        pid: u32,
        parent: u32,
        executable: &str,
        more: impl FnOnce(&mut ProcessSnapshot),
    ) -> &mut Self {
        let parent = self.living.get(&parent).map_or(ProcessKey::default(), |(key, _)| *key);
        let (key, snapshot) = self.process(pid);
        snapshot.parent = parent;
        image(snapshot, executable, &[executable]);
        more(snapshot);
        let (key, body) = (*key, Body::Snapshot(Box::new(snapshot.clone())));
        self.push(key, body)
    }

    /// `parent` makes `child`, which is what its parent is.
    pub fn fork(&mut self, parent: u32, child: u32) -> &mut Self {
        let (parent, mut snapshot) = self.process(parent).clone();
        let key = ProcessKey {
            pid: child,
            start: self.now,
        };
        snapshot.parent = parent;
        self.living.insert(child, (key, snapshot.clone()));
        self.push(parent, Body::Fork(Box::new(Fork { child: key, snapshot })))
    }

    /// The process becomes another program.
    pub fn exec(&mut self, pid: u32, executable: &str, args: &[&str]) -> &mut Self {
        self.exec_with(pid, executable, args, |_| {})
    }

    /// The same, with more said. What `more` leaves in `snapshot` is what the process is from then on.
    pub fn exec_with(&mut self, pid: u32, executable: &str, args: &[&str], more: impl FnOnce(&mut Exec)) -> &mut Self {
        let (key, mut snapshot) = self.process(pid).clone();
        let before = snapshot.credentials;
        image(&mut snapshot, executable, args);
        let filename = Value::Known(Bytes::from(executable));
        let mut exec = Exec {
            snapshot,
            filename,
            before,
            mode: 0o100_755,
            links: 1,
        };
        more(&mut exec);
        self.process(pid).1 = exec.snapshot.clone();
        self.push(key, Body::Exec(Box::new(exec)))
    }

    /// The process runs a setuid-root file.
    pub fn exec_setuid_root(&mut self, pid: u32, executable: &str) -> &mut Self {
        self.exec_with(pid, executable, &[executable], |exec| {
            exec.mode = 0o104_755;
            let credentials = &mut exec.snapshot.credentials;
            (credentials.euid, credentials.suid, credentials.fsuid) = (0, 0, 0);
            (credentials.cap_effective, credentials.cap_permitted) = (u64::MAX, u64::MAX);
        })
    }

    /// The kernel refuses an exec.
    pub fn exec_failure(&mut self, pid: u32, path: &str, errno: i32) -> &mut Self {
        let key = self.key(pid);
        let filename = Value::Partial(Bytes::from(path));
        self.push(key, Body::ExecFailure(Box::new(ExecFailure { filename, errno })))
    }

    /// The credentials of a process change, by a call or without one.
    pub fn credentials(&mut self, pid: u32, by_call: bool, change: impl FnOnce(&mut Credentials)) -> &mut Self {
        let (key, snapshot) = self.process(pid);
        let (key, before) = (*key, snapshot.credentials);
        change(&mut snapshot.credentials);
        let after = snapshot.credentials;
        self.push(
            key,
            Body::Credentials(Box::new(CredentialChange {
                before,
                after,
                by_call,
                errno: 0,
            })),
        )
    }

    /// The kernel refuses a change to uid 0.
    pub fn credentials_failure(&mut self, pid: u32, errno: i32) -> &mut Self {
        let (key, snapshot) = self.process(pid);
        let (key, before) = (*key, snapshot.credentials);
        self.push(
            key,
            Body::Credentials(Box::new(CredentialChange {
                before,
                after: before,
                by_call: true,
                errno,
            })),
        )
    }

    /// Something is done to a file by a descriptor: the kernel knows the object. `hits` is left to the engine.
    pub fn file(&mut self, pid: u32, op: FileOp, path: &str) -> &mut Self {
        self.file_with(pid, op, path, |_| {})
    }

    /// The same, refused.
    pub fn file_failure(&mut self, pid: u32, op: FileOp, path: &str, errno: i32) -> &mut Self {
        self.file_with(pid, op, path, |file| file.errno = errno)
    }

    /// The same, with more said.
    pub fn file_with(&mut self, pid: u32, op: FileOp, path: &str, more: impl FnOnce(&mut FileEvent)) -> &mut Self {
        let key = self.key(pid);
        let mut file = FileEvent {
            op,
            errno: 0,
            path: Value::Known(Bytes::from(path)),
            target: Value::Missing,
            key: None,
            mode: 0o100_644,
            flags: 0,
            owner: None,
            hits: None,
            raw: None,
        };
        more(&mut file);
        self.push(key, Body::File(Box::new(file)))
    }

    /// A socket of the process changes its state. Both ends are `address:port`; the flow is 1 unless `more` says otherwise.
    pub fn flow(
        &mut self,
        pid: u32,
        change: FlowChange,
        direction: Direction,
        local: &str,
        remote: &str,
        more: impl FnOnce(&mut FlowEvent),
    ) -> &mut Self {
        let key = self.key(pid);
        let mut flow = FlowEvent {
            flow: FlowKey(1),
            change,
            direction,
            endpoints: ends(local, remote),
            totals: FlowTotals::default(),
        };
        more(&mut flow);
        self.connections.insert(pid, (flow.flow, direction, flow.endpoints));
        self.push(key, Body::Flow(Box::new(flow)))
    }

    /// Bytes of the connection that the last flow of the process was about, in one segment.
    pub fn segment(&mut self, pid: u32, way: Way, data: &[u8]) -> &mut Self {
        let key = self.key(pid);
        let Some((flow, direction, endpoints)) = self.connections.get(&pid).copied() else {
            return self;
        };
        let sequence = self.sequences.entry((flow, way)).or_insert(1);
        let start = *sequence;
        *sequence += data.len() as u32;
        let segment = Segment {
            flow,
            direction,
            way,
            endpoints,
            sequence: start,
            ack: 0,
            flags: 0,
            length: data.len() as u32,
            data: Carried::from(data),
            passed: 0,
        };
        self.push(key, Body::Segment(Box::new(segment)))
    }

    /// Plaintext that passes a TLS library's connection object of the process; nothing tells the TCP connection below it.
    pub fn tls(&mut self, pid: u32, connection: u64, way: Way, data: &[u8]) -> &mut Self {
        self.tls_with(pid, connection, way, data, |_| {})
    }

    /// The same, with more said.
    pub fn tls_with(
        &mut self,
        pid: u32,
        connection: u64,
        way: Way,
        data: &[u8],
        more: impl FnOnce(&mut TlsData),
    ) -> &mut Self {
        let key = self.key(pid);
        let mut tls = TlsData {
            connection,
            flow: None,
            direction: Direction::Unknown,
            endpoints: None,
            way,
            length: data.len() as u32,
            data: Carried::from(data),
            end: false,
        };
        more(&mut tls);
        self.push(key, Body::Tls(Box::new(tls)))
    }

    /// The process ends by itself.
    pub fn exit(&mut self, pid: u32, code: u8) -> &mut Self {
        self.end(pid, ExitReason::Code(code))
    }

    /// A signal ends the process.
    pub fn kill(&mut self, pid: u32, number: u8) -> &mut Self {
        self.end(
            pid,
            ExitReason::Signal {
                number,
                core_dumped: false,
            },
        )
    }

    /// The events so far; what lives goes on living.
    pub fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    fn end(&mut self, pid: u32, reason: ExitReason) -> &mut Self {
        let key = self.key(pid);
        self.living.remove(&pid);
        self.push(key, Body::Exit(Exit { reason }))
    }

    fn process(&mut self, pid: u32) -> &mut (ProcessKey, ProcessSnapshot) {
        self.living.entry(pid).or_insert_with(|| {
            self.seen += 1;
            (ProcessKey { pid, start: self.seen }, blank(pid))
        })
    }

    fn push(&mut self, process: ProcessKey, body: Body) -> &mut Self {
        let header = Header {
            time: BootTime(self.now),
            process,
            tid: process.pid,
            cpu: 0,
            seq: self.seq,
            syscall: None,
            generation: 1,
            flavour: Flavour::Function,
        };
        self.events.push(Event { header, body });
        self.now += STEP;
        self.seq += 1;
        self
    }
}

fn ends(local: &str, remote: &str) -> Endpoints {
    let parse = |end: &str| end.parse().unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0)));
    Endpoints {
        local: parse(local),
        remote: parse(remote),
        netns: 3,
    }
}

/// A process of root in a session of its own, of which nothing else is known.
fn blank(pid: u32) -> ProcessSnapshot {
    ProcessSnapshot {
        credentials: Credentials {
            cap_effective: u64::MAX,
            cap_permitted: u64::MAX,
            ..Credentials::default()
        },
        loginuid: UNSET,
        session: UNSET,
        sid: pid,
        namespaces: Namespaces {
            pid: 1,
            mnt: 2,
            net: 3,
            user: 4,
        },
        ..ProcessSnapshot::default()
    }
}

fn image(snapshot: &mut ProcessSnapshot, executable: &str, args: &[&str]) {
    let name = executable.rsplit('/').next().unwrap_or(executable);
    snapshot.name = Bytes::from(&name.as_bytes()[..name.len().min(15)]);
    snapshot.executable = Value::Known(Bytes::from(executable));
    snapshot.args = Value::Known(args.iter().map(|arg| Bytes::from(*arg)).collect());
    if snapshot.cwd == Value::Missing {
        snapshot.cwd = Value::Known(Bytes::from("/"));
    }
}

//! The hooks of the network sensor.

pub(crate) mod cgroup;
mod rules;
mod walk;

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
};

use lapwing_engine::{
    event::{Flavour, Sensor},
    interest::Interest,
};

use crate::hooks::{Hook, Variant};

pub(crate) use rules::NetworkRules;
pub(crate) use walk::{TABLE_PROGRAM, Walks, walk};

fn wanted(interest: &Interest) -> bool {
    interest.network.is_some()
}

/// In the order in which `lapwing probes` shows them.
pub(crate) const HOOKS: &[Hook] = &[
    Hook {
        sensor: Sensor::Network,
        name: "network-flow",
        needed: wanted,
        variants: &[Variant {
            flavour: Flavour::Function,
            object: "net_flow",
            programs: &["lw_net_state", "lw_net_state_again"],
            optional: &[],
            unseen: "all but TCP (UDP and QUIC, SCTP, unix sockets); connects that fail before a packet is sent (no route, forbidden on this host)",
        }],
        unseen: "TCP connections: who opens, accepts, refuses and closes them, and who listens",
    },
    Hook {
        sensor: Sensor::Network,
        name: "network-ends",
        needed: wanted,
        variants: &[Variant {
            flavour: Flavour::Function,
            object: walk::OBJECT,
            programs: &[TABLE_PROGRAM],
            optional: &[],
            unseen: "",
        }],
        unseen: "ends of connections at which the kernel runs no hook (closes in one softirq under load, some in 10,000), until their memory is another socket's",
    },
    Hook {
        sensor: Sensor::Network,
        name: "network-owner",
        needed: wanted,
        variants: &[
            Variant {
                flavour: Flavour::Function,
                object: "net_owner",
                programs: &["lw_net_read", "lw_net_accept"],
                optional: &[],
                unseen: "",
            },
            Variant {
                flavour: Flavour::Syscall,
                object: "net_owner",
                programs: &["lw_net_read"],
                optional: &["lw_net_sent"],
                unseen: "that a worker accepted a connection, until it reads from it (or, since Linux 6.4, writes to it)",
            },
        ],
        unseen: "the worker that serves a connection: the process that listens counts as its owner",
    },
    Hook {
        sensor: Sensor::Network,
        name: "network-payload",
        needed: |interest| interest.network.as_ref().is_some_and(|network| network.payload),
        variants: &[Variant {
            flavour: Flavour::Function,
            object: "net_segment",
            programs: &["lw_net_ingress", "lw_net_egress"],
            optional: &[],
            unseen: "what TLS encrypts, in the kernel (kTLS) too; what no cgroup of this host's hierarchy sends or receives",
        }],
        unseen: "the bytes that connections carry",
    },
    Hook {
        sensor: Sensor::Network,
        name: "tls-flow",
        needed: |interest| interest.network.as_ref().is_some_and(|network| network.https),
        variants: &[
            Variant {
                flavour: Flavour::Function,
                object: "tls_flow",
                programs: &["lw_net_tls_got", "lw_net_tls_send"],
                optional: &[],
                unseen: "the connection below TLS where the program, not its library, reads and writes the socket (node)",
            },
            Variant {
                flavour: Flavour::Syscall,
                object: "tls_flow",
                programs: &["lw_net_tls_got"],
                optional: &["lw_net_tls_sent"],
                unseen: "the connection below TLS where the program, not its library, reads and writes the socket (node)",
            },
        ],
        unseen: "which connection a TLS library uses: its peer is unknown",
    },
];

/// Programs of which the kernel may skip a run because another follows that does its work then: the one, the other, and the map in which that counts
/// how often it did.
pub(crate) const AGAIN: &[(&str, &str, &str)] = &[("lw_net_state", "lw_net_state_again", "lw_made_good")];

/// Whether a program sees packets, which needs CAP_NET_ADMIN.
pub(crate) fn on_packets(program: &str) -> bool {
    ["lw_net_ingress", "lw_net_egress"].contains(&program)
}

/// Real traffic for the self-test, which every network hook must notice.
pub(crate) fn act() {
    let done = talk((Ipv4Addr::LOCALHOST, 0).into()).or_else(|_| talk((Ipv6Addr::LOCALHOST, 0).into()));
    if let Err(error) = done {
        tracing::warn!(%error, "the self-test of the network hooks found no working loopback interface");
    }
}

/// Connects to itself, and says one byte each way.
fn talk(to: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::bind(to)?;
    let mut ours = TcpStream::connect(listener.local_addr()?)?;
    let (mut theirs, _) = listener.accept()?;
    let mut byte = [0];
    ours.write_all(b"?")?;
    theirs.read_exact(&mut byte)?;
    theirs.write_all(b"!")?;
    ours.read_exact(&mut byte)?;
    ours.shutdown(Shutdown::Both)
}

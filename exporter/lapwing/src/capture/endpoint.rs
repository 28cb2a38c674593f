//! Which end of a connection is ours, and who opened it, by rules of thumb where the capture does not say.

use std::net::{IpAddr, SocketAddr};

use lapwing_engine::event::{Direction, tcp};

use super::packet::{Seen, Tcp};

/// What is taken for true of a connection from its first packet on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Roles {
    pub local: SocketAddr,
    pub remote: SocketAddr,
    pub direction: Direction,
    /// Its SYN was seen.
    pub from_start: bool,
}

/// Judges the first packet of a connection.
pub(super) fn roles(packet: &Tcp<'_>) -> Roles {
    let syn = packet.flags & tcp::SYN != 0;
    let client = match (syn, packet.flags & tcp::ACK != 0) {
        (true, false) => packet.from,
        (true, true) => packet.to,
        (false, _) => higher_port(packet),
    };
    let server = if client == packet.from { packet.to } else { packet.from };
    let local = match packet.seen {
        Some(Seen::Leaving) => packet.from,
        Some(Seen::Arriving) => packet.to,
        None if is_private(client.ip()) && !is_private(server.ip()) => client,
        None => server,
    };
    let (remote, direction) = if local == server {
        (client, Direction::Incoming)
    } else {
        (server, Direction::Outgoing)
    };
    Roles {
        local,
        remote,
        direction,
        from_start: syn,
    }
}

/// The end that is no server, by its port; of two alike, the one that speaks.
fn higher_port(packet: &Tcp<'_>) -> SocketAddr {
    if packet.from.port() >= packet.to.port() {
        packet.from
    } else {
        packet.to
    }
}

/// Whether an address is one of a local network or of this host.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_loopback() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(from: &str, to: &str, flags: u8, seen: Option<Seen>) -> Tcp<'static> {
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        Tcp {
            seen,
            from,
            to,
            sequence: 0,
            ack: 0,
            flags,
            length: 0,
            data: &[],
        }
    }

    #[test]
    fn ends_are_told_apart() {
        const OUT: Direction = Direction::Outgoing;
        const IN: Direction = Direction::Incoming;
        let (inner, outer) = ("192.168.1.5:40000", "203.0.113.9:443");
        let cases = [
            // By the SYN, and by the private address.
            (packet(inner, outer, tcp::SYN, None), inner, OUT),
            (packet(outer, inner, tcp::SYN | tcp::ACK, None), inner, OUT),
            (
                packet("203.0.113.9:50000", "10.0.0.1:80", tcp::SYN, None),
                "10.0.0.1:80",
                IN,
            ),
            // Both private, or both not: the server is ours.
            (
                packet("127.0.0.1:50000", "127.0.0.1:80", tcp::SYN, None),
                "127.0.0.1:80",
                IN,
            ),
            (
                packet("203.0.113.9:443", "203.0.113.8:50000", tcp::ACK, None),
                "203.0.113.9:443",
                IN,
            ),
            (
                packet("[fe80::1]:9", "[2001:db8::1]:5", tcp::SYN, None),
                "[fe80::1]:9",
                OUT,
            ),
            // The capture says it.
            (
                packet("203.0.113.9:50000", "203.0.113.8:80", tcp::SYN, Some(Seen::Leaving)),
                "203.0.113.9:50000",
                OUT,
            ),
            (
                packet("203.0.113.9:50000", "203.0.113.8:80", tcp::SYN, Some(Seen::Arriving)),
                "203.0.113.8:80",
                IN,
            ),
        ];
        for (packet, local, direction) in cases {
            let roles = roles(&packet);
            assert_eq!(
                (roles.local, roles.direction),
                (local.parse().unwrap(), direction),
                "{packet:?}"
            );
            assert_eq!(roles.from_start, packet.flags & tcp::SYN != 0);
        }
    }
}

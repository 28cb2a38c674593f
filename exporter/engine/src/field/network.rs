//! Fields of a connection and of the bytes that it carries.

use std::net::{IpAddr, SocketAddr};

use super::{Connection, Context, Field, Kinds, Read, Scalar, Type};
use crate::{
    event::{Direction, Payload, Told, Way},
    net::conversation::Desync,
};

type Get = for<'a> fn(&Context<'a>) -> Option<Scalar<'a>>;

const fn of(name: &'static str, kind: Type, get: Get, doc: &'static str) -> Field {
    Field::new(name, kind, Kinds::CONNECTION, Read::Event(get), doc)
}

const fn own(name: &'static str, kind: Type, get: Get, doc: &'static str) -> Field {
    Field::new(name, kind, Kinds::NETWORK, Read::Event(get), doc)
}

const fn payload(name: &'static str, kind: Type, read: Read, doc: &'static str) -> Field {
    Field::new(name, kind, Kinds::PAYLOAD, read, doc)
}

#[rustfmt::skip] // a table reads best as one
pub(super) const FIELDS: &[Field] = &[
    own("net.direction", Type::Text, direction, "who opened it: incoming, outgoing, or unknown when it was there before the agent (ours)"),
    own("net.local.address", Type::Address, local_address, "this host's address (ours)"),
    own("net.local.port", Type::Number, local_port, "this host's port (ours)"),
    of("net.peer.address", Type::Address, peer_address, "the other end's address (ours)"),
    of("net.peer.port", Type::Number, peer_port, "the other end's port (ours)"),
    own("net.ns", Type::Number, netns, "inode number of the network namespace of the socket (ours)"),
    of("net.tls", Type::Flag, tls, "whether it was read from a TLS library (ours)"),
    of("net.bytes_sent", Type::Number, bytes_sent, "payload bytes that went to the other end so far; all of them on close (ours)"),
    of("net.bytes_received", Type::Number, bytes_received, "payload bytes that came from the other end so far; all of them on close (ours)"),
    of("net.packets_sent", Type::Number, packets_sent, "segments sent so far; on events of flows only (ours)"),
    of("net.packets_received", Type::Number, packets_received, "segments received so far; on events of flows only (ours)"),
    of("net.retransmits", Type::Number, retransmits, "segments sent again so far; on events of flows only (ours)"),
    of("net.duration", Type::Number, duration, "milliseconds since it was opened; missing when that was before the agent (ours)"),
    own("fd.l4proto", Type::Text, l4proto, "the transport: always tcp here"),
    own("fd.type", Type::Text, fd_type, "ipv4 or ipv6"),
    of("fd.is_server", Type::Flag, is_server, "whether this host is the server; missing when nobody knows"),
    own("fd.lip", Type::Address, local_address, "the same as net.local.address"),
    own("fd.lport", Type::Number, local_port, "the same as net.local.port"),
    of("fd.rip", Type::Address, peer_address, "the same as net.peer.address"),
    of("fd.rport", Type::Number, peer_port, "the same as net.peer.port"),
    own("fd.sip", Type::Address, server_address, "the server's address"),
    own("fd.sport", Type::Number, server_port, "the server's port"),
    of("fd.cip", Type::Address, client_address, "the client's address"),
    of("fd.cport", Type::Number, client_port, "the client's port"),
    own("fd.lnet", Type::Address, local_address, "the same as net.local.address, to be compared with networks"),
    of("fd.rnet", Type::Address, peer_address, "the same as net.peer.address, to be compared with networks"),
    own("fd.snet", Type::Address, server_address, "the same as fd.sip, to be compared with networks"),
    of("fd.cnet", Type::Address, client_address, "the same as fd.cip, to be compared with networks"),
    payload("tcp.payload", Type::Text, Read::EventSpan(bytes), "the bytes that just passed, after at most 256 that passed before; [0:16] the first 16 of the stream (ours)"),
    payload("tcp.payload.way", Type::Text, Read::Event(way), "sent or received (ours)"),
    payload("tcp.payload.offset", Type::Number, Read::Event(offset), "how many bytes went that way before tcp.payload (ours)"),
    Field::new("tcp.desynchronised", Type::Text, Kinds::DESYNCHRONISED, Read::Event(desynchronised), "why bytes may not be what the program got: gap, overlap or surplus (ours)"),
];

fn direction<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    Some(context.connection()?.direction.name().into())
}

fn local(context: &Context<'_>) -> Option<SocketAddr> {
    Some(context.connection()?.endpoints?.local)
}

fn peer(context: &Context<'_>) -> Option<SocketAddr> {
    Some(context.connection()?.endpoints?.remote)
}

/// Server and client, in this order.
fn roles(context: &Context<'_>) -> Option<(SocketAddr, SocketAddr)> {
    let Connection {
        direction, endpoints, ..
    } = context.connection()?;
    let ends = endpoints?;
    match direction {
        Direction::Incoming => Some((ends.local, ends.remote)),
        Direction::Outgoing => Some((ends.remote, ends.local)),
        Direction::Unknown => None,
    }
}

fn address<'a>(end: Option<SocketAddr>) -> Option<Scalar<'a>> {
    Some(Scalar::Address(end?.ip()))
}

fn port<'a>(end: Option<SocketAddr>) -> Option<Scalar<'a>> {
    Some(u32::from(end?.port()).into())
}

fn local_address<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    address(local(context))
}

fn local_port<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    port(local(context))
}

fn peer_address<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    address(peer(context))
}

fn peer_port<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    port(peer(context))
}

fn server_address<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    address(roles(context).map(|roles| roles.0))
}

fn server_port<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    port(roles(context).map(|roles| roles.0))
}

fn client_address<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    address(roles(context).map(|roles| roles.1))
}

fn client_port<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    port(roles(context).map(|roles| roles.1))
}

fn netns<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    let netns = context.connection()?.endpoints?.netns;
    (netns != 0).then(|| netns.into())
}

fn tls<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    Some(context.connection()?.tls.into())
}

fn count<'a>(number: u64) -> Option<Scalar<'a>> {
    Some(Scalar::Number(i64::try_from(number).unwrap_or(i64::MAX)))
}

fn bytes_sent<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    count(context.connection()?.totals?.bytes_sent)
}

fn bytes_received<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    count(context.connection()?.totals?.bytes_received)
}

/// Not counted where the engine has put bytes together.
fn of_flow<'a>(context: &Context<'a>, number: u32) -> Option<Scalar<'a>> {
    context.traffic().is_none().then(|| number.into())
}

fn packets_sent<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    of_flow(context, context.connection()?.totals?.segments_sent)
}

fn packets_received<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    of_flow(context, context.connection()?.totals?.segments_received)
}

fn retransmits<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    of_flow(context, context.connection()?.totals?.retransmits)
}

fn duration<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    let nanoseconds = context.connection()?.totals?.duration;
    (nanoseconds != 0).then(|| count(nanoseconds / 1_000_000)).flatten()
}

fn l4proto<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    context.connection().map(|_| "tcp".into())
}

fn fd_type<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    Some(match local(context)?.ip() {
        IpAddr::V4(_) => "ipv4".into(),
        IpAddr::V6(_) => "ipv6".into(),
    })
}

fn is_server<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    match context.connection()?.direction {
        Direction::Incoming => Some(true.into()),
        Direction::Outgoing => Some(false.into()),
        Direction::Unknown => None,
    }
}

fn piece<'a>(context: &Context<'a>) -> Option<&'a Payload> {
    match &context.traffic()?.told {
        Told::Payload(payload) => Some(payload),
        _ => None,
    }
}

fn bytes<'a>(context: &Context<'a>) -> Option<(&'a [u8], u64)> {
    piece(context).map(|piece| (&*piece.bytes, piece.offset))
}

fn way<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    Some(match piece(context)?.way {
        Way::Sent => "sent".into(),
        Way::Received => "received".into(),
    })
}

fn offset<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    count(piece(context)?.offset)
}

fn desynchronised<'a>(context: &Context<'a>) -> Option<Scalar<'a>> {
    match &context.traffic()?.told {
        Told::Desynchronised(_, why) => Some(match why {
            Desync::Gap(_) => "gap".into(),
            Desync::Overlap => "overlap".into(),
            Desync::Surplus(_) => "surplus".into(),
        }),
        _ => None,
    }
}

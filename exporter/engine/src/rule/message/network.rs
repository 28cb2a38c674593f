//! Sentences about connections, for rules that have no message of their own.

use super::{errno, printable};
use crate::{
    event::{Direction, Endpoints, FlowChange, FlowEvent, Told, Traffic, Way},
    net::{conversation::Desync, http::Request},
};

/// What became of a connection.
pub(super) fn of_flow(flow: &FlowEvent, actor: &str) -> String {
    let Endpoints { local, remote, .. } = flow.endpoints;
    match (flow.change, flow.direction) {
        (FlowChange::Listening, _) => format!("{actor} listens on {local}"),
        (FlowChange::Opening, _) => format!("{actor} connects to {remote}"),
        (FlowChange::Refused(number), Direction::Incoming) => {
            format!("{remote} could not connect to {local} of {actor}{}", because(number))
        }
        (FlowChange::RefusedUnseen, Direction::Incoming) => format!("{remote} could not connect to {local} of {actor}"),
        (FlowChange::RefusedUnseen, _) => format!("{actor} could not connect to {remote}"),
        (FlowChange::Refused(number), _) => format!("{actor} could not connect to {remote}{}", because(number)),
        (FlowChange::Established, Direction::Incoming) => format!("{actor} was connected to on {local} by {remote}"),
        (FlowChange::Established, _) => format!("{actor} connected to {remote}"),
        (FlowChange::Existing, _) => format!("{actor} has a connection with {remote}"),
        (FlowChange::Taken, _) => format!("{actor} serves a connection with {remote}"),
        (FlowChange::Closed, _) if remote.port() == 0 => format!("{actor} listens on {local} no more"),
        (FlowChange::ClosedUnseen, _) => format!("A connection of {actor} with {remote} ended"),
        (FlowChange::Closed, _) => format!(
            "A connection of {actor} with {remote} ended: {} bytes sent, {} received",
            flow.totals.bytes_sent, flow.totals.bytes_received
        ),
    }
}

fn because(number: i32) -> String {
    match number {
        0 => String::new(),
        number => format!(": {}", errno(number)),
    }
}

/// What a connection carried.
pub(super) fn of_traffic(traffic: &Traffic, actor: &str) -> String {
    let peer = traffic
        .endpoints
        .map_or_else(|| "an unknown peer".to_owned(), |ends| ends.remote.to_string());
    let asked = |request: &Request| asked(traffic, request, &peer, actor);
    match &traffic.told {
        Told::Payload(payload) => match payload.way {
            Way::Sent => format!("{actor} sent suspicious bytes to {peer}"),
            Way::Received => format!("{actor} received suspicious bytes from {peer}"),
        },
        Told::Request(request) => asked(request),
        Told::Response(response, Some(request)) => {
            format!("{}, and the answer was {}", asked(request), response.status)
        }
        Told::Response(response, None) => format!("{actor} and {peer} exchanged an answer {}", response.status),
        Told::Desynchronised(_, Desync::Gap(bytes)) => {
            format!("{bytes} bytes between {actor} and {peer} were not seen")
        }
        Told::Desynchronised(_, Desync::Overlap) => {
            format!("Segments between {actor} and {peer} overlap and differ: one of them was not what the program got")
        }
        Told::Desynchronised(_, Desync::Surplus(bytes)) => {
            format!("{bytes} bytes more passed between {actor} and {peer} than the kernel took")
        }
    }
}

fn asked(traffic: &Traffic, request: &Request, peer: &str, actor: &str) -> String {
    let what = format!(
        "{} {}{}{}",
        printable(request.method()),
        if traffic.tls { "https://" } else { "" },
        printable(request.host().unwrap_or_default()),
        printable(&request.path())
    );
    match traffic.direction {
        Direction::Incoming => format!("{peer} asked {actor} for {what}"),
        _ => format!("{actor} asked {peer} for {what}"),
    }
}

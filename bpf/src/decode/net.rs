//! Records of the network sensor.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use lapwing_engine::event::{
    Body, Direction, Endpoints, FlowChange, FlowEvent, FlowKey, FlowTotals, Room, Segment, Value, Way,
};

use super::{DecodeError, fixed, tail::Tail};
use crate::wire::{lw_change, lw_direction, lw_ends, lw_field, lw_flow, lw_segment, lw_way};

pub(super) fn flow(front: &[u8]) -> Result<Body, DecodeError> {
    let raw: lw_flow = fixed(front)?;
    let change = match lw_change(u32::from(raw.change)) {
        lw_change::LW_OPENING => FlowChange::Opening,
        lw_change::LW_ESTABLISHED => FlowChange::Established,
        lw_change::LW_REFUSED => FlowChange::Refused(raw.error),
        lw_change::LW_CLOSED => FlowChange::Closed,
        lw_change::LW_LISTENING => FlowChange::Listening,
        lw_change::LW_EXISTING => FlowChange::Existing,
        lw_change::LW_TAKEN => FlowChange::Taken,
        lw_change::LW_CLOSED_UNSEEN => FlowChange::ClosedUnseen,
        lw_change::LW_REFUSED_UNSEEN => FlowChange::RefusedUnseen,
        _ => return Err(DecodeError::Unknown),
    };
    Ok(Body::Flow(Box::new(FlowEvent {
        flow: FlowKey(raw.flow),
        change,
        direction: direction(raw.direction)?,
        endpoints: endpoints(&raw.ends),
        totals: FlowTotals {
            bytes_sent: raw.sent,
            bytes_received: raw.received,
            segments_sent: raw.segments_sent,
            segments_received: raw.segments_received,
            retransmits: raw.retransmits,
            duration: raw.duration,
        },
    })))
}

pub(super) fn segment(front: &[u8], tail: &Tail, room: &mut Room) -> Result<Body, DecodeError> {
    let raw: lw_segment = fixed(front)?;
    let data = match tail.bytes(lw_field::LW_DATA) {
        Value::Missing => &[],
        Value::Known(data) | Value::Partial(data) => data,
    };
    if data.len() > raw.length as usize {
        return Err(DecodeError::Size);
    }
    let segment = Segment {
        flow: FlowKey(raw.flow),
        direction: direction(raw.direction)?,
        way: way(raw.way)?,
        endpoints: endpoints(&raw.ends),
        sequence: raw.sequence,
        ack: raw.ack,
        flags: raw.flags,
        length: raw.length,
        data: room.carried(data),
        passed: raw.passed,
    };
    Ok(Body::Segment(room.boxed(segment)))
}

pub(super) fn direction(raw: u8) -> Result<Direction, DecodeError> {
    match lw_direction(u32::from(raw)) {
        lw_direction::LW_UNKNOWN => Ok(Direction::Unknown),
        lw_direction::LW_INCOMING => Ok(Direction::Incoming),
        lw_direction::LW_OUTGOING => Ok(Direction::Outgoing),
        _ => Err(DecodeError::Unknown),
    }
}

pub(super) fn way(raw: u8) -> Result<Way, DecodeError> {
    match lw_way(u32::from(raw)) {
        lw_way::LW_RECEIVED => Ok(Way::Received),
        lw_way::LW_SENT => Ok(Way::Sent),
        _ => Err(DecodeError::Unknown),
    }
}

pub(super) fn endpoints(raw: &lw_ends) -> Endpoints {
    Endpoints {
        local: address(raw.local, raw.local_port),
        remote: address(raw.remote, raw.remote_port),
        netns: raw.netns,
    }
}

fn address(raw: [u8; 16], port: u16) -> SocketAddr {
    let ip = Ipv6Addr::from(raw);
    SocketAddr::new(ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4), port)
}

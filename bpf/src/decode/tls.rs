//! Records of the TLS probes.

use lapwing_engine::event::{Body, FlowKey, Room, TlsData, Value};

use super::{
    DecodeError, fixed,
    net::{direction, endpoints, way},
    tail::Tail,
};
use crate::wire::{lw_field, lw_tls};

pub(super) fn data(front: &[u8], tail: &Tail, room: &mut Room) -> Result<Body, DecodeError> {
    let raw: lw_tls = fixed(front)?;
    let data = match tail.bytes(lw_field::LW_DATA) {
        Value::Missing => &[],
        Value::Known(data) | Value::Partial(data) => data,
    };
    if data.len() > raw.length as usize {
        return Err(DecodeError::Size);
    }
    let known = raw.known != 0;
    Ok(Body::Tls(Box::new(TlsData {
        connection: raw.connection,
        flow: known.then_some(FlowKey(raw.flow)),
        direction: direction(raw.direction)?,
        endpoints: known.then(|| endpoints(&raw.ends)),
        way: way(raw.way)?,
        length: raw.length,
        data: room.carried(data),
        end: raw.end != 0,
    })))
}

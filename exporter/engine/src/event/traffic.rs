//! What the engine makes of a connection's bytes.

use std::sync::Arc;

use super::{Direction, Endpoints, FlowKey, FlowTotals, Way};
use crate::net::{
    conversation::Desync,
    http::{Request, Response},
};

/// Something that a connection carried. The engine makes it from segments, so it is never in a recording: a replay makes it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traffic {
    /// Which connection; None where only the TLS library's object is known.
    pub flow: Option<FlowKey>,
    /// Who opened it.
    pub direction: Direction,
    /// Its ends, when known.
    pub endpoints: Option<Endpoints>,
    /// Whether it was read from a TLS library.
    pub tls: bool,
    /// Of that, the library's connection object ([`super::TlsData::connection`]); 0 for anything else.
    pub connection: u64,
    /// What has passed so far, as far as it was seen.
    pub totals: FlowTotals,
    /// Tells apart what was made of one event, and is the same for a request and its response.
    pub number: u64,
    /// What it is.
    pub told: Told,
}

/// What a connection carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Bytes, in their order.
    Payload(Payload),
    /// An HTTP request.
    Request(Arc<Request>),
    /// An HTTP response, with the request that it answers as far as known.
    Response(Arc<Response>, Option<Arc<Request>>),
    /// What is read of a way may not be what the program got.
    Desynchronised(Way, Desync),
}

/// A stretch of one way of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// Which way they went.
    pub way: Way,
    /// How many bytes went that way before `bytes`.
    pub offset: u64,
    /// The new bytes, after the last few that were told before: what lies across two pieces is found.
    pub bytes: Vec<u8>,
}

impl Traffic {
    /// The number of the request with its response, where it is one of these.
    pub fn transaction(&self) -> Option<u64> {
        match self.told {
            Told::Request(_) | Told::Response(..) => Some(self.number),
            Told::Payload(_) | Told::Desynchronised(..) => None,
        }
    }

    /// The request, or the one that the response answers.
    pub fn request(&self) -> Option<&Arc<Request>> {
        match &self.told {
            Told::Request(request) | Told::Response(_, Some(request)) => Some(request),
            _ => None,
        }
    }

    /// The response.
    pub fn response(&self) -> Option<&Arc<Response>> {
        match &self.told {
            Told::Response(response, _) => Some(response),
            _ => None,
        }
    }

    /// The name in alerts.
    pub fn name(&self) -> &'static str {
        match self.told {
            Told::Payload(_) => "tcp.payload",
            Told::Request(_) => "http.request",
            Told::Response(..) => "http.response",
            Told::Desynchronised(..) => "network.desynchronised",
        }
    }
}

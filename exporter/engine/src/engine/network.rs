//! Events of the network sensor: what is made of them, and who is held responsible.

use std::net::IpAddr;

use super::Engine;
use crate::{
    alert::Alert,
    event::{Body, Event, Header},
    rule::Finding,
    score::{Points, Subject},
};

impl Engine {
    /// What the connection carried is judged before what became of it.
    pub(super) fn network(&mut self, event: &Event, out: &mut Vec<Alert>) {
        let mut made = std::mem::take(&mut self.made);
        let owner = self.flows.observe(event, self.needs, &mut made);
        for event in made.drain(..) {
            self.judge(&event, out);
        }
        self.made = made;
        if !matches!(event.body, Body::Flow(_)) {
            return;
        }
        if owner == event.header.process {
            return self.judge(event, out);
        }
        let header = Header {
            process: owner,
            ..event.header.clone()
        };
        let body = event.body.clone();
        self.judge(&Event { header, body }, out);
    }
}

impl Engine {
    /// Who a match is held against, the narrowest first.
    pub(super) fn subjects(&self, event: &Event, finding: &Finding, points: &Points) -> Vec<Subject> {
        let held = finding.held;
        let mut subjects = Vec::with_capacity(3);
        if let Body::Traffic(traffic) = &event.body {
            if held.transaction
                && let Some(number) = traffic.transaction()
            {
                subjects.push(Subject::Transaction(number, traffic.direction));
            }
        }
        if held.lineage {
            subjects.push(Subject::Lineage(points.lineage));
            subjects.extend(points.container.clone().map(Subject::Container));
            subjects.push(Subject::Host);
        }
        if held.remote {
            subjects.extend(self.remote(event));
        }
        subjects
    }

    /// The other end as a subject: behind proxies that are known the one that they name, of IPv6 the network that one customer has; never
    /// this host itself, and never a proxy.
    fn remote(&self, event: &Event) -> Option<Subject> {
        let (direction, ends) = match &event.body {
            Body::Flow(flow) => (flow.direction, flow.endpoints),
            Body::Traffic(traffic) => (traffic.direction, traffic.endpoints?),
            _ => return None,
        };
        let is_proxy = |address: &IpAddr| self.settings.network.proxies.iter().any(|net| net.contains(address));
        let address = ends.remote.ip().to_canonical();
        if address.is_unspecified() || address.is_loopback() || is_proxy(&address) {
            return None;
        }
        Some(Subject::Remote(subject_address(address), direction))
    }
}

/// An address of IPv4, or the /64 of one of IPv6.
fn subject_address(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
    }
}

/// How a remote address is called in alerts.
pub(super) fn remote(address: &IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("{v6}/64"),
    }
}

/// How a transaction is called in alerts.
pub(super) fn transaction(_event: &Event) -> String {
    "?".to_owned()
}

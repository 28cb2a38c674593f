//! Events of the network sensor: what is made of them, and who is held responsible.

use std::net::{IpAddr, SocketAddr};

use super::Engine;
use crate::{
    alert::Alert,
    event::{Body, BootTime, Event, Header, Told},
    rule::Finding,
    score::{Points, Subject},
    view,
};

impl Engine {
    /// What the connection carried is judged before what became of it.
    pub(super) fn network(&mut self, event: &Event, out: &mut Vec<Alert>) {
        let mut made = std::mem::take(&mut self.made);
        if let Body::Flow(flow) = &event.body {
            self.flows.release_before(&event.header, flow, &mut made);
            self.judge_made(&mut made, out);
        }
        let wants = self.rules.wants(&self.table, &mut self.matches, self.revision);
        let owner = self.flows.observe(event, Some(wants), &mut made);
        self.judge_made(&mut made, out);
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

    /// Forgets connections that ended unseen, and judges what that brings to light.
    pub(super) fn expire_flows(&mut self, now: BootTime, out: &mut Vec<Alert>) {
        let mut made = std::mem::take(&mut self.made);
        self.flows.release(now, &mut made);
        self.flows.expire(now, &mut made);
        self.judge_made(&mut made, out);
        self.made = made;
    }

    /// Judges what waits for its reader: nobody will read it any more.
    pub(super) fn finish_flows(&mut self, out: &mut Vec<Alert>) {
        self.release_flows(BootTime(u64::MAX), out);
    }

    /// Judges what has waited for its reader for long enough.
    pub(super) fn release_flows(&mut self, now: BootTime, out: &mut Vec<Alert>) {
        let mut made = std::mem::take(&mut self.made);
        self.flows.release(now, &mut made);
        self.judge_made(&mut made, out);
        self.made = made;
    }

    /// A process ended or became another program: what it had under way by TLS will not go on.
    pub(super) fn process_gone(&mut self, event: &Event, out: &mut Vec<Alert>) {
        if matches!(event.body, Body::Exec(_) | Body::Exit(_)) {
            let mut made = std::mem::take(&mut self.made);
            self.flows.gone(&event.header, &mut made);
            self.judge_made(&mut made, out);
            self.made = made;
        }
    }

    fn judge_made(&mut self, made: &mut Vec<Event>, out: &mut Vec<Alert>) {
        for event in made.drain(..) {
            self.judge(&event, out);
            self.flows.recycle(event);
        }
    }

    /// In the payload of one connection a rule finds something once: what it looks for is in several of the pieces, which overlap.
    pub(super) fn only_news(&mut self, event: &Event) {
        let Body::Traffic(traffic) = &event.body else { return };
        if let Told::Payload(_) = &traffic.told {
            let (flows, process) = (&mut self.flows, event.header.process);
            self.matches
                .findings
                .retain(|finding| flows.is_news(traffic, process, finding.rule));
        }
    }
}

impl Engine {
    /// Who a match is held against, the narrowest first.
    pub(super) fn subjects(&self, event: &Event, finding: &Finding, points: &Points) -> Vec<Subject> {
        let held = finding.held;
        let mut subjects = Vec::with_capacity(3);
        if let Body::Traffic(traffic) = &event.body
            && held.transaction
            && let Some(number) = traffic.transaction()
        {
            subjects.push(Subject::Transaction(number, traffic.direction));
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
        let mut address = ends.remote.ip().to_canonical();
        if is_proxy(&address) {
            // Who wrote the last entries is known: each proxy adds the one that it was asked by. What was there before may be a lie.
            address = forwarded_for(event)
                .into_iter()
                .rev()
                .find(|address| !is_proxy(address))?;
        }
        if address.is_unspecified() || address.is_loopback() {
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
pub(super) fn transaction(event: &Event) -> String {
    let view = view::http(event);
    view.and_then(|view| view.request)
        .unwrap_or_else(|| "a response".to_owned())
}

/// Addresses of X-Forwarded-For, in their order; what is none ends it for those before.
fn forwarded_for(event: &Event) -> Vec<IpAddr> {
    let Body::Traffic(traffic) = &event.body else {
        return Vec::new();
    };
    let Some(request) = traffic.request() else {
        return Vec::new();
    };
    let values = request
        .headers
        .all(b"x-forwarded-for")
        .flat_map(|value| value.split(|byte| *byte == b','));
    let mut addresses: Vec<IpAddr> = Vec::new();
    for value in values {
        match std::str::from_utf8(value).ok().and_then(|text| address(text.trim())) {
            Some(address) => addresses.push(address),
            None => addresses.clear(),
        }
    }
    addresses
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    let address = bare
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|end| end.ip()));
    Some(address.ok()?.to_canonical())
}

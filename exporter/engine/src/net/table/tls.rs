//! Plaintext of TLS libraries: a conversation of its own beside the TCP connection that carries the ciphertext.
//!
//! Its key is the library's connection object in its process. It ends when the object is freed, when the process ends or becomes another
//! program, when the object is seen to serve another TCP connection, or a while after the TCP connection below has closed: what the library
//! had taken from the socket before may be read by the program after that.

use super::{End, Flow, Flows, Key, Made};
use crate::{
    event::{Event, FlowKey, Header, ProcessKey, TlsData, Traffic},
    rule::RuleId,
};

impl Flows {
    /// Takes plaintext. The answer is who has it.
    pub(super) fn tls(&mut self, header: &Header, data: &TlsData, out: &mut Vec<Event>) -> ProcessKey {
        let key = Key::Tls(header.process, data.connection);
        self.relieve(header, out);
        let known = self.flows.get(&key).map(|flow| flow.flow);
        if let (Some(Some(before)), Some(now)) = (known, data.flow)
            && before != now
        {
            // The object's address, or the object, serves another connection, and the end of the first was not told.
            self.remove(&key, End::Evicted, header, out);
        }
        if known.is_some() || data.length > 0 {
            self.plaintext(key, header, data, out);
        }
        if data.end {
            self.remove(&key, End::Closed(None), header, out);
        }
        header.process
    }

    fn plaintext(&mut self, key: Key, header: &Header, data: &TlsData, out: &mut Vec<Event>) {
        let flow = self.enter(key, header, out);
        flow.flow = data.flow.or(flow.flow);
        flow.learn(data.direction, data.endpoints);
        flow.count(data.way, data.length);
        if let Some(below) = flow.flow {
            self.tie(key, below, header, out);
        }
        if data.length > 0 {
            self.converse(key, header, out, |conversation, budget, messages| {
                conversation.plain(data.way, data.length, &data.data, budget, messages)
            });
        }
    }

    /// Takes over what is known of the TCP connection below, of which the bytes are not looked at any more.
    fn tie(&mut self, key: Key, below: FlowKey, header: &Header, out: &mut Vec<Event>) {
        let Some(tcp) = self.flows.get_mut(&Key::Tcp(below)) else {
            return;
        };
        // Who has the library's object has the connection.
        self.held.claim(tcp, out);
        let (direction, endpoints, opened) = (tcp.direction, tcp.endpoints, tcp.opened);
        if tcp.above.replace(key) != Some(key) && tcp.converses() {
            tcp.end(
                End::Evicted,
                &mut self.budget,
                &mut Made::new(header, &mut self.told, out),
            );
            self.conversations -= 1;
        }
        if let Some(flow) = self.flows.get_mut(&key) {
            flow.learn(direction, endpoints);
            flow.opened = flow.opened.or(opened);
        }
    }

    /// The TCP connection has closed: the TLS connection on it is forgotten when what was read from the socket has had time to be told.
    pub(super) fn close_above(&mut self, below: Key, header: &Header) {
        let Some(key) = self.flows.get(&below).and_then(|flow| flow.above) else {
            return;
        };
        if let Some(flow) = self.flows.get_mut(&key) {
            flow.closing = true;
            self.waiting.push_back((header.time, key));
        }
    }

    /// A process ended, or is another program from now on: its TLS connections are gone, and nothing says that they were complete.
    pub fn gone(&mut self, header: &Header, out: &mut Vec<Event>) {
        let all = (header.process, 0)..=(header.process, u64::MAX);
        let gone: Vec<_> = self.tls.range(all).copied().collect();
        for (process, connection) in gone {
            self.remove(&Key::Tls(process, connection), End::Evicted, header, out);
        }
    }

    /// Takes note of the end of a TLS connection that is not in the table any more.
    pub(super) fn forget_tls(&mut self, (process, connection): (ProcessKey, u64), flow: &Flow) {
        self.tls.remove(&(process, connection));
        self.budget.counters.unknown_peers += u64::from(flow.endpoints.is_none());
        let below = flow.flow.and_then(|below| self.flows.get_mut(&Key::Tcp(below)));
        if let Some(below) = below
            && below.above == Some(Key::Tls(process, connection))
        {
            below.above = None;
        }
    }

    /// Whether a rule has found nothing yet in the payload of the connection of `process`, nor in that below or above it; it has from now on.
    pub fn is_news(&mut self, traffic: &Traffic, process: ProcessKey, rule: RuleId) -> bool {
        let tls = traffic.tls.then_some(Key::Tls(process, traffic.connection));
        let keys = [traffic.flow.map(Key::Tcp), tls];
        let mut news = true;
        for key in keys.into_iter().flatten() {
            if let Some(flow) = self.flows.get_mut(&key) {
                news &= flow.is_news(rule);
            }
        }
        news
    }
}

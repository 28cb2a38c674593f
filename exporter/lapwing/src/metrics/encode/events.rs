//! Events, losses, sensors, queues.

use std::fmt::Error;

use super::Scrape;
use crate::{
    metrics::{contract as c, page::Page, snapshot::SensorState},
    unwatched::Unwatched,
};

/// The best first.
const FLAVOURS: [&str; 2] = ["function", "syscall"];

impl Scrape {
    pub(super) fn events(&self, page: &mut Page) -> Result<(), Error> {
        let s = &self.published.snapshot;
        let events = s.events.iter().map(|e| ([e.sensor.name(), e.kind], e.count));
        page.counters(&c::EVENTS, events)?;
        let losses = s.losses.iter().map(|l| ([l.sensor.name(), l.stage], l.count));
        page.counters(&c::EVENTS_LOST, losses)?;
        let incomplete = s.incomplete.iter().map(|i| ([i.reason], i.count));
        page.counters(&c::EVENTS_INCOMPLETE, incomplete)?;
        page.counter(&c::EVENTS_SELF, s.self_excluded)?;
        let reboot = |unwatched: &Unwatched| if unwatched.reboot { "true" } else { "false" };
        let unwatched = s.unwatched.iter().map(|u| ([u.end.name(), reboot(u)], u.seconds));
        page.gauges(&c::UNWATCHED, unwatched)?;
        page.counter(&c::ENDED_LATE, s.ended_late)?;
        page.counter(&c::EVENTS_LATE, s.late)
    }

    pub(super) fn sensors(&self, page: &mut Page) -> Result<(), Error> {
        let s = &self.published.snapshot;
        let states = s.sensors.iter().flat_map(|sensor| {
            SensorState::ALL.map(|state| ([sensor.sensor.name(), state.name()], u64::from(sensor.state == state)))
        });
        page.gauges(&c::SENSOR_STATE, states)?;
        let flavours = s.sensors.iter().flat_map(|sensor| {
            FLAVOURS.map(|flavour| {
                let attached = sensor.flavours.contains(&flavour);
                ([sensor.sensor.name(), flavour], u64::from(attached))
            })
        });
        page.gauges(&c::SENSOR_FLAVOUR, flavours)?;
        let hooks = s
            .hooks
            .iter()
            .map(|h| ([h.sensor.name(), &*h.hook, h.flavour, h.state], 1u64));
        page.gauges(&c::SENSOR_HOOK, hooks)
    }

    pub(super) fn programs(&self, page: &mut Page) -> Result<(), Error> {
        let s = &self.published.snapshot;
        let programs = || s.programs.iter().map(|p| ([&*p.name], p));
        page.counters(&c::BPF_RUNS, programs().map(|(l, p)| (l, p.runs)))?;
        let seconds = programs().map(|(l, p)| (l, p.nanoseconds as f64 / 1e9));
        page.counters(&c::BPF_SECONDS, seconds)?;
        page.counters(&c::BPF_RECURSION, programs().map(|(l, p)| (l, p.recursion_misses)))?;
        page.gauge(&c::BPF_MEMORY, s.map_memory)
    }

    pub(super) fn engine(&self, page: &mut Page) -> Result<(), Error> {
        let s = &self.published.snapshot;
        page.gauges(&c::QUEUE_LENGTH, s.queues.iter().map(|q| ([q.name], q.length)))?;
        page.gauges(&c::QUEUE_CAPACITY, s.queues.iter().map(|q| ([q.name], q.capacity)))?;
        page.gauges(&c::TABLE_ENTRIES, s.tables.iter().map(|t| ([t.name], t.entries)))?;
        page.gauges(&c::TABLE_CAPACITY, s.tables.iter().map(|t| ([t.name], t.capacity)))?;
        let kernel = || s.kernel_tables.iter();
        page.gauges(&c::KERNEL_TABLE_ENTRIES, kernel().map(|t| ([t.name], t.entries)))?;
        page.gauges(&c::KERNEL_TABLE_CAPACITY, kernel().map(|t| ([t.name], t.capacity)))?;
        page.counters(&c::TABLE_EVICTIONS, s.tables.iter().map(|t| ([t.name], t.evicted)))
    }

    pub(super) fn network(&self, page: &mut Page) -> Result<(), Error> {
        let network = &self.published.snapshot.network;
        page.counters(
            &c::NETWORK_BYTES,
            network.bytes.iter().map(|(fate, count)| ([*fate], *count)),
        )?;
        let messages = network.messages.iter().map(|(kind, count)| ([*kind], *count));
        page.counters(&c::NETWORK_MESSAGES, messages)?;
        page.gauge(&c::TLS_OBJECTS, network.tls_objects)
    }
}

//! Snapshot and own counters to OpenMetrics.

use std::{collections::BTreeMap, fmt::Error, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text},
    metrics::MetricType,
    registry::Registry,
};

use super::{
    Snapshot,
    own::{ConfigState, LostReason, OutputCounters, Own},
    page::Page,
    snapshot::RuleCount,
};
use crate::cost::{self, Cost};

/// The whole page, read now.
pub(super) fn open_metrics(snapshot: &Arc<Snapshot>, max_rules: usize, own: &Own) -> String {
    let scrape = Scrape {
        snapshot: snapshot.clone(),
        max_rules,
        outputs: own.outputs(),
        config: own.config(),
        log_lines_lost: own.log_lines_lost(),
        cost: cost::read(),
    };
    let mut registry = Registry::default();
    registry.register_collector(Box::new(scrape));
    let mut page = String::with_capacity(16 * 1024);
    // Writing to a String cannot fail.
    let _ = text::encode(&mut page, &registry);
    page
}

/// What one scrape shows.
#[derive(Debug)]
struct Scrape {
    snapshot: Arc<Snapshot>,
    max_rules: usize,
    outputs: Vec<Arc<OutputCounters>>,
    config: ConfigState,
    log_lines_lost: u64,
    cost: Option<Cost>,
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder) -> Result<(), Error> {
        let mut page = Page(encoder);
        self.events(&mut page)?;
        self.rules(&mut page)?;
        self.engine(&mut page)?;
        self.sensors(&mut page)?;
        self.outputs(&mut page)?;
        self.agent(&mut page)
    }
}

impl Scrape {
    fn events(&self, page: &mut Page) -> Result<(), Error> {
        let s = &self.snapshot;
        let events = s
            .events
            .iter()
            .map(|e| ([("sensor", e.sensor.name()), ("kind", e.kind)], e.count));
        page.counters("lapwing_events", "Events that reached the engine", events)?;
        let losses = s
            .losses
            .iter()
            .map(|l| ([("sensor", l.sensor.name()), ("stage", l.stage)], l.count));
        page.counters(
            "lapwing_events_lost",
            "Events that were attempted and not judged, by the stage that lost them",
            losses,
        )?;
        let incomplete = s.incomplete.iter().map(|i| ([("reason", i.reason)], i.count));
        page.counters(
            "lapwing_events_incomplete",
            "Events that were judged although something about them is not known, by what is lacking",
            incomplete,
        )?;
        page.counter(
            "lapwing_events_self",
            "Events excluded because the agent caused them itself",
            s.self_excluded,
        )?;
        page.counter(
            "lapwing_events_late",
            "Events that came too late to be put in order by time",
            s.late,
        )
    }

    fn rules(&self, page: &mut Page) -> Result<(), Error> {
        let s = &self.snapshot;
        let labels = RuleLabels::new(&s.rules, self.max_rules);
        let by_rule = |value: fn(&RuleCount) -> u64| {
            let mut sums = BTreeMap::new();
            for rule in &s.rules {
                *sums.entry([("rule", labels.of(&rule.id))]).or_insert(0) += value(rule);
            }
            sums
        };
        page.counters(
            "lapwing_rule_matches",
            "Matches of each rule; a match is not an alert",
            by_rule(|r| r.matches),
        )?;
        page.counters(
            "lapwing_rule_skipped",
            "Matches taken back by skips, excludes and exceptions",
            by_rule(|r| r.skipped),
        )?;
        let mut alerts = BTreeMap::new();
        for alert in &s.alerts {
            let key = [
                ("rule", labels.of(&alert.rule)),
                ("severity", alert.severity.name()),
                ("sensor", alert.sensor.name()),
            ];
            *alerts.entry(key).or_insert(0) += alert.count;
        }
        page.counters("lapwing_alerts", "Alerts by rule, severity and sensor", alerts)?;
        page.counter(
            "lapwing_alerts_folded",
            "Matches that were counted in a summary instead of alerting each",
            s.folded,
        )?;
        page.gauge("lapwing_rules", "Rules loaded", s.rules.len() as u64)
    }

    fn engine(&self, page: &mut Page) -> Result<(), Error> {
        let s = &self.snapshot;
        page.gauges(
            "lapwing_queue_length",
            "Items waiting between two threads",
            s.queues.iter().map(|q| ([("queue", q.name)], q.length)),
        )?;
        page.gauges(
            "lapwing_queue_capacity",
            "Most items that can wait",
            s.queues.iter().map(|q| ([("queue", q.name)], q.capacity)),
        )?;
        page.gauges(
            "lapwing_table_entries",
            "Entries of the engine's tables",
            s.tables.iter().map(|t| ([("table", t.name)], t.entries)),
        )?;
        page.gauges(
            "lapwing_table_capacity",
            "Most entries of the engine's tables",
            s.tables.iter().map(|t| ([("table", t.name)], t.capacity)),
        )?;
        let evicted = s.tables.iter().map(|t| ([("table", t.name)], t.evicted));
        page.counters("lapwing_table_evictions", "Entries pushed out of a full table", evicted)
    }

    fn sensors(&self, page: &mut Page) -> Result<(), Error> {
        let s = &self.snapshot;
        let hooks = s.hooks.iter().map(|h| {
            (
                [
                    ("sensor", h.sensor.name()),
                    ("hook", &*h.hook),
                    ("flavour", h.flavour),
                    ("state", h.state),
                ],
                1u64,
            )
        });
        page.gauges(
            "lapwing_sensor_hook",
            "Always 1: each hook with its flavour and state",
            hooks,
        )?;
        let programs = || s.programs.iter().map(|p| ([("program", &*p.name)], p));
        let runs = programs().map(|(label, p)| (label, p.runs));
        page.counters(
            "lapwing_bpf_program_runs",
            "Runs of each BPF program; 0 unless BPF statistics are on",
            runs,
        )?;
        let seconds = programs().map(|(label, p)| (label, p.nanoseconds as f64 / 1e9));
        page.counters(
            "lapwing_bpf_program_seconds",
            "Time in each BPF program; 0 unless BPF statistics are on",
            seconds,
        )?;
        let misses = programs().map(|(label, p)| (label, p.recursion_misses));
        page.counters(
            "lapwing_bpf_program_recursion_misses",
            "Runs that the kernel skipped to avoid recursion",
            misses,
        )?;
        page.gauge("lapwing_bpf_map_memory_bytes", "Memory of all BPF maps", s.map_memory)
    }

    fn outputs(&self, page: &mut Page) -> Result<(), Error> {
        let each =
            |value: fn(&OutputCounters) -> u64| self.outputs.iter().map(move |o| ([("output", o.name)], value(o)));
        page.counters(
            "lapwing_output_sent",
            "Alerts written, or acknowledged by the receiver",
            each(|o| o.total_sent()),
        )?;
        let lost = self.outputs.iter().flat_map(|o| {
            LostReason::ALL.map(|reason| ([("output", o.name), ("reason", reason.name())], o.total_lost(reason)))
        });
        page.counters("lapwing_output_lost", "Alerts that did not leave by this output", lost)?;
        page.counters(
            "lapwing_output_errors",
            "Attempts that failed; most are repeated",
            each(|o| o.total_errors()),
        )?;
        page.gauges(
            "lapwing_output_queue_length",
            "Alerts waiting or on their way",
            each(|o| o.waiting()),
        )?;
        page.gauges(
            "lapwing_output_queue_capacity",
            "Most alerts that can wait",
            each(|o| o.capacity as u64),
        )?;
        let help = "From the event in the kernel to its alert being written or acknowledged";
        let mut family =
            page.0
                .encode_descriptor("lapwing_alert_latency_seconds", help, None, MetricType::Histogram)?;
        for output in &self.outputs {
            output
                .latency
                .encode(family.encode_family(&[("output", output.name)])?)?;
        }
        Ok(())
    }

    fn agent(&self, page: &mut Page) -> Result<(), Error> {
        let c = &self.config;
        if let Some(info) = &c.info {
            page.info(
                "lapwing_config",
                "The configuration in force",
                &[("hash", &*info.hash), ("profile", info.profile)],
            )?;
        }
        page.gauge(
            "lapwing_config_load_timestamp_seconds",
            "When the configuration in force was loaded",
            c.loaded_at,
        )?;
        page.gauge(
            "lapwing_config_last_load_successful",
            "1 if the last attempt to load succeeded",
            u64::from(c.last_succeeded),
        )?;
        page.counter("lapwing_config_loads", "Loads that succeeded", c.loads)?;
        page.counter(
            "lapwing_config_load_failures",
            "Loads that were refused; the old configuration stayed",
            c.refusals,
        )?;
        page.info(
            "lapwing_build",
            "Always 1: what is running",
            &[("version", env!("CARGO_PKG_VERSION")), ("arch", std::env::consts::ARCH)],
        )?;
        let help = "Lines of the agent's own log that nobody took in time";
        page.counter("lapwing_log_lines_lost", help, self.log_lines_lost)?;
        let Some(cost) = self.cost else { return Ok(()) };
        page.counter(
            "process_cpu_seconds",
            "Processor time of the agent, user and kernel mode",
            cost.cpu_seconds,
        )?;
        page.gauge(
            "process_resident_memory_bytes",
            "Resident memory of the agent",
            cost.resident_bytes,
        )?;
        page.gauge("process_start_time_seconds", "When the agent started", cost.started)
    }
}

/// Which rules have series of their own.
struct RuleLabels<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> RuleLabels<'a> {
    fn new(rules: &'a [RuleCount], max_rules: usize) -> RuleLabels<'a> {
        let past = rules.iter().skip(max_rules);
        RuleLabels(past.map(|rule| (&*rule.id, &*rule.ruleset)).collect())
    }

    /// The rule's id, or its ruleset when there are too many.
    fn of<'b>(&self, id: &'b str) -> &'b str
    where
        'a: 'b,
    {
        self.0.get(id).copied().unwrap_or(id)
    }
}

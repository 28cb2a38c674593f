//! Outputs, configuration, the agent itself.

use std::fmt::Error;

use super::Scrape;
use crate::metrics::{
    contract as c,
    own::{LostReason, OutputCounters},
    page::Page,
};

/// What the build was told (the Makefile tells it git's).
const REVISION: &str = match option_env!("LAPWING_REVISION") {
    Some(revision) if !revision.is_empty() => revision,
    _ => "unknown",
};

impl Scrape {
    pub(super) fn outputs(&self, page: &mut Page) -> Result<(), Error> {
        let each = |value: fn(&OutputCounters) -> u64| self.outputs.iter().map(move |o| ([o.name], value(o)));
        page.counters(&c::OUTPUT_SENT, each(|o| o.total_sent()))?;
        let lost = self
            .outputs
            .iter()
            .flat_map(|o| LostReason::ALL.map(|reason| ([o.name, reason.name()], o.total_lost(reason))));
        page.counters(&c::OUTPUT_LOST, lost)?;
        page.counters(&c::OUTPUT_ERRORS, each(|o| o.total_errors()))?;
        page.gauges(&c::OUTPUT_QUEUE_LENGTH, each(|o| o.waiting()))?;
        page.gauges(&c::OUTPUT_QUEUE_CAPACITY, each(|o| o.capacity as u64))
    }

    pub(super) fn config(&self, page: &mut Page) -> Result<(), Error> {
        let config = &self.config;
        let (hash, profile) = config
            .info
            .as_ref()
            .map_or(("", ""), |info| (&*info.hash, info.profile));
        page.info(&c::CONFIG, [hash, profile])?;
        page.gauge(&c::CONFIG_LOADED, config.loaded_at)?;
        page.gauge(&c::CONFIG_SUCCESSFUL, u64::from(config.last_succeeded))?;
        page.counter(&c::CONFIG_LOADS, config.loads)?;
        page.gauge(&c::CONFIG_UNATTACHED, self.published.snapshot.unattached)?;
        page.counter(&c::CONFIG_FAILURES, config.refusals)
    }

    pub(super) fn http(&self, page: &mut Page) -> Result<(), Error> {
        let requests = self.http.requests();
        page.counters(
            &c::HTTP_REQUESTS,
            requests.iter().map(|(code, count)| ([*code], *count)),
        )?;
        page.counter(&c::HTTP_HANDSHAKES_FAILED, self.http.handshakes_failed())?;
        let (good, bad) = self.http.config_reads();
        page.counters(&c::WEB_CONFIG_READS, [(["success"], good), (["failure"], bad)])?;
        page.gauge(&c::WEB_CONFIG_SUCCESSFUL, u64::from(self.http.config_good()))
    }

    pub(super) fn agent(&self, page: &mut Page) -> Result<(), Error> {
        page.info(&c::BUILD, [env!("CARGO_PKG_VERSION"), REVISION, std::env::consts::ARCH])?;
        page.counter(&c::LOG_LOST, self.log_lines_lost)?;
        let Some(cost) = self.cost else { return Ok(()) };
        page.counter(&c::PROCESS_CPU, cost.cpu_seconds)?;
        page.gauge(&c::PROCESS_RESIDENT, cost.resident_bytes)?;
        page.gauge(&c::PROCESS_VIRTUAL, cost.virtual_bytes)?;
        page.gauge(&c::PROCESS_START, cost.started)?;
        page.gauge(&c::PROCESS_FDS, cost.open_files)?;
        page.gauge(&c::PROCESS_MAX_FDS, cost.max_files)?;
        page.gauge(&c::PROCESS_THREADS, cost.threads)
    }
}

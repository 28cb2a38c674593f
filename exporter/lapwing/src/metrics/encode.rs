//! Snapshot and own counters to OpenMetrics. Nothing is locked while it is written.

mod agent;
mod alerts;
mod events;
mod labels;

use std::{fmt::Error, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, text},
    registry::Registry,
};

use super::{
    Format, Published,
    own::{ConfigState, OutputCounters, Own},
    page::Page,
};
pub(super) use labels::RuleLabels;

use crate::{
    cost::{self, Cost},
    http::counters::HttpCounters,
};

/// The whole page, read now.
pub(super) fn open_metrics(published: Published, own: &Own, format: Format) -> String {
    let scrape = Scrape {
        published,
        exemplars: format == Format::OpenMetrics,
        outputs: own.outputs(),
        config: own.config(),
        http: own.http.clone(),
        log_lines_lost: own.log_lines_lost(),
        cost: cost::read(),
    };
    let mut registry = Registry::default();
    registry.register_collector(Box::new(scrape));
    let mut page = String::with_capacity(64 * 1024);
    // Writing to a String cannot fail.
    let _ = text::encode(&mut page, &registry);
    page
}

/// What one scrape shows.
#[derive(Debug)]
struct Scrape {
    published: Published,
    /// The classic format has none.
    exemplars: bool,
    outputs: Vec<Arc<OutputCounters>>,
    config: ConfigState,
    http: Arc<HttpCounters>,
    log_lines_lost: u64,
    cost: Option<Cost>,
}

impl Collector for Scrape {
    /// In the order of the contract's sections.
    fn encode(&self, encoder: DescriptorEncoder) -> Result<(), Error> {
        let mut page = Page(encoder);
        self.alerts(&mut page)?;
        self.rules(&mut page)?;
        self.silences(&mut page)?;
        self.events(&mut page)?;
        self.sensors(&mut page)?;
        self.programs(&mut page)?;
        self.engine(&mut page)?;
        self.network(&mut page)?;
        self.outputs(&mut page)?;
        self.config(&mut page)?;
        self.http(&mut page)?;
        self.agent(&mut page)
    }
}

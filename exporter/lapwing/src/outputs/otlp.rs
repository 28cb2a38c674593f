//! Alerts as OpenTelemetry logs, over gRPC or HTTP with protobuf bodies.
//!
//! Records, resource and encoding are the opentelemetry crates': the worker calls `opentelemetry_otlp`'s exporter, whose HTTP client is ours and
//! catches the request instead of sending it. How a request travels, over HTTP or as the message of a gRPC call, and what is repeated is ours too,
//! because the exporter drops a batch after a few attempts and hides the records that a collector rejects (partial success).
//!
//! A batch is encoded once and kept until it is acknowledged or refused for good; meanwhile the queue fills, and what does not fit is counted. A batch
//! whose answer got lost is sent again, so a record may arrive twice: `lapwing.alert.id` tells.

mod attributes;
mod encoder;
mod endpoint;
mod grpc;
mod http;
mod record;
mod size;
mod trust;
mod worker;

use std::sync::Arc;

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::Instant,
};

use endpoint::Endpoint;
pub use endpoint::OtlpError;

use super::{AlertRecord, account::Account, host::Host};
use crate::{config, metrics::OutputCounters};

/// Checks `[otlp]` without using it.
///
/// # Errors
/// What is wrong with it.
pub fn check(settings: &config::Otlp) -> Result<(), OtlpError> {
    match &settings.endpoint {
        Some(endpoint) => Endpoint::parse(endpoint, settings).map(drop),
        None => Ok(()),
    }
}

/// The output.
#[derive(Debug)]
pub(super) struct Otlp {
    queue: mpsc::Sender<Arc<AlertRecord>>,
    stop: oneshot::Sender<Instant>,
    worker: JoinHandle<()>,
    account: Arc<Account>,
}

impl Otlp {
    /// Refuses an endpoint that cannot work; does not wait for the collector.
    pub(super) fn start(
        endpoint: &str,
        settings: &config::Otlp,
        host: &Host,
        capacity: usize,
        counters: Arc<OutputCounters>,
    ) -> Result<Otlp, OtlpError> {
        let endpoint = Endpoint::parse(endpoint, settings)?;
        let encoder = encoder::Encoder::new(host, &endpoint.uri)?;
        let transport = match settings.protocol {
            config::OtlpProtocol::Grpc => Transport::Grpc(grpc::Grpc::new(endpoint)?),
            config::OtlpProtocol::HttpProtobuf => Transport::Http(http::Http::new(endpoint)?),
        };
        let (queue, records) = mpsc::channel(capacity);
        let (stop, stopped) = oneshot::channel();
        let account = Account::new(counters, capacity);
        let worker = worker::Worker::new(transport, encoder, account.clone());
        let worker = tokio::spawn(worker.run(records, stopped));
        Ok(Otlp {
            queue,
            stop,
            worker,
            account,
        })
    }

    /// Never blocks.
    pub(super) fn send(&self, record: Arc<AlertRecord>) {
        self.account.offer(|| self.queue.try_send(record));
    }

    pub(super) async fn shutdown(self, deadline: Instant) {
        drop(self.queue);
        // Fails only if the worker ended already.
        let _ = self.stop.send(deadline);
        if let Err(error) = self.worker.await {
            tracing::error!(output = "otlp", "the worker ended badly: {error}");
        }
    }
}

/// How requests travel.
enum Transport {
    Grpc(grpc::Grpc),
    Http(http::Http),
}

/// What became of a request.
#[derive(Debug, PartialEq)]
enum Outcome {
    /// The collector took it, except for this many records.
    Accepted { rejected: u64, message: String },
    /// Not now: the same request may be sent again, not before this time if the collector named one.
    Later {
        after: Option<std::time::Duration>,
        why: String,
    },
    /// Never: sending it again would not help.
    Refused { why: String },
    /// The answer is none of OTLP's: nobody knows.
    Unconfirmed { why: String },
}

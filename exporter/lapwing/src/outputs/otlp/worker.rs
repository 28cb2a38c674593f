//! Collects alerts into batches and keeps each batch until its fate is known.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_sdk::logs::SdkLogRecord;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout_at},
};

use super::{Outcome, Transport, encoder::Encoder, size};
use crate::{
    metrics::LostReason,
    outputs::{AlertRecord, account::Account, trouble::Trouble},
};

const NAME: &str = "otlp";
/// Most records of a request.
const MAX_RECORDS: usize = 512;
/// A request is closed when it reaches this size: well below the 4 MiB that gRPC servers take.
const MAX_BYTES: usize = 1 << 20;
/// How long the first record of a batch waits for others.
const LINGER: Duration = Duration::from_millis(100);
/// Pauses between attempts, from the first to the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));
/// A collector may ask for more patience than that, but not for more than this.
const MAX_PAUSE: Duration = Duration::from_secs(300);

/// Some alerts on their way.
struct Batch {
    alerts: Vec<Arc<AlertRecord>>,
    records: Vec<SdkLogRecord>,
}

/// The task behind the output.
pub(super) struct Worker {
    transport: Transport,
    encoder: Encoder,
    account: Arc<Account>,
    trouble: Trouble,
}

impl Worker {
    pub(super) fn new(transport: Transport, encoder: Encoder, account: Arc<Account>) -> Worker {
        Worker {
            transport,
            encoder,
            account,
            trouble: Trouble::default(),
        }
    }

    /// Until the queue is closed and empty, or until the deadline that `stopped` brings.
    pub(super) async fn run(
        mut self,
        mut queue: mpsc::Receiver<Arc<AlertRecord>>,
        stopped: oneshot::Receiver<Instant>,
    ) {
        let account = self.account.clone();
        let work = async {
            while let Some(batch) = collect(&mut queue, &self.encoder).await {
                self.deliver(batch).await;
            }
        };
        tokio::pin!(work);
        let deadline = tokio::select! {
            () = &mut work => return,
            deadline = stopped => deadline,
        };
        // Without a deadline the output was dropped: the agent is ending in a hurry.
        let deadline = deadline.unwrap_or_else(|_| Instant::now());
        if timeout_at(deadline, work).await.is_err() {
            let left = account.abandon();
            tracing::error!(
                output = NAME,
                lost = left,
                "the collector did not take the alerts that waited"
            );
        }
    }

    /// Repeats until the collector took the batch or refused it for good.
    async fn deliver(&mut self, batch: Batch) {
        let Batch { alerts, records } = batch;
        let count = alerts.len() as u64;
        let request = match self.encoder.request(&records).await {
            Ok(request) => request,
            Err(why) => return self.lost(LostReason::WriteError, count, &why),
        };
        drop(records);
        let mut pause = PAUSE.0;
        loop {
            let outcome = match &self.transport {
                Transport::Grpc(grpc) => grpc.send(request.clone()).await,
                Transport::Http(http) => http.send(request.clone()).await,
            };
            match outcome {
                Outcome::Accepted { rejected, message } => {
                    return self.accepted(&alerts, rejected.min(count), &message);
                }
                Outcome::Refused { why } => return self.lost(LostReason::Rejected, count, &why),
                Outcome::Unconfirmed { why } => return self.lost(LostReason::Unconfirmed, count, &why),
                Outcome::Later { after, why } => {
                    self.account.error();
                    self.trouble.failed(NAME, &why, 0);
                    sleep(jitter(pause).max(after.unwrap_or_default()).min(MAX_PAUSE)).await;
                    pause = (pause * 2).min(PAUSE.1);
                }
            }
        }
    }

    fn accepted(&mut self, alerts: &[Arc<AlertRecord>], rejected: u64, message: &str) {
        let taken = alerts.len() as u64 - rejected;
        self.account.sent(
            taken,
            alerts.iter().take(taken as usize).filter_map(|alert| alert.age()),
        );
        if rejected > 0 {
            self.lost(
                LostReason::Rejected,
                rejected,
                &format!("the collector rejected records: {message}"),
            );
        } else {
            self.trouble.worked(NAME);
            if !message.is_empty() {
                tracing::warn!(output = NAME, "the collector took everything and says: {message}");
            }
        }
    }

    fn lost(&mut self, reason: LostReason, count: u64, why: &str) {
        self.account.error();
        self.account.lost(reason, count);
        self.trouble.failed(NAME, &why, count);
    }
}

impl Outcome {
    /// A complete answer, which may still reject some records.
    pub(super) fn accepted(response: ExportLogsServiceResponse) -> Outcome {
        let partial = response.partial_success.unwrap_or_default();
        let rejected = u64::try_from(partial.rejected_log_records).unwrap_or(0);
        Outcome::Accepted {
            rejected,
            message: partial.error_message,
        }
    }
}

/// The next batch; None at the end of the queue.
async fn collect(queue: &mut mpsc::Receiver<Arc<AlertRecord>>, encoder: &Encoder) -> Option<Batch> {
    let mut batch = Batch {
        alerts: Vec::new(),
        records: Vec::new(),
    };
    let mut bytes = 0;
    let mut next = queue.recv().await;
    let until = Instant::now() + LINGER;
    while let Some(alert) = next.take() {
        let record = encoder.record(&alert);
        bytes += size::of_record(&record);
        batch.records.push(record);
        batch.alerts.push(alert);
        if batch.alerts.len() < MAX_RECORDS && bytes < MAX_BYTES {
            next = timeout_at(until, queue.recv()).await.ok().flatten();
        }
    }
    (!batch.alerts.is_empty()).then_some(batch)
}

/// Up to a fifth longer or shorter, so that many agents do not come back at once.
fn jitter(pause: Duration) -> Duration {
    let random = RandomState::new().hash_one(()) % 1000;
    pause.mul_f64(0.8 + 0.4 * random as f64 / 1000.0)
}

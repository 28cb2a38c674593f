//! The store of recent alerts, as an output: a thread of its own writes, so that a slow disk blocks nobody; what does not fit in the queue is counted.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};

use super::{AlertRecord, account::Account, trouble::Trouble};
use crate::{
    metrics::{LostReason, Metrics},
    recent::{Journal, Recent},
};

const NAME: &str = "recent";
/// Alerts that wait for the disk.
const CAPACITY: usize = 1024;

/// The store, being written. It outlives a reload, which may replace the other outputs.
#[derive(Debug)]
pub struct RecentAlerts {
    queue: SyncSender<Arc<AlertRecord>>,
    account: Arc<Account>,
    ended: oneshot::Receiver<()>,
}

impl RecentAlerts {
    /// Starts the writer.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(journal: Journal, metrics: &Metrics) -> std::io::Result<RecentAlerts> {
        let (queue, jobs) = sync_channel(CAPACITY);
        let (end, ended) = oneshot::channel();
        let account = Account::new(metrics.output(NAME, CAPACITY), CAPACITY);
        let books = account.clone();
        thread::Builder::new().name("lapwing-recent".into()).spawn(move || {
            run(journal, &jobs, &books);
            // Nobody listens when the agent did not wait for the end.
            let _ = end.send(());
        })?;
        Ok(RecentAlerts { queue, account, ended })
    }

    /// Never blocks.
    pub(super) fn send(&self, record: Arc<AlertRecord>) {
        self.account.offer(|| self.queue.try_send(record));
    }

    /// Writes what waits, until `deadline`.
    pub async fn shutdown(self, deadline: Instant) {
        drop(self.queue);
        if timeout_at(deadline, self.ended).await.is_err() {
            let lost = self.account.abandon();
            tracing::error!(
                output = NAME,
                lost,
                "the store of recent alerts did not take what waited"
            );
        }
    }
}

fn run(mut journal: Journal, jobs: &Receiver<Arc<AlertRecord>>, account: &Account) {
    let mut trouble = Trouble::default();
    while let Ok(record) = jobs.recv() {
        match journal.write(&Recent::of(&record)) {
            Ok(()) => {
                account.sent(1, None);
                trouble.worked(NAME);
            }
            Err(error) => {
                account.error();
                account.lost(LostReason::WriteError, 1);
                trouble.failed(NAME, &format_args!("cannot write alerts.jsonl: {error}"), 1);
            }
        }
    }
}

//! Alerts as JSON lines, to standard output or to a file.
//!
//! A thread of its own writes: a pipe that nobody empties blocks this thread only. Meanwhile the queue fills, then alerts are refused and counted.

mod line;
mod target;

use std::{
    fs::File,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};

pub(super) use line::line;
pub use target::JsonError;
use target::Target;

use super::{AlertRecord, account::Account, trouble::Trouble};
use crate::metrics::{LostReason, OutputCounters};

const NAME: &str = "json";

/// The output.
#[derive(Debug)]
pub(super) struct Json {
    queue: SyncSender<Arc<AlertRecord>>,
    target: Target,
    file: Arc<Mutex<Arc<File>>>,
    account: Arc<Account>,
    ended: oneshot::Receiver<()>,
}

impl Json {
    /// Opens `path` (`-` is standard output) and starts the writer.
    pub(super) fn start(path: &Path, capacity: usize, counters: Arc<OutputCounters>) -> Result<Json, JsonError> {
        let target = Target::new(path);
        let file = target.open()?;
        Json::over(target, file, capacity, counters)
    }

    fn over(target: Target, file: File, capacity: usize, counters: Arc<OutputCounters>) -> Result<Json, JsonError> {
        let file = Arc::new(Mutex::new(Arc::new(file)));
        let (queue, jobs) = sync_channel(capacity);
        let (end, ended) = oneshot::channel();
        let account = Account::new(counters, capacity);
        let writer = Writer {
            name: target.to_string(),
            file: file.clone(),
            account: account.clone(),
            trouble: Trouble::default(),
            broken_line: false,
        };
        thread::Builder::new()
            .name("lapwing-json".into())
            .spawn(move || {
                writer.run(&jobs);
                // Nobody listens when the agent did not wait for the end.
                let _ = end.send(());
            })
            .map_err(JsonError::Thread)?;
        Ok(Json {
            queue,
            target,
            file,
            account,
            ended,
        })
    }

    /// Never blocks.
    pub(super) fn send(&self, record: Arc<AlertRecord>) {
        self.account.offer(|| self.queue.try_send(record));
    }

    pub(super) fn reopen(&self) -> Result<(), JsonError> {
        if self.target == Target::Stdout {
            return Ok(());
        }
        let file = Arc::new(self.target.open()?);
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = file;
        Ok(())
    }

    pub(super) async fn shutdown(self, deadline: Instant) {
        drop(self.queue);
        if timeout_at(deadline, self.ended).await.is_err() {
            let left = self.account.abandon();
            tracing::error!(
                output = NAME,
                lost = left,
                "{} did not take the alerts that waited",
                self.target
            );
        }
    }
}

/// What the thread has.
struct Writer {
    name: String,
    file: Arc<Mutex<Arc<File>>>,
    account: Arc<Account>,
    trouble: Trouble,
    broken_line: bool,
}

impl Writer {
    fn run(mut self, jobs: &Receiver<Arc<AlertRecord>>) {
        while let Ok(record) = jobs.recv() {
            match self.write(&record) {
                Ok(()) => {
                    self.account.sent(1, record.age());
                    self.trouble.worked(NAME);
                }
                Err(error) => {
                    self.account.error();
                    self.account.lost(LostReason::WriteError, 1);
                    self.trouble
                        .failed(NAME, &format_args!("cannot write to {}: {error}", self.name), 1);
                }
            }
        }
    }

    /// One line, one write: lines of several writers to one file do not mix.
    fn write(&mut self, record: &AlertRecord) -> std::io::Result<()> {
        let mut text = String::new();
        if self.broken_line {
            // The last line was cut off: readers lose that one, not this one too.
            text.push('\n');
        }
        text.push_str(&line(record));
        text.push('\n');
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let written = target::write(&file, text.as_bytes());
        self.broken_line = match &written {
            Ok(()) => false,
            Err((_, 0)) => self.broken_line,
            Err(_) => true,
        };
        written.map_err(|(error, _)| error)
    }
}

#[cfg(test)]
mod tests;

//! Writes log lines from a thread of its own: a terminal that is paused or a pipe that nobody empties must not hold up who logs.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use tracing_subscriber::fmt::MakeWriter;

/// Most lines that wait.
const QUEUE: usize = 1024;
/// How long the end of the program waits for a reader.
const PATIENCE: Duration = Duration::from_millis(500);

enum Job {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

/// The way in.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    queue: SyncSender<Job>,
    lost: Arc<AtomicU64>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Job")
    }
}

impl Lines {
    pub(super) fn start() -> io::Result<Lines> {
        Lines::to(io::stderr())
    }

    fn to(target: impl Write + Send + 'static) -> io::Result<Lines> {
        let (queue, jobs) = sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let count = lost.clone();
        thread::Builder::new()
            .name("lapwing-log".into())
            .spawn(move || run(target, &jobs, &count))?;
        Ok(Lines { queue, lost })
    }

    pub(super) fn lost(&self) -> Arc<AtomicU64> {
        self.lost.clone()
    }

    pub(super) fn flush(&self) {
        let (done, wait) = sync_channel(1);
        if self.queue.try_send(Job::Flush(done)).is_ok() {
            // Nobody reads: then it is lost, as it would be at the end of the program anyway.
            let _ = wait.recv_timeout(PATIENCE);
        }
    }
}

/// What cannot be written has nowhere else to go.
fn run(mut target: impl Write, jobs: &Receiver<Job>, lost: &AtomicU64) {
    let mut said = 0;
    while let Ok(job) = jobs.recv() {
        match job {
            Job::Line(line) => {
                if target.write_all(&line).is_err() {
                    lost.fetch_add(1, Relaxed);
                }
            }
            Job::Flush(done) => {
                let _ = done.try_send(());
            }
        }
        let now = lost.load(Relaxed);
        if now > said {
            let _ = writeln!(
                target,
                "{{\"level\":\"WARN\",\"message\":\"{} lines of this log were lost\"}}",
                now - said
            );
            said = now;
        }
    }
}

/// One event of the log: formatted piece by piece, sent whole.
pub(super) struct Line {
    lines: Lines,
    text: Vec<u8>,
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let text = std::mem::take(&mut self.text);
        if !text.is_empty() && self.lines.queue.try_send(Job::Line(text)).is_err() {
            self.lines.lost.fetch_add(1, Relaxed);
        }
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line {
            lines: self.clone(),
            text: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read, time::Instant};

    use super::*;

    #[test]
    fn a_blocked_reader_costs_lines_and_no_time() {
        let (mut reader, writer) = io::pipe().unwrap();
        let lines = Lines::to(writer).unwrap();
        let line = vec![b'x'; 1023].into_iter().chain([b'\n']).collect::<Vec<u8>>();
        let start = Instant::now();
        for _ in 0..3000 {
            lines.make_writer().write_all(&line).unwrap();
        }
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        let lost = lines.lost().load(Relaxed);
        assert!(lost > 0 && lost < 3000, "{lost}");
        // Once somebody reads, everything that was not lost arrives, and how much was lost is said.
        drop(lines);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        let (ours, about): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with('x'));
        assert_eq!(ours.len() as u64 + lost, 3000);
        assert!(
            about.iter().any(|line| line.contains("lines of this log were lost")),
            "{about:?}"
        );
    }
}

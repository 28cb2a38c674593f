//! The scenarios on many kernels: some guests at a time, each with its own console, and what became of every scenario.

use std::{
    collections::VecDeque,
    fs,
    path::Path,
    sync::{Mutex, PoisonError, mpsc},
    thread,
};

use crate::{
    error::{Context, Error, Result},
    rig::{
        guest::{self, Options},
        initramfs::Load,
        job::Job,
        modules,
    },
    verdict::{Line, Word},
    verifier::Cost,
};

/// What a guest gave.
#[derive(Debug)]
pub struct Done {
    /// Its job.
    pub job: Job,
    /// One for each scenario, also for those that the guest did not get to.
    pub lines: Vec<Line>,
    /// What the verifier said of each program, if that was asked.
    pub costs: Vec<Cost>,
    /// It hung, went down, or its command failed otherwise than by a scenario.
    pub problem: Option<String>,
    /// Seconds, boot included.
    pub seconds: f64,
    /// Seconds of processors that its emulator used.
    pub busy: f64,
}

impl Done {
    /// Whether everything was as it should be.
    pub fn is_good(&self) -> bool {
        self.problem.is_none() && self.lines.iter().all(|line| line.result != Word::Failed)
    }

    /// How many scenarios came to this.
    pub fn count(&self, word: Word) -> usize {
        self.lines.iter().filter(|line| line.result == word).count()
    }
}

/// Runs all jobs, `at_once` at a time; `each` sees every result as it comes.
pub fn run(
    jobs: Vec<Job>,
    at_once: usize,
    options: &Options,
    cache: &Path,
    mut each: impl FnMut(&Done),
) -> Result<Vec<Done>> {
    let consoles = cache.join("consoles");
    fs::create_dir_all(&consoles).context(consoles.display())?;
    let queue = Mutex::new(VecDeque::from(jobs));
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let (results, done) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..at_once.max(1) {
            let (results, next, consoles) = (results.clone(), &next, &consoles);
            scope.spawn(move || {
                while let Some(job) = next() {
                    // The other end lives as long as this scope.
                    let _ = results.send(one(job, options, cache, consoles));
                }
            });
        }
        drop(results);
        Ok(done.into_iter().inspect(|done| each(done)).collect())
    })
}

fn one(job: Job, options: &Options, cache: &Path, consoles: &Path) -> Done {
    let outcome = modules::bring(&job.kernel, job.modules()).and_then(|modules| {
        let load = Load {
            command: job.command(),
            files: job.files.clone(),
            modules,
        };
        let append = format!("{} {}", job.parameters(), options.append);
        let cpus = options.cpus.or(Some(job.cpus()));
        let options = Options {
            append,
            cpus,
            log: Some(consoles.join(format!("{}.log", job.name()))),
            ..options.clone()
        };
        guest::run(&job.kernel, &load, &options, cache)
    });
    let (console, problem, seconds, busy) = match outcome {
        Ok(outcome) => {
            let problem = (outcome.code > 1).then(|| format!("the runner ended with {}", outcome.code));
            let busy = outcome.busy.as_secs_f64();
            (outcome.console, problem, outcome.took.as_secs_f64(), busy)
        }
        // It has the console.
        Err(Error(text)) => (text.clone(), Some(text), options.timeout.as_secs_f64(), 0.0),
    };
    let lines = complete(Line::all(&console), &job.results());
    Done {
        lines,
        costs: Cost::all(&console),
        problem,
        seconds,
        busy,
        job,
    }
}

/// What the consoles of earlier runs have of these jobs, those that did not get to their end included.
pub fn earlier(jobs: Vec<Job>, cache: &Path) -> Vec<Done> {
    let read = |job: Job| {
        let console = fs::read_to_string(cache.join("consoles").join(format!("{}.log", job.name()))).ok()?;
        Some(Done {
            lines: Line::all(&console),
            costs: Cost::all(&console),
            problem: None,
            seconds: 0.0,
            busy: 0.0,
            job,
        })
    };
    jobs.into_iter().filter_map(read).collect()
}

/// A guest that went down has no line for what came after.
fn complete(mut lines: Vec<Line>, names: &[String]) -> Vec<Line> {
    for name in names {
        if lines.iter().all(|line| &line.scenario != name) {
            lines.push(Line {
                scenario: name.clone(),
                result: Word::Failed,
                why: "the guest did not get to its end".to_owned(),
                seconds: 0.0,
            });
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::complete;
    use crate::verdict::{Line, Verdict, Word};

    #[test]
    fn what_a_guest_did_not_get_to_failed() {
        let lines = complete(
            vec![Line::new("a", &Ok(Verdict::Seen), 1.0)],
            &["a", "b"].map(str::to_owned),
        );
        assert_eq!(lines.len(), 2);
        assert_eq!((lines[1].scenario.as_str(), lines[1].result), ("b", Word::Failed));
    }
}

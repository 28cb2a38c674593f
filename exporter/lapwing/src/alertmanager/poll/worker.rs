//! The task that polls.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use lapwing_engine::mask::Masks;
use tokio::sync::watch;

use crate::{
    alertmanager::{
        client::Client,
        error::ClientError,
        masks,
        save::{self, SaveError},
        state::{PollState, RefusedSilence},
        wire::{Answer, Found},
    },
    config::Config,
    outputs::WallClock,
    pipeline::boot_now,
    state_dir::StateDir,
};

/// A failure that lasts is said again after this time.
const REMIND: Duration = Duration::from_secs(300);

/// The task.
pub(super) struct Worker {
    client: Client,
    config: watch::Receiver<Arc<Config>>,
    masks: watch::Sender<Arc<Masks>>,
    state: Arc<Mutex<PollState>>,
    state_dir: Option<StateDir>,
    known: Answer,
    next: usize,
    trouble: Option<Trouble>,
}

/// Since when polls fail, and when that was said.
struct Trouble {
    since: Instant,
    said: Option<Instant>,
}

impl Worker {
    /// Knows nothing yet.
    pub(super) fn new(
        config: watch::Receiver<Arc<Config>>,
        masks: watch::Sender<Arc<Masks>>,
        state: Arc<Mutex<PollState>>,
        state_dir: Option<StateDir>,
    ) -> Worker {
        let client = Client::new(&config.borrow().alertmanager);
        Worker {
            client,
            config,
            masks,
            state,
            state_dir,
            known: Answer::default(),
            next: usize::try_from(random() >> 32).unwrap_or(0),
            trouble: None,
        }
    }

    /// Polls, until nobody wants to know any more.
    pub(super) async fn run(mut self) {
        loop {
            let interval = self.config.borrow_and_update().alertmanager.poll_interval;
            match self.client.peers() {
                0 => self.known = Answer::default(),
                _ => self.cycle().await,
            }
            self.publish();
            let changed = if self.client.peers() == 0 {
                self.config.changed().await
            } else {
                match tokio::time::timeout(jittered(interval), self.config.changed()).await {
                    Ok(changed) => changed,
                    Err(_) => continue,
                }
            };
            if changed.is_err() {
                return;
            }
            self.reconfigure();
        }
    }

    fn reconfigure(&mut self) {
        let config = self.config.borrow_and_update().clone();
        let was_off = self.client.peers() == 0;
        self.client = Client::new(&config.alertmanager);
        self.state().peers = self.client.peers() as u64;
        if was_off && self.client.peers() > 0 {
            self.load();
        }
    }

    /// Asks until one peer answers, each at most once. The next cycle begins with another one.
    async fn cycle(&mut self) {
        let peers = self.client.peers();
        let first = self.next;
        self.next = self.next.wrapping_add(1);
        let mut errors = Vec::new();
        for peer in (0..peers).map(|step| first.wrapping_add(step) % peers) {
            let begin = Instant::now();
            let answer = self.client.silences(peer).await;
            let result = answer.as_ref().map_or_else(ClientError::result, |_| "success");
            {
                let mut state = self.state();
                *state.polls.entry(result).or_default() += 1;
                state.last_duration = begin.elapsed().as_secs_f64();
            }
            match answer {
                Ok(answer) => return self.take(peer, answer),
                Err(error) => {
                    tracing::debug!("{error}");
                    errors.push(error.to_string());
                }
            }
        }
        self.failed(&errors);
    }

    fn take(&mut self, peer: usize, answer: Answer) {
        if let Some(trouble) = self.trouble.take() {
            let seconds = trouble.since.elapsed().as_secs();
            tracing::info!(seconds, "silences are read from Alertmanager again");
        }
        {
            let mut state = self.state();
            state.last_success = Some(WallClock::now().unix_nanoseconds(boot_now()) as f64 / 1e9);
            state.peer = Some(self.client.name(peer));
            state.error = None;
        }
        if answer == self.known {
            return;
        }
        if answer.silences != self.known.silences {
            tracing::info!(
                peer = self.client.name(peer),
                silences = answer.silences.len(),
                "other silences than before"
            );
            self.store(&answer.silences);
        }
        self.known = answer;
    }

    fn failed(&mut self, errors: &[String]) {
        let why = errors.join("; ");
        let now = Instant::now();
        let trouble = self.trouble.get_or_insert(Trouble { since: now, said: None });
        if trouble.said.is_none_or(|said| now.duration_since(said) > REMIND) {
            trouble.said = Some(now);
            let known = self.known.silences.len();
            tracing::error!(
                known,
                "no silences from Alertmanager; those that are known hold until their end: {why}"
            );
        }
        self.state().error = Some(why);
    }

    /// Makes masks of what is known, by the clocks as they stand now.
    fn publish(&mut self) {
        let wall = WallClock::now();
        let now = boot_now();
        let unix = i64::try_from(wall.unix_nanoseconds(now)).unwrap_or(i64::MAX);
        self.known.silences.retain(|silence| silence.ends > unix);
        let settings = masks::settings(&self.config.borrow());
        let (masks, refused) = tokio::task::block_in_place(|| masks::masks(&self.known.silences, &wall, &settings));
        let by_engine = refused.into_iter().map(|refused| RefusedSilence {
            id: refused.silence,
            reason: refused.reason,
            detail: refused.detail,
        });
        let by_wire = self.known.refused.iter().map(|(id, reason)| RefusedSilence {
            id: id.clone(),
            reason,
            detail: String::new(),
        });
        self.state().set_refused(by_engine.chain(by_wire).collect());
        self.masks.send_replace(Arc::new(masks));
    }

    /// Takes up what an earlier run knew.
    pub(super) fn load(&mut self) {
        let Some(state_dir) = &self.state_dir else { return };
        match save::load(state_dir) {
            Ok(silences) => {
                self.known = Answer {
                    silences,
                    refused: Vec::new(),
                };
                self.publish();
            }
            Err(error) => tracing::error!("nothing is masked until Alertmanager answers: {error}"),
        }
    }

    fn store(&self, silences: &[Found]) {
        let stored = self
            .state_dir
            .as_ref()
            .map(|state_dir| save::store(state_dir, silences));
        if let Some(Err(error)) = stored {
            let error: SaveError = error;
            tracing::warn!("the silences will be forgotten by a restart: {error}");
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, PollState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Within a tenth of `interval`.
fn jittered(interval: Duration) -> Duration {
    let fraction = (random() >> 11) as f64 / (1u64 << 53) as f64;
    interval.mul_f64(0.9 + 0.2 * fraction)
}

/// Good enough to spread a fleet.
fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fleet_does_not_poll_at_once() {
        let interval = Duration::from_secs(60);
        let times: Vec<Duration> = (0..1000).map(|_| jittered(interval)).collect();
        let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
        assert!(*least >= Duration::from_secs(54) && *most <= Duration::from_secs(66));
        assert!(*most - *least > Duration::from_secs(6), "{least:?} {most:?}");
    }
}

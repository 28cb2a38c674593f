//! Asks one peer after the other for the silences, keeps what is known, and turns it into masks.
//!
//! Silences are judged by time here, never by the state that Alertmanager gives them: while it is away, what is known holds until its end. Boot time
//! and wall clock are brought together anew at each poll, so a clock that was set is followed.

mod worker;

use std::sync::{Arc, Mutex, PoisonError};

use lapwing_engine::mask::Masks;
use tokio::{sync::watch, task::JoinHandle};
use worker::Worker;

use super::state::PollState;
use crate::{config::Config, pipeline::boot_now, state_dir::StateDir};

/// The task that polls; it ends when this is dropped.
#[derive(Debug)]
pub struct Poller {
    config: watch::Sender<Arc<Config>>,
    masks: watch::Receiver<Arc<Masks>>,
    state: Arc<Mutex<PollState>>,
    task: JoinHandle<()>,
}

impl Drop for Poller {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Poller {
    /// Takes up the silences that an earlier run knew, and begins to poll. Must be called inside tokio. [`Poller::masks`] has the masks at once.
    pub fn start(config: &Config, state_dir: Option<StateDir>) -> Poller {
        let (config_sender, config_receiver) = watch::channel(Arc::new(config.clone()));
        let (masks_sender, masks) = watch::channel(Arc::default());
        let peers = config.alertmanager.urls.len();
        let state = Arc::new(Mutex::new(PollState::new(peers as u64)));
        let mut worker = Worker::new(config_receiver, masks_sender, state.clone(), state_dir);
        if peers > 0 {
            worker.load();
        }
        Poller {
            config: config_sender,
            masks,
            state,
            task: tokio::spawn(worker.run()),
        }
    }

    /// Takes another configuration (a reload), and polls at once.
    pub fn configure(&self, config: &Config) {
        self.config.send_replace(Arc::new(config.clone()));
    }

    /// The masks as of the last poll.
    pub fn masks(&mut self) -> Arc<Masks> {
        self.masks.borrow_and_update().clone()
    }

    /// Waits for other masks than those that [`Poller::masks`] gave last.
    pub async fn changed(&mut self) {
        if self.masks.changed().await.is_err() {
            // The task never ends by itself: without it nothing changes any more.
            std::future::pending::<()>().await;
        }
    }

    /// What there is to say.
    pub fn state(&self) -> PollState {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Between polls silences begin and end.
        let counts = self.masks.borrow().counts(boot_now());
        (state.active, state.pending) = (counts.active, counts.pending);
        state
    }
}

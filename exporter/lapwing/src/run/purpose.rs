//! What a run is for: to be the host's agent, or to write events down.

use crate::{
    alone::{Alone, AloneError, Occupant},
    cli::RecordArgs,
    commands::Failure,
    config::{Config, Loaded},
};

/// What a run is for.
#[derive(Debug, Clone)]
pub enum Purpose {
    /// `lapwing run`; `beside` another agent if need be.
    Watch {
        /// Whether another agent is no reason to leave.
        beside: bool,
    },
    /// `lapwing record`. Without `--alerts` it only writes its file, so that it can run beside the host's agent: what that tells comes once.
    Record(RecordArgs),
}

impl Purpose {
    /// What is to be written down.
    pub(super) fn recording(&self) -> Option<&RecordArgs> {
        match self {
            Purpose::Watch { .. } => None,
            Purpose::Record(recording) => Some(recording),
        }
    }

    /// Whether others hear of this run: by alerts, `/metrics`, the socket, and what it leaves in its state directory.
    pub(super) fn is_agent(&self) -> bool {
        self.recording().is_none_or(|recording| recording.alerts)
    }

    /// Takes out of the configuration what this run is not to do.
    pub(super) fn adapt(&self, config: &mut Config) {
        if self.recording().is_some() {
            // A recording says what the rules alone make of its events; silences are not in it.
            config.alertmanager.urls.clear();
        }
        if !self.is_agent() {
            config.json.enabled = false;
            config.otlp.endpoint = None;
            config.metrics.enabled = false;
        }
    }

    /// Takes the place of the host's agent, which a recording leaves alone. Without a place to take the agent runs all the same.
    ///
    /// # Errors
    /// When another agent has it and this run may not be beside it.
    pub(super) fn take_place(&self, loaded: &Loaded) -> Result<Option<Alone>, Failure> {
        let Purpose::Watch { beside } = self else {
            return Ok(None);
        };
        match Alone::take(&loaded.config.agent.lock, &Occupant::me(loaded)) {
            Ok(alone) => Ok(Some(alone)),
            Err(AloneError::Occupied(who)) if *beside => {
                let who = who.map_or_else(|| "it does not say which".to_owned(), |who| who.to_string());
                tracing::warn!("another agent runs on this host, and every alert comes twice: {who}");
                Ok(None)
            }
            Err(occupied @ AloneError::Occupied(_)) => Err(Failure::Occupied(occupied)),
            Err(error) => {
                tracing::warn!("whether another agent runs on this host is not known: {error}");
                Ok(None)
            }
        }
    }
}

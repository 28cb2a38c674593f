//! Where others may ask the agent: /metrics and the socket of `lapwing status`.

use super::Purpose;
use crate::{
    commands::{Failure, other},
    config::Config,
    control::Control,
    http::Http,
    metrics::Metrics,
};

/// What others may ask the agent at; closed when dropped.
#[derive(Default)]
pub(super) struct Doors {
    _http: Option<Http>,
    control: Option<tokio::task::JoinHandle<()>>,
}

impl Drop for Doors {
    fn drop(&mut self) {
        if let Some(control) = &self.control {
            control.abort();
        }
    }
}

/// A recording may run beside the agent: then the doors are the agent's, and the recording goes without.
pub(super) async fn open(config: &Config, metrics: &Metrics, purpose: &Purpose) -> Result<Doors, Failure> {
    if !purpose.is_agent() {
        return Ok(Doors::default());
    }
    let http = match config.metrics.enabled {
        true => match Http::open(&config.metrics, metrics.clone()).await {
            Ok(http) => Some(http),
            Err(error) if purpose.recording().is_some() => {
                tracing::warn!("recording without /metrics: {error}");
                None
            }
            Err(error) => return Err(other(error)),
        },
        false => None,
    };
    let control = match Control::bind(&config.agent.socket) {
        Ok(control) => {
            let metrics = metrics.clone();
            Some(tokio::spawn(async move {
                if let Err(error) = control.serve(metrics).await {
                    tracing::error!("`lapwing status` is not answered: {error}");
                }
            }))
        }
        // The agent does its work without it; an operator who asks will find this line.
        Err(error) => {
            tracing::warn!("`lapwing status` will not be answered: {error}");
            None
        }
    };
    Ok(Doors { _http: http, control })
}

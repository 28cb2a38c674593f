//! Alerts leave here: as JSON lines and as OTLP logs.
//!
//! Every output has a bounded queue and a worker of its own, so that a blocked reader or a collector that is down never holds up the engine or
//! the other outputs. Every alert offered is sent, waiting, or counted as lost with a reason.

#[cfg(test)]
#[path = "../tests/common/alerts.rs"]
mod test_alerts;

mod account;
mod clock;
mod host;
mod json;
mod otlp;
mod recent;
mod trouble;

use std::sync::{Arc, Mutex, PoisonError};

use lapwing_engine::{alert::Alert, event::BootTime};
use tokio::time::Instant;

pub use clock::WallClock;
pub(crate) use clock::{rfc3339, unix_now};
pub use host::Host;
pub use json::JsonError;
pub use otlp::{OtlpError, check as check_otlp};
pub use recent::RecentAlerts;

use crate::{config::Config, mask_command, metrics::Metrics, unwatched::Unwatched};

/// An alert with what the engine does not know: wall-clock time and the host.
#[derive(Debug, Clone)]
pub struct AlertRecord {
    /// What the engine said.
    pub alert: Alert,
    /// Turns its boot times into dates.
    pub wall: WallClock,
    /// Where it happened.
    pub host: Arc<Host>,
    /// What the record is about when it is not about an event that a sensor told.
    pub unwatched: Option<Unwatched>,
}

impl AlertRecord {
    /// The alert as one line of JSON with stable keys, without the line feed.
    pub fn to_json_line(&self) -> String {
        json::line(self)
    }

    /// The command that masks alerts like this one; None for one that is masked already.
    pub fn mask(&self) -> Option<String> {
        match (&self.alert.masked, &self.unwatched) {
            (None, None) => mask_command::line(&self.alert.id),
            _ => None,
        }
    }

    /// Whose event it is: a sensor's, or `agent`.
    pub fn sensor(&self) -> &'static str {
        match self.unwatched {
            None => self.alert.sensor.name(),
            Some(_) => "agent",
        }
    }

    /// Seconds since the event; None for a summary, whose age says nothing about delay.
    fn age(&self) -> Option<f64> {
        (self.alert.count <= 1).then(|| clock::age(self.alert.time).as_secs_f64())
    }
}

/// Now, as RFC 3339: one form of time in alerts and in the agent's own log.
pub fn now_rfc3339() -> String {
    clock::rfc3339(clock::unix_now())
}

/// Why an output could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The file of the JSON lines.
    #[error("[json] path: {0}")]
    Json(#[from] JsonError),
    /// The collector's address.
    #[error("[otlp] {0}")]
    Otlp(#[from] OtlpError),
}

/// All outputs that the configuration asks for.
#[derive(Debug)]
pub struct Outputs {
    json: Option<json::Json>,
    otlp: Option<otlp::Otlp>,
    recent: Option<Arc<RecentAlerts>>,
    host: Arc<Host>,
    wall: Mutex<WallClock>,
}

impl Outputs {
    /// Opens the outputs; must be called inside a tokio runtime. A collector that does not answer is no error: alerts wait for it.
    ///
    /// For a reload: start new ones, send to them from now on, then shut the old ones down.
    ///
    /// # Errors
    /// When a file cannot be opened, or a setting has no meaning.
    pub fn start(config: &Config, host: &Arc<Host>, metrics: &Metrics) -> Result<Outputs, StartError> {
        let capacity = config.agent.alert_queue.max(1);
        let json = match config.json.enabled {
            true => Some(json::Json::start(
                &config.json.path,
                capacity,
                metrics.output("json", capacity),
            )?),
            false => None,
        };
        let otlp = match &config.otlp.endpoint {
            Some(endpoint) => Some(otlp::Otlp::start(
                endpoint,
                &config.otlp,
                host,
                capacity,
                metrics.output("otlp", capacity),
            )?),
            None => None,
        };
        Ok(Outputs {
            json,
            otlp,
            recent: None,
            host: host.clone(),
            wall: Mutex::new(WallClock::now()),
        })
    }

    /// Keeps alerts in this store too; it is its owner's to shut down.
    pub fn remember(&mut self, recent: Option<Arc<RecentAlerts>>) {
        self.recent = recent;
    }

    /// Dates alerts by `wall`, the clock that a recording carries, so that a replay gives them the same dates.
    pub fn date_by(&self, wall: WallClock) {
        *self.wall.lock().unwrap_or_else(PoisonError::into_inner) = wall;
    }

    /// Hands the alert to every output; never blocks. Where a queue is full the alert is refused and counted.
    pub fn send(&self, alert: Alert) {
        let wall = {
            let mut wall = self.wall.lock().unwrap_or_else(PoisonError::into_inner);
            wall.follow();
            *wall
        };
        let record = Arc::new(AlertRecord {
            alert,
            wall,
            host: self.host.clone(),
            unwatched: None,
        });
        if let Some(recent) = &self.recent {
            recent.send(record.clone());
        }
        self.hand_out(record);
    }

    /// Says how long nobody watched before `now`, to every output. No mask is made of it, so the store of recent alerts does not get it.
    pub fn tell(&self, unwatched: Unwatched, now: BootTime) {
        self.hand_out(Arc::new(AlertRecord {
            alert: unwatched.alert(now),
            wall: WallClock::now(),
            host: self.host.clone(),
            unwatched: Some(unwatched),
        }));
    }

    fn hand_out(&self, record: Arc<AlertRecord>) {
        if let Some(json) = &self.json {
            json.send(record.clone());
        }
        if let Some(otlp) = &self.otlp {
            otlp.send(record);
        }
    }

    /// Opens the files anew (SIGHUP, after a log rotation).
    ///
    /// # Errors
    /// When a file cannot be opened; the old one stays in use.
    pub fn reopen(&self) -> Result<(), StartError> {
        self.json
            .as_ref()
            .map_or(Ok(()), json::Json::reopen)
            .map_err(StartError::Json)
    }

    /// Sends what waits, until `deadline`; what is left then is counted as lost, and said.
    pub async fn shutdown(self, deadline: Instant) {
        if let Some(json) = self.json {
            json.shutdown(deadline).await;
        }
        if let Some(otlp) = self.otlp {
            otlp.shutdown(deadline).await;
        }
    }
}

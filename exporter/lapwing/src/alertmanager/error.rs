//! What can go wrong between the agent and Alertmanager.

use hyper::StatusCode;

/// Why a peer gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A file that is needed to ask at all.
    #[error("cannot ask {peer}: {why}")]
    Setup {
        /// The URL.
        peer: String,
        /// Which file, and what to do.
        why: String,
    },
    /// No connection, no trust, no answer in time.
    #[error("cannot reach {peer}: {why}")]
    Unreachable {
        /// The URL.
        peer: String,
        /// What the system or the peer's TLS said.
        why: String,
    },
    /// An answer that is a failure.
    #[error("{peer} answers {status} {said:?}{hint}")]
    Refused {
        /// The URL.
        peer: String,
        /// HTTP's.
        status: StatusCode,
        /// The beginning of the answer.
        said: String,
        /// What to do, where it is known.
        hint: &'static str,
    },
    /// An answer that is none of Alertmanager's.
    #[error("{peer} does not answer as Alertmanager's API v2 does: {why}")]
    Malformed {
        /// The URL.
        peer: String,
        /// What is wrong with it.
        why: String,
    },
}

impl ClientError {
    /// For the metric: `setup`, `unreachable`, `refused`, `malformed`.
    pub fn result(&self) -> &'static str {
        match self {
            ClientError::Setup { .. } => "setup",
            ClientError::Unreachable { .. } => "unreachable",
            ClientError::Refused { .. } => "refused",
            ClientError::Malformed { .. } => "malformed",
        }
    }
}

//! Who may ask: basic authentication against bcrypt hashes, and the rate limit before it.
//!
//! A hash is slow by design (tens of milliseconds of CPU). So a password that was right once is remembered (as a salted digest, in memory only), one
//! hash is computed at a time and away from the async threads, few clients wait for it, and a wrong guess is followed by a pause: guessing costs at
//! most a quarter of one CPU, and never holds up who is known. For a user who does not exist as much is computed as for one who does.

mod bucket;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::header::HeaderValue;
use sha2::{Digest, Sha256};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
    time::{Instant, sleep},
};

use super::web::{Secured, User};
use crate::tls;
use bucket::Bucket;

/// Logins that were right, remembered until others push them out.
const REMEMBERED: usize = 64;
/// Most clients that wait for a hash.
const WAITING: usize = 8;
/// After a wrong password, in units of the time that its hash took.
const PAUSE: u32 = 3;
/// No browser or scraper sends more, and bcrypt looks at the first 72 bytes of a password.
const MAX_VALUE: usize = 1_024;

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No credentials, or wrong ones.
    Unauthorized,
    /// The rate limit.
    TooFast,
    /// Too many logins at once.
    Busy,
}

/// User and password as sent.
#[derive(PartialEq, Eq)]
pub struct Credentials {
    /// Everything before the first colon.
    pub user: Vec<u8>,
    /// Everything behind it.
    pub password: Vec<u8>,
}

/// Reads the value of an `Authorization` header; none unless it is of the Basic kind and complete.
pub fn credentials(value: &[u8]) -> Option<Credentials> {
    if value.len() > MAX_VALUE {
        return None;
    }
    let (scheme, encoded) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim_ascii()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    Some(Credentials {
        user: decoded[..colon].to_vec(),
        password: decoded[colon + 1..].to_vec(),
    })
}

/// What the listener remembers of its clients.
pub(super) struct Gate {
    salt: [u8; 32],
    known: Mutex<VecDeque<[u8; 32]>>,
    bucket: Mutex<Bucket>,
    waiting: Arc<Semaphore>,
    turn: Arc<Semaphore>,
}

impl Gate {
    pub(super) fn new() -> Gate {
        let mut salt = [0; 32];
        // Without randomness the digests are merely not salted; they never leave this memory.
        let _ = tls::provider().secure_random.fill(&mut salt);
        Gate {
            salt,
            known: Mutex::default(),
            bucket: Mutex::default(),
            waiting: Arc::new(Semaphore::new(WAITING)),
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// Whether a request with these `Authorization` headers is answered.
    pub(super) async fn admit<'v>(
        &self,
        mut authorization: impl Iterator<Item = &'v HeaderValue>,
        secured: &Secured,
    ) -> Result<(), Refusal> {
        if let Some(limit) = secured.rate_limit
            && !lock(&self.bucket).take(limit, Instant::now())
        {
            return Err(Refusal::TooFast);
        }
        if secured.users.is_empty() {
            return Ok(());
        }
        let given = match (authorization.next(), authorization.next()) {
            // Of two, somebody before us may have judged the other one.
            (Some(one), None) => credentials(one.as_bytes()),
            _ => None,
        };
        self.login(given.ok_or(Refusal::Unauthorized)?, &secured.users).await
    }

    async fn login(&self, given: Credentials, users: &[User]) -> Result<(), Refusal> {
        let user = users.iter().find(|user| user.name.as_bytes() == given.user);
        let exists = user.is_some();
        let hash = user.map_or_else(|| nobody(users), |user| user.hash.clone());
        let digest = self.digest(&given, &hash);
        if lock(&self.known).contains(&digest) {
            return Ok(());
        }
        let place = self.waiting.clone().try_acquire_owned().map_err(|_| Refusal::Busy)?;
        let turn = self.turn.clone().acquire_owned().await.map_err(|_| Refusal::Busy)?;
        let judged = spawn_blocking(move || {
            let start = Instant::now();
            let right = bcrypt::verify(&given.password, &hash).unwrap_or(false);
            // The turn goes along: who hangs up does not make room for one more hash at the same time.
            (right, start.elapsed(), turn)
        });
        let (right, took, turn) = judged.await.map_err(|_| Refusal::Busy)?;
        drop(place);
        if right && exists {
            remember(&mut lock(&self.known), digest);
            return Ok(());
        }
        pause(took, turn);
        Err(Refusal::Unauthorized)
    }

    fn digest(&self, given: &Credentials, hash: &str) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(self.salt);
        for part in [&given.user, hash.as_bytes(), &given.password] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }
}

/// A hash that costs what the dearest user's does, and that no password is looked up for.
fn nobody(users: &[User]) -> String {
    let cost = users.iter().map(|user| user.cost).max().unwrap_or(10);
    format!("$2b${cost:02}$......................{}", ".".repeat(31))
}

fn remember(known: &mut VecDeque<[u8; 32]>, digest: [u8; 32]) {
    if known.contains(&digest) {
        return;
    }
    if known.len() == REMEMBERED {
        known.pop_front();
    }
    known.push_back(digest);
}

/// Keeps the turn for a while, and the client not waiting.
fn pause(took: Duration, turn: OwnedSemaphorePermit) {
    tokio::spawn(async move {
        sleep(took * PAUSE).await;
        drop(turn);
    });
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

//! How many requests there may be.

use tokio::time::Instant;

use crate::http::web::RateLimit;

/// Full at first; each request takes one out, each interval puts one in.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    limit: Option<RateLimit>,
    tokens: f64,
    filled: Option<Instant>,
}

impl Bucket {
    /// Whether one more request is allowed at `now`. A new limit begins with a full bucket.
    pub(super) fn take(&mut self, limit: RateLimit, now: Instant) -> bool {
        let burst = f64::from(limit.burst);
        match self.filled {
            Some(filled) if self.limit == Some(limit) => {
                let gained = now.saturating_duration_since(filled).as_secs_f64() / limit.interval.as_secs_f64();
                self.tokens = (self.tokens + gained).min(burst);
            }
            _ => self.tokens = burst,
        }
        self.limit = Some(limit);
        self.filled = Some(now);
        let allowed = self.tokens >= 1.0;
        if allowed {
            self.tokens -= 1.0;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_is_allowed_and_then_one_for_each_interval() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let limit = RateLimit {
            interval: Duration::from_secs(1),
            burst: 3,
        };
        let mut bucket = Bucket::default();
        let allowed =
            [0, 0, 0, 0, 500, 1_000, 1_000, 60_000, 60_000, 60_000, 60_000].map(|ms| bucket.take(limit, at(ms)));
        assert_eq!(
            allowed,
            [true, true, true, false, false, true, false, true, true, true, false]
        );
        let wider = RateLimit { burst: 5, ..limit };
        assert!(bucket.take(wider, at(60_000)), "a new limit begins anew");
    }
}

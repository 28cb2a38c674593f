//! What each rule costs, by timing a sample of the events.

use super::RuleId;

/// One event of so many is timed. A prime: load that repeats itself in a rhythm (fork, exec, open, exit) does not fall into step with it.
const EVERY: u32 = 61;

/// Reads a stopwatch between the rules of a timed event.
#[derive(Debug)]
pub(super) struct Meter {
    stopwatch: fn() -> u64,
    countdown: u32,
    started: u64,
}

impl Meter {
    /// `stopwatch` gives nanoseconds from any start.
    pub fn new(stopwatch: fn() -> u64) -> Meter {
        Meter {
            stopwatch,
            countdown: EVERY,
            started: 0,
        }
    }

    /// A new event: whether it is timed.
    pub fn start(&mut self) -> bool {
        self.countdown -= 1;
        let timed = self.countdown == 0;
        if timed {
            self.countdown = EVERY;
            self.started = (self.stopwatch)();
        }
        timed
    }

    /// The rule was evaluated: what it took since the one before, for all the events that were not timed too.
    pub fn lap(&mut self, rule: RuleId) -> (RuleId, u64) {
        let now = (self.stopwatch)();
        let took = now.saturating_sub(self.started);
        self.started = now;
        (rule, took * u64::from(EVERY))
    }
}

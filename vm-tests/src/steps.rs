//! What the time of a test goes into, for those who want the matrix faster.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// A part of a test that takes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// From starting an agent until it is ready.
    Start,
    /// From the signal until it is gone: mostly the kernel's waits as programs are detached.
    Stop,
    /// A program that does something.
    Act,
    /// Until the expected alerts are there.
    Alerts,
    /// Until everything before is judged.
    Fence,
}

const STEPS: [(Step, &str); 5] = [
    (Step::Start, "start"),
    (Step::Stop, "stop"),
    (Step::Act, "act"),
    (Step::Alerts, "alerts"),
    (Step::Fence, "fence"),
];

/// By step: microseconds, and how often.
static SPENT: [(AtomicU64, AtomicU64); STEPS.len()] = [const { (AtomicU64::new(0), AtomicU64::new(0)) }; STEPS.len()];

/// Does it, and counts its time for the step.
pub fn timed<T>(step: Step, run: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let result = run();
    let (spent, times) = &SPENT[step as usize];
    spent.fetch_add(started.elapsed().as_micros() as u64, Ordering::Relaxed);
    times.fetch_add(1, Ordering::Relaxed);
    result
}

/// What has gone into each step so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent([(u64, u64); STEPS.len()]);

impl Spent {
    /// Now.
    pub fn so_far() -> Spent {
        let load =
            |(spent, times): &(AtomicU64, AtomicU64)| (spent.load(Ordering::Relaxed), times.load(Ordering::Relaxed));
        Spent(std::array::from_fn(|n| load(&SPENT[n])))
    }

    /// What has gone into them since.
    pub fn since(self, before: Spent) -> Spent {
        let difference = |(now, before): ((u64, u64), (u64, u64))| (now.0 - before.0, now.1 - before.1);
        Spent(std::array::from_fn(|n| difference((self.0[n], before.0[n]))))
    }
}

/// `start 6.2 s, stop 5.1 s, 12 x act 0.3 s`; what takes less than a tenth of a second is left out.
impl fmt::Display for Spent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = STEPS.iter().zip(self.0).filter(|(_, (spent, _))| *spent >= 100_000);
        for (n, ((_, name), (spent, times))) in shown.enumerate() {
            let comma = if n > 0 { ", " } else { "" };
            let seconds = Duration::from_micros(spent).as_secs_f64();
            match times {
                1 => write!(out, "{comma}{name} {seconds:.1} s")?,
                _ => write!(out, "{comma}{times} x {name} {seconds:.1} s")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use super::{STEPS, Spent, Step, timed};

    #[test]
    fn steps_have_the_places_of_their_names() {
        assert!(STEPS.iter().enumerate().all(|(n, (step, _))| *step as usize == n));
    }

    #[test]
    fn time_is_counted_for_its_step() {
        let before = Spent::so_far();
        assert_eq!(timed(Step::Fence, || thread::sleep(Duration::from_millis(120))), ());
        timed(Step::Fence, || ());
        let text = Spent::so_far().since(before).to_string();
        assert!(text.starts_with("2 x fence 0."), "{text}");
    }
}

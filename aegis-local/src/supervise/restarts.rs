//! How soon a crashed service is started again: at once, then ever later, and never too often.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The first delay; each further crash doubles it.
const FIRST: Duration = Duration::from_millis(100);
/// The longest delay.
const LONGEST: Duration = Duration::from_secs(30);
/// Restarts that the window below may hold.
const MOST: usize = 20;
/// How long a restart is remembered.
const WINDOW: Duration = Duration::from_secs(600);

/// The restarts of the last ten minutes.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    recent: VecDeque<Instant>,
    /// How often there was one, ever.
    pub(super) total: u64,
}

impl Restarts {
    /// Notes a crash at `now` and says when to start again.
    pub(super) fn after_crash(&mut self, now: Instant) -> Instant {
        self.recent.retain(|at| now.duration_since(*at) < WINDOW);
        let doubled = u32::try_from(self.recent.len()).unwrap_or(u32::MAX).min(16);
        let mut at = now + (FIRST * 2_u32.pow(doubled)).min(LONGEST);
        if self.recent.len() >= MOST
            && let Some(oldest) = self.recent.front()
        {
            at = at.max(*oldest + WINDOW);
        }
        self.recent.push_back(now);
        self.total += 1;
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_loop_slows_down_and_is_bounded() {
        let mut restarts = Restarts::default();
        let begin = Instant::now();
        let mut now = begin;
        let mut count = 0;
        while now < begin + WINDOW {
            let at = restarts.after_crash(now);
            assert!(at >= now + FIRST);
            now = at;
            count += 1;
        }
        assert!(count <= MOST + 1, "{count}");
    }

    #[test]
    fn a_single_crash_is_answered_at_once() {
        let mut restarts = Restarts::default();
        let now = Instant::now();
        assert_eq!(restarts.after_crash(now), now + FIRST);
        let later = now + WINDOW * 2;
        assert_eq!(restarts.after_crash(later), later + FIRST);
    }
}

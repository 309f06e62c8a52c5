//! When GitHub may be asked: limits are obeyed, writes go one at a time.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use tokio::sync::MutexGuard;
use tokio::time::Instant;

/// What all calls of one credential share.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// Nothing is asked before this.
    closed_until: Mutex<Option<Instant>>,
    /// When the last write ended; held by the write that is under way.
    writing: tokio::sync::Mutex<Option<Instant>>,
}

/// The turn to write; the next one comes after the gap from its end.
pub(super) struct Turn<'a>(MutexGuard<'a, Option<Instant>>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0 = Some(Instant::now());
    }
}

impl Gate {
    /// How long nothing may be asked yet.
    pub(super) fn closed_for(&self) -> Option<Duration> {
        let until = *self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        until
            .and_then(|until| until.checked_duration_since(Instant::now()))
            .filter(|d| !d.is_zero())
    }

    /// Asks nothing for `wait`, unless it is closed for longer.
    pub(super) fn close(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut closed = self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        *closed = Some(closed.map_or(until, |before| before.max(until)));
    }

    /// Waits for the turn to write.
    pub(super) async fn turn(&self, gap: Duration) -> Turn<'_> {
        let last = self.writing.lock().await;
        if let Some(last) = *last {
            tokio::time::sleep_until(last + gap).await;
        }
        Turn(last)
    }
}

/// What an answer says about limits: how long to ask nothing. `refused` where the answer is a 403 or a
/// 429, whose message tells a limit from a missing right.
pub(super) fn wait(
    headers: &HeaderMap,
    refused: Option<&str>,
    unless_told: Duration,
    now: SystemTime,
) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let spent = number("x-ratelimit-remaining") == Some(0);
    // A second more: the reset is a whole second of another clock.
    let reset = number("x-ratelimit-reset").map(|at| at.saturating_sub(seconds) + 1);
    let reset = reset.filter(|_| spent).map(Duration::from_secs);
    let message = refused?;
    if let Some(after) = number("retry-after") {
        return Some(Duration::from_secs(after));
    }
    if reset.is_some() {
        return reset;
    }
    message.to_ascii_lowercase().contains("rate limit").then_some(unless_told)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn limits_are_read_in_the_order_that_github_gives() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000);
        let minute = Duration::from_secs(60);
        let secondary = Some("You have exceeded a secondary rate limit.");
        let seconds = |s| Some(Duration::from_secs(s));
        let spent = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1030")];
        for (pairs, refused, expected) in [
            (&[("retry-after", "7")][..], secondary, seconds(7)),
            (&spent[..], Some("API rate limit exceeded"), seconds(31)),
            (&[][..], secondary, seconds(60)),
            (&[("x-ratelimit-remaining", "9")][..], secondary, seconds(60)),
            (&[][..], Some("Resource not accessible by integration"), None),
            (&spent[..], None, None),
        ] {
            assert_eq!(wait(&headers(pairs), refused, minute, now), expected, "{pairs:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn writes_keep_their_distance_and_a_shorter_cooldown_does_not_end_a_longer_one() {
        let gate = Gate::default();
        let gap = Duration::from_secs(1);
        let start = Instant::now();
        drop(gate.turn(gap).await);
        drop(gate.turn(gap).await);
        drop(gate.turn(gap).await);
        assert_eq!(start.elapsed().as_secs(), 2);
        gate.close(Duration::from_secs(60));
        gate.close(Duration::from_secs(5));
        assert!(gate.closed_for().unwrap() > Duration::from_secs(59));
        tokio::time::advance(Duration::from_secs(61)).await;
        assert_eq!(gate.closed_for(), None);
    }
}

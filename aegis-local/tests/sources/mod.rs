mod access_log;
mod error_log;
mod layer;
mod machine;
mod probe;
mod scrape;
mod server;
mod tail;
mod webhook;

use std::time::{Duration, Instant};

/// Calls `look` until it answers, for at most 10 seconds.
fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "nothing came within 10 s");
        std::thread::sleep(Duration::from_millis(5));
    }
}

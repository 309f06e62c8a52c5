//! Visitors: requests at a steady rate, and a transcript of what came back.
//!
//! The transcript is JSON Lines, one object a request in the order in which they ended:
//! `{"at", "method", "path", "status", "ms", "body"}`. `at` is when the request was sent (RFC 3339,
//! UTC, milliseconds), `ms` how long it took, and `status` is null when no whole answer came, because
//! the connection failed or the time was up. Each line is written at once, so a reader is never
//! behind and a killed run loses nothing that it was told.

mod exchange;
mod transcript;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use time::OffsetDateTime;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;

use transcript::Transcript;
pub use transcript::TranscriptError;

/// One kind of request and how often it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// GET, POST and so on.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// A JSON body.
    pub body: Option<String>,
    /// Its share: this, divided by the sum of all weights.
    pub weight: u32,
}

impl Request {
    /// A GET.
    #[must_use]
    pub fn get(path: impl Into<String>, weight: u32) -> Self {
        Self { method: "GET".to_owned(), path: path.into(), body: None, weight }
    }

    /// A POST of JSON.
    #[must_use]
    pub fn post(path: impl Into<String>, body: impl Into<String>, weight: u32) -> Self {
        let body = Some(body.into());
        Self { method: "POST".to_owned(), path: path.into(), body, weight }
    }
}

/// How requests are sent.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TrafficConfig {
    /// Where the service listens.
    pub address: SocketAddr,
    /// The file that the transcript is appended to.
    pub transcript: PathBuf,
    /// Requests a second; 40 unless said otherwise. Fewer are sent while `in_flight` holds them up.
    pub per_second: f64,
    /// How long each may take, connecting included; 2 s unless said otherwise.
    pub timeout: Duration,
    /// How many may be under way at once; 16 unless said otherwise.
    pub in_flight: usize,
    /// Where the order of requests starts: the same seed gives the same order.
    pub seed: u64,
}

impl TrafficConfig {
    /// Traffic to `address`, written down in `transcript`.
    #[must_use]
    pub fn new(address: SocketAddr, transcript: PathBuf) -> Self {
        let timeout = Duration::from_secs(2);
        Self { address, transcript, per_second: 40.0, timeout, in_flight: 16, seed: 1 }
    }

    /// Sets the requests a second.
    #[must_use]
    pub fn with_per_second(mut self, per_second: f64) -> Self {
        self.per_second = per_second;
        self
    }

    /// Sets how long each request may take.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how many requests may be under way at once.
    #[must_use]
    pub fn with_in_flight(mut self, in_flight: usize) -> Self {
        self.in_flight = in_flight;
        self
    }

    /// Sets where the order of requests starts.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

/// What was counted, for one path or for all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Count {
    /// Requests that ended, in whichever way.
    pub requests: u64,
    /// Those answered with a status of 500 or more.
    pub errors: u64,
    /// Those without a whole answer.
    pub unanswered: u64,
}

impl Count {
    fn add(&mut self, status: Option<u16>) {
        self.requests += 1;
        self.errors += u64::from(status.is_some_and(|status| status >= 500));
        self.unanswered += u64::from(status.is_none());
    }
}

/// Running totals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Requests that ended, in whichever way.
    pub requests: u64,
    /// Those answered with a status of 500 or more.
    pub errors: u64,
    /// Those without a whole answer.
    pub unanswered: u64,
    /// The same by path.
    pub by_path: BTreeMap<String, Count>,
}

/// Traffic under way. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Traffic {
    shared: Arc<Shared>,
    stop: oneshot::Sender<()>,
    sender: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    config: TrafficConfig,
    requests: Mutex<Vec<Request>>,
    by_path: Mutex<BTreeMap<String, Count>>,
    transcript: Transcript,
}

impl Traffic {
    /// Starts to send. Must be called on a tokio runtime.
    ///
    /// # Errors
    ///
    /// When the transcript can't be opened.
    pub fn start(config: TrafficConfig, requests: Vec<Request>) -> Result<Self, TranscriptError> {
        let transcript = Transcript::append(&config.transcript)?;
        let requests = Mutex::new(requests);
        let shared = Arc::new(Shared { config, requests, by_path: Mutex::default(), transcript });
        let (stop, stopped) = oneshot::channel();
        let sender = tokio::spawn(send_all(Arc::clone(&shared), stopped));
        Ok(Self { shared, stop, sender })
    }

    /// Sends these from here on. With none, or only weights of 0, nothing is sent.
    pub fn replace(&self, requests: Vec<Request>) {
        *self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner) = requests;
    }

    /// The totals so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.shared.totals()
    }

    /// Sends no more, waits for the requests under way and returns the totals.
    ///
    /// # Errors
    ///
    /// When a line of the transcript could not be written.
    pub async fn stop(self) -> Result<Totals, TranscriptError> {
        let Self { shared, stop, sender } = self;
        drop(stop);
        // The sender does not panic; were it to, the totals would still be right.
        let _ = sender.await;
        shared.transcript.finish()?;
        Ok(shared.totals())
    }
}

impl Shared {
    fn totals(&self) -> Totals {
        let by_path = self.by_path.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut totals = Totals { by_path, ..Totals::default() };
        for count in totals.by_path.values() {
            totals.requests += count.requests;
            totals.errors += count.errors;
            totals.unanswered += count.unanswered;
        }
        totals
    }

    /// The request whose share of the weights `number` falls into.
    fn pick(&self, number: u64) -> Option<Request> {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let all: u64 = requests.iter().map(|request| u64::from(request.weight)).sum();
        let mut left = number.checked_rem(all)?;
        let picked = requests.iter().find(|request| {
            let weight = u64::from(request.weight);
            let found = left < weight;
            left = left.saturating_sub(weight);
            found
        });
        picked.cloned()
    }

    async fn send(&self, request: &Request) {
        let at = OffsetDateTime::now_utc();
        let started = Instant::now();
        let exchange = exchange::exchange(self.config.address, request);
        let answer = match tokio::time::timeout(self.config.timeout, exchange).await {
            Ok(Ok(answer)) => Some(answer),
            _ => None,
        };
        let ms = started.elapsed().as_secs_f64() * 1000.0;
        let status = answer.as_ref().map(|answer| answer.status);
        self.transcript.write(at, request, answer.as_ref(), ms);
        let mut by_path = self.by_path.lock().unwrap_or_else(PoisonError::into_inner);
        by_path.entry(request.path.clone()).or_default().add(status);
    }
}

async fn send_all(shared: Arc<Shared>, mut stopped: oneshot::Receiver<()>) {
    // The bounds keep a rate of 0 or of nonsense from being a panic.
    let gap = Duration::from_secs_f64(1.0 / shared.config.per_second.clamp(0.001, 100_000.0));
    let mut ticks = tokio::time::interval(gap);
    // A service that hung is not hit with everything that it missed.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let slots = Arc::new(Semaphore::new(shared.config.in_flight.max(1)));
    let mut under_way = JoinSet::new();
    let mut random = SplitMix(shared.config.seed);
    loop {
        let turn = async {
            ticks.tick().await;
            Arc::clone(&slots).acquire_owned().await
        };
        let slot = tokio::select! {
            biased;
            _ = &mut stopped => break,
            Ok(slot) = turn => slot,
            else => break,
        };
        while under_way.try_join_next().is_some() {}
        if let Some(request) = shared.pick(random.next()) {
            let shared = Arc::clone(&shared);
            under_way.spawn(async move {
                shared.send(&request).await;
                drop(slot);
            });
        }
    }
    while under_way.join_next().await.is_some() {}
}

/// SplitMix64 (Steele, Lea and Flood, 2014): small, and the same numbers on every machine.
#[derive(Debug)]
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests;

//! Runs stage calls where they can't hurt anybody else.

use std::any::Any;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

use crate::error::{Error, ErrorKind, Result, Retry};
use crate::port::{Clock, Telemetry, TelemetryEvent};

/// Runs each stage call on a thread of its own, with a deadline on the planner's clock.
///
/// A call that panics is an error. One that is late is dropped at its next await (reads) or left to
/// end by itself (writes); where it blocks its thread is given up, counted, and bounded. One that
/// still waits for a thread when its caller is gone never begins: its clearance may be stale.
#[derive(Debug)]
pub(super) struct Crew {
    runtime: Handle,
    clock: Arc<dyn Clock>,
    telemetry: Arc<dyn Telemetry>,
    abandoned: Arc<AtomicUsize>,
    limit: usize,
    over: watch::Sender<bool>,
}

/// Whether a late call may be dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Late {
    /// Dropped at its next await.
    Drop,
    /// Left to end by itself: it writes.
    Leave,
}

impl Crew {
    pub(super) fn new(
        runtime: Handle,
        clock: Arc<dyn Clock>,
        telemetry: Arc<dyn Telemetry>,
        limit: usize,
    ) -> Self {
        let over = watch::Sender::new(false);
        Self { runtime, clock, telemetry, abandoned: Arc::default(), limit, over }
    }

    /// Drops every call that still runs, at its next await. For the moment before the runtime ends:
    /// what is polled after that panics in its timers.
    pub(super) fn end(&self) {
        self.over.send_replace(true);
    }

    /// Runs `call`; an error names `stage`.
    pub(super) async fn call<T, F>(
        &self,
        stage: &'static str,
        deadline: Duration,
        late: Late,
        call: F,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        if self.abandoned.load(Ordering::Relaxed) >= self.limit {
            let why = format!("{} stage calls hang; restart the host", self.limit);
            let full = Error::new(ErrorKind::Exhausted, why).with_retry(Retry::Backoff);
            let (took, error) = (Duration::ZERO, Some(full.kind()));
            self.telemetry.record(TelemetryEvent::Stage { stage, took, error });
            return Err(full.at(stage));
        }
        let started = self.clock.now();
        let (cancel, cancelled) = oneshot::channel::<()>();
        // Whoever drops this call drops a read with it, and leaves a write to end by itself.
        let mut cancel = Cancel(Some(cancel).filter(|_| late == Late::Drop));
        let stage_of = Arc::new(AtomicU8::new(WAITING));
        let _gone = Gone(Arc::clone(&stage_of));
        let (state, abandoned) = (Arc::clone(&stage_of), Arc::clone(&self.abandoned));
        let (runtime, mut over) = (self.runtime.clone(), self.over.subscribe());
        let mut running = self.runtime.spawn_blocking(move || {
            if !change(&state, WAITING, RUNNING) {
                return None;
            }
            // Also runs when the call panics: the thread is back then, too.
            let _back = Back { state, abandoned };
            runtime.block_on(async move {
                tokio::select! {
                    biased;
                    Ok(_) = over.wait_for(|over| *over) => None,
                    done = call => Some(done),
                    Ok(()) = cancelled => None,
                }
            })
        });
        let until = started.plus(deadline);
        let done = tokio::select! {
            done = &mut running => Some(done),
            () = self.clock.sleep_until(until) => None,
        };
        let result = match done {
            Some(Ok(Some(result))) => result,
            Some(Ok(None)) => Err(Error::new(ErrorKind::Cancelled, "cancelled")),
            Some(Err(join)) if join.is_panic() => {
                let what = message(&*join.into_panic());
                Err(Error::new(ErrorKind::Panicked, format!("panicked: {what}")))
            }
            Some(Err(_)) => Err(Error::new(ErrorKind::Cancelled, "the planner is shutting down")),
            None if change(&stage_of, WAITING, GONE) => {
                let why = format!("no thread was free within {deadline:?}");
                Err(Error::new(ErrorKind::Exhausted, why).with_retry(Retry::Backoff))
            }
            None => {
                let total = self.abandoned.fetch_add(1, Ordering::SeqCst) + 1;
                if change(&stage_of, RUNNING, ABANDONED) {
                    self.telemetry.record(TelemetryEvent::Abandoned { stage, total });
                } else {
                    // It ended at this very moment.
                    self.abandoned.fetch_sub(1, Ordering::SeqCst);
                }
                cancel.now();
                Err(Error::timeout(format!("no answer within {deadline:?}")))
            }
        };
        let took = self.clock.now().since(started);
        let error = result.as_ref().err().map(Error::kind);
        self.telemetry.record(TelemetryEvent::Stage { stage, took, error });
        result.map_err(|e| if e.stage().is_none() { e.at(stage) } else { e })
    }
}

/// Where a call is: it waits for a thread, runs, was given up while it ran, ended, or never begins.
const WAITING: u8 = 0;
const RUNNING: u8 = 1;
const ABANDONED: u8 = 2;
const ENDED: u8 = 3;
const GONE: u8 = 4;

fn change(state: &AtomicU8, from: u8, to: u8) -> bool {
    state.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst).is_ok()
}

/// Keeps a call from beginning once its caller is gone.
struct Gone(Arc<AtomicU8>);

impl Drop for Gone {
    fn drop(&mut self) {
        change(&self.0, WAITING, GONE);
    }
}

/// Cancels the call it belongs to when it is dropped, where it may be.
struct Cancel(Option<oneshot::Sender<()>>);

impl Cancel {
    fn now(&mut self) {
        if let Some(cancel) = self.0.take() {
            // The call may have ended at this very moment.
            let _ = cancel.send(());
        }
    }
}

impl Drop for Cancel {
    fn drop(&mut self) {
        self.now();
    }
}

/// Gives the thread back to the count when it returns after all.
struct Back {
    state: Arc<AtomicU8>,
    abandoned: Arc<AtomicUsize>,
}

impl Drop for Back {
    fn drop(&mut self) {
        if self.state.swap(ENDED, Ordering::SeqCst) == ABANDONED {
            self.abandoned.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// The message of a panic.
pub(super) fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| String::from("no message"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::id::Timestamp;
    use crate::port::Silent;
    use crate::testkit::ManualClock;
    use tokio::runtime::Runtime;
    use tokio::task::JoinHandle;

    /// A runtime with one thread for stage calls, and a call that holds it until it is told to end.
    fn crowded() -> (Runtime, ManualClock, Arc<Crew>, oneshot::Sender<()>) {
        let threads = tokio::runtime::Builder::new_multi_thread().max_blocking_threads(1).build();
        let runtime = threads.unwrap();
        let clock = ManualClock::new(Timestamp::from_ms(0));
        let (handle, time) = (runtime.handle().clone(), Arc::new(clock.clone()));
        let crew = Arc::new(Crew::new(handle, time, Arc::new(Silent), 16));
        let (end, ended) = oneshot::channel::<()>();
        runtime.handle().spawn_blocking(move || {
            // Ends when the test drops the other side, too.
            let _ = ended.blocking_recv();
        });
        (runtime, clock, crew, end)
    }

    /// A write that waits for a thread, and whether it ever began.
    fn waiting_write(
        runtime: &Runtime,
        clock: &ManualClock,
        crew: &Arc<Crew>,
    ) -> (JoinHandle<Result<()>>, Arc<AtomicBool>) {
        let wrote = Arc::new(AtomicBool::new(false));
        let (own, flag) = (Arc::clone(crew), Arc::clone(&wrote));
        let waiting = runtime.spawn(async move {
            let write = async move {
                flag.store(true, Ordering::SeqCst);
                Ok(())
            };
            own.call("merge", Duration::from_secs(10), Late::Leave, write).await
        });
        while clock.next_wake().is_none() {
            std::thread::yield_now();
        }
        (waiting, wrote)
    }

    #[test]
    fn a_write_whose_caller_has_given_up_never_begins() {
        let (runtime, clock, crew, end) = crowded();
        let (waiting, wrote) = waiting_write(&runtime, &clock, &crew);
        clock.advance(Duration::from_secs(10));
        let error = runtime.block_on(waiting).unwrap().unwrap_err();
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Exhausted, Retry::Backoff));
        assert_eq!(crew.abandoned.load(Ordering::SeqCst), 0, "no thread was lost");
        end.send(()).unwrap();
        // The thread is free once this runs; what waited before it has had its turn.
        let after = async { Ok(()) };
        runtime.block_on(crew.call("lookup", Duration::from_secs(10), Late::Drop, after)).unwrap();
        assert!(!wrote.load(Ordering::SeqCst));
    }

    #[test]
    fn a_call_that_is_left_when_all_ends_is_dropped_and_does_not_panic() {
        let threads = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = threads.unwrap();
        let (handle, clock) = (runtime.handle().clone(), ManualClock::new(Timestamp::from_ms(0)));
        let crew = Arc::new(Crew::new(handle, Arc::new(clock), Arc::new(Silent), 16));
        let (tell, told) = std::sync::mpsc::channel();
        let dropped = Told(tell);
        let own = Arc::clone(&crew);
        runtime.spawn(async move {
            let write = async move {
                let dropped = dropped;
                let _ = dropped.0.send("began");
                loop {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            own.call::<(), _>("merge", Duration::from_secs(10), Late::Leave, write).await
        });
        assert_eq!(told.recv().unwrap(), "began");
        crew.end();
        assert_eq!(told.recv().unwrap(), "dropped");
        runtime.shutdown_background();
    }

    #[derive(Debug, Default)]
    struct Outcomes(std::sync::Mutex<Vec<Option<ErrorKind>>>);

    impl Telemetry for Outcomes {
        fn record(&self, event: TelemetryEvent<'_>) {
            if let TelemetryEvent::Stage { error, .. } = event {
                self.0.lock().unwrap().push(error);
            }
        }
    }

    #[test]
    fn a_call_that_is_refused_because_too_many_hang_is_told_as_a_failure() {
        let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
        let (handle, clock) = (runtime.handle().clone(), ManualClock::new(Timestamp::from_ms(0)));
        let told = Arc::new(Outcomes::default());
        let telemetry = Arc::clone(&told) as Arc<dyn Telemetry>;
        let crew = Crew::new(handle, Arc::new(clock), telemetry, 0);
        let call = crew.call("verify", Duration::from_secs(10), Late::Drop, async { Ok(()) });
        assert_eq!(runtime.block_on(call).unwrap_err().kind(), ErrorKind::Exhausted);
        assert_eq!(*told.0.lock().unwrap(), [Some(ErrorKind::Exhausted)]);
    }

    /// Tells that it was dropped, and whether by a panic.
    struct Told(std::sync::mpsc::Sender<&'static str>);

    impl Drop for Told {
        fn drop(&mut self) {
            let _ = self.0.send(if std::thread::panicking() { "panicked" } else { "dropped" });
        }
    }

    #[test]
    fn a_write_whose_caller_was_dropped_never_begins() {
        let (runtime, clock, crew, end) = crowded();
        let (waiting, wrote) = waiting_write(&runtime, &clock, &crew);
        waiting.abort();
        runtime.block_on(waiting).unwrap_err();
        end.send(()).unwrap();
        let after = async { Ok(()) };
        runtime.block_on(crew.call("lookup", Duration::from_secs(10), Late::Drop, after)).unwrap();
        assert!(!wrote.load(Ordering::SeqCst));
    }
}

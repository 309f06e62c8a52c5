//! A Rust service reports its own errors: a `tracing` layer and a panic hook.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::Cell;
use std::fmt::{self, Write as _};
use std::panic::PanicHookInfo;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aegis_core::model::{Event, Signal};
use aegis_core::port::{Clock, Delivery, EventSource, SystemClock};
use aegis_core::redact::Untrusted;
use aegis_core::{Result, Revision, ServiceName};
use async_trait::async_trait;
use tokio::sync::mpsc;
use tracing::field::{Field, Visit};
use tracing::{Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

/// Errors that wait at most; more are dropped and counted.
const QUEUE: usize = 1024;
/// Bytes of one error's text that are kept.
const MAX_TEXT: usize = 32 * 1024;

thread_local! {
    /// Whether this thread is reporting already.
    static REPORTING: Cell<bool> = const { Cell::new(false) };
}

/// Reports `ERROR` events of the service that it is part of.
///
/// Never blocks and never fails: where the queue of 1,024 errors is full, the error is dropped and
/// counted. What Aegis itself logs (targets that are `aegis` or begin with `aegis_` or `aegis::`, and
/// everything inside their spans) is not reported, nor are panics of threads named `aegis*`.
///
/// ```
/// use aegis_local::sources::ErrorLayer;
/// use tracing_subscriber::prelude::*;
///
/// let (errors, source) = ErrorLayer::new("shop");
/// errors.install_panic_hook();
/// let subscriber = tracing_subscriber::registry().with(errors);
/// // `source` goes to the planner.
/// # drop((subscriber, source));
/// # let _ = std::panic::take_hook();
/// ```
#[derive(Debug, Clone)]
pub struct ErrorLayer {
    outlet: Outlet,
}

/// The errors that an [`ErrorLayer`] saw; ends once the layer and its panic hook are gone.
#[derive(Debug)]
pub struct LayerSource {
    service: ServiceName,
    revision: Option<Revision>,
    errors: mpsc::Receiver<Signal>,
    dropped: Arc<AtomicU64>,
}

#[derive(Debug, Clone)]
struct Outlet {
    service: ServiceName,
    sender: mpsc::Sender<Signal>,
    dropped: Arc<AtomicU64>,
    clock: Arc<dyn Clock>,
}

impl ErrorLayer {
    /// A layer for the service `service`, and the source of what it sees.
    pub fn new(service: impl Into<ServiceName>) -> (Self, LayerSource) {
        let service = service.into();
        let (sender, errors) = mpsc::channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let source = LayerSource {
            service: service.clone(),
            revision: None,
            errors,
            dropped: Arc::clone(&dropped),
        };
        let clock = Arc::new(SystemClock);
        (Self { outlet: Outlet { service, sender, dropped, clock } }, source)
    }

    /// Takes the time from `clock`.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.outlet.clock = clock;
        self
    }

    /// Errors that were dropped so far because the queue was full or the source gone.
    pub fn dropped(&self) -> u64 {
        self.outlet.dropped.load(Ordering::Relaxed)
    }

    /// Reports panics too: message, place, thread, and the backtrace where `RUST_BACKTRACE` asks for
    /// one. Then calls the hook that was there before. For the whole process; install it once.
    pub fn install_panic_hook(&self) {
        let outlet = self.outlet.clone();
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            outlet.panicked(panic);
            previous(panic);
        }));
    }
}

impl Outlet {
    fn send(&self, text: String, source: &str) {
        let text = Untrusted::new(capped(text));
        let signal =
            Signal::error(self.service.clone(), self.clock.now(), text).with_source(source);
        if self.sender.try_send(signal).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn panicked(&self, panic: &PanicHookInfo<'_>) {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("<unnamed>");
        if name.starts_with("aegis") {
            return;
        }
        guarded(|| {
            let mut text = format!("thread '{name}' panicked");
            if let Some(place) = panic.location() {
                let _ = write!(text, " at {place}");
            }
            let message = panic.payload_as_str().unwrap_or("Box<dyn Any>");
            let _ = write!(text, ":\n{message}");
            let backtrace = Backtrace::capture();
            if backtrace.status() == BacktraceStatus::Captured {
                let _ = write!(text, "\nstack backtrace:\n{backtrace}");
            }
            self.send(text, "panic");
        });
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for ErrorLayer {
    fn on_event(&self, event: &tracing::Event<'_>, context: Context<'_, S>) {
        let meta = event.metadata();
        if *meta.level() != Level::ERROR || is_own(meta.target()) {
            return;
        }
        let mut spans = Vec::new();
        for span in context.event_scope(event).into_iter().flatten() {
            if is_own(span.metadata().target()) {
                return;
            }
            spans.push(span.name());
        }
        guarded(|| {
            let mut fields = Fields::default();
            event.record(&mut fields);
            let mut text = format!("ERROR {}: {}", meta.target(), fields.message);
            text.push_str(&fields.others);
            if let (Some(file), Some(line)) = (meta.file(), meta.line()) {
                let _ = write!(text, "\n    at {file}:{line}");
            }
            for span in spans {
                let _ = write!(text, "\n    in {span}");
            }
            self.outlet.send(text, "tracing");
        });
    }
}

/// Runs `report` unless this thread is inside one: formatting a field may log or panic.
fn guarded(report: impl FnOnce()) {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            let _ = REPORTING.try_with(|r| r.set(false));
        }
    }
    // A thread that is going away has no thread-locals left, and nothing to report with.
    if REPORTING.try_with(|r| r.replace(true)).unwrap_or(true) {
        return;
    }
    let _reset = Reset;
    report();
}

fn is_own(target: &str) -> bool {
    target == "aegis" || target.starts_with("aegis_") || target.starts_with("aegis::")
}

fn capped(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_TEXT));
    text
}

#[derive(Default)]
struct Fields {
    message: String,
    others: String,
}

impl Fields {
    fn add(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        if field.name() == "message" {
            let _ = self.message.write_fmt(value);
        } else if self.others.len() < MAX_TEXT {
            let _ = write!(self.others, " {}={value}", field.name());
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.add(field, format_args!("{value}"));
        let mut cause = value.source();
        for _ in 0..16 {
            let Some(e) = cause else { return };
            let _ = write!(self.others, ": {e}");
            cause = e.source();
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format_args!("{value:?}"));
    }
}

impl LayerSource {
    /// Says which revision of the service this is.
    #[must_use]
    pub fn with_revision(mut self, revision: Revision) -> Self {
        self.revision = Some(revision);
        self
    }

    /// Errors that were dropped so far because the queue was full.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl EventSource for LayerSource {
    fn name(&self) -> String {
        format!("tracing:{}", self.service)
    }

    async fn next(&mut self) -> Result<Option<Delivery>> {
        let Some(mut signal) = self.errors.recv().await else { return Ok(None) };
        signal.revision.clone_from(&self.revision);
        Ok(Some(Delivery::new(Event::Signal(signal))))
    }
}

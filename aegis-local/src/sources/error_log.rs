//! Errors that a service writes to its logs.

mod dir;
mod follow;
mod ledger;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aegis_core::model::{Event, Signal};
use aegis_core::port::{Clock, Delivery, EventSource, SystemClock};
use aegis_core::{Error, Result, Revision, ServiceName};
use async_trait::async_trait;

use dir::Dir;
use follow::Followed;
use ledger::Ledger;

use super::tail::{StartAt, Tail, TailConfig, TailPosition};

/// Follows log files and reports the errors in them: stack traces and error lines.
///
/// A signal's source is `log:<file name>`, its time the one that the log wrote, where that can be
/// believed, else now. With a state file, a restarted planner goes on where the last acknowledged
/// error ended, through rotation.
///
/// ```
/// use aegis_local::sources::ErrorLog;
/// let errors = ErrorLog::new("shop")
///     .with_file("/var/log/shop/error.log")
///     .follow_dir("/var/lib/aegis/logs")
///     .with_state("/var/lib/aegis/positions.json");
/// ```
#[derive(Debug)]
pub struct ErrorLog {
    service: ServiceName,
    /// Each with how many bytes it had when it was added.
    fixed: Vec<(PathBuf, u64)>,
    dirs: Vec<Dir>,
    state: Option<PathBuf>,
    start: StartAt,
    interval: Duration,
    quiet: Duration,
    clock: Arc<dyn Clock>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    ledger: Ledger,
    files: Vec<Followed>,
    /// What one look found; nothing is read before it is taken.
    ready: VecDeque<Ready>,
}

/// An error on its way out.
#[derive(Debug)]
struct Ready {
    signal: Signal,
    path: PathBuf,
    after: TailPosition,
}

impl ErrorLog {
    /// Follows nothing so far, on behalf of `service`.
    pub fn new(service: impl Into<ServiceName>) -> Self {
        Self {
            service: service.into(),
            fixed: Vec::new(),
            dirs: Vec::new(),
            state: None,
            start: StartAt::End,
            interval: Duration::from_millis(100),
            quiet: Duration::from_millis(250),
            clock: Arc::new(SystemClock),
            running: None,
        }
    }

    /// Adds a file, which need not exist. What is written to it from now on counts, however long it
    /// takes until it is looked at first.
    #[must_use]
    pub fn with_file(mut self, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let size = std::fs::metadata(&path).map_or(0, |meta| meta.len());
        self.fixed.push((path, size));
        self
    }

    /// Adds the files `<number>-<revision>.log` of a folder, as they appear: each run of the service
    /// writes one, and its errors are of that revision. They are read from their beginning; of many,
    /// the 8 with the highest numbers are followed.
    #[must_use]
    pub fn follow_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dirs.push(Dir::new(dir.into()));
        self
    }

    /// Keeps positions in a file, which is made where it does not exist; its folder must.
    #[must_use]
    pub fn with_state(mut self, path: impl Into<PathBuf>) -> Self {
        self.state = Some(path.into());
        self
    }

    /// Says where to begin in a file that exists when it is added, and has no position; its end at that
    /// moment by default.
    #[must_use]
    pub fn with_start(mut self, start: StartAt) -> Self {
        self.start = start;
        self
    }

    /// Says how often the files are looked at; 100 ms by default.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Says how long a log is silent before its last error counts as complete; 250 ms by default.
    #[must_use]
    pub fn with_quiet(mut self, quiet: Duration) -> Self {
        self.quiet = quiet;
        self
    }

    /// Takes the time from `clock` where a log writes none.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Looks at every file once; `true` where there may be more at once.
    fn look(&mut self) -> Result<bool> {
        let running = self.running.get_or_insert_with(|| {
            let ledger = Ledger::open(self.state.clone());
            let follow = |(path, size): &(PathBuf, u64)| {
                let start = match self.start {
                    // As it was when the file was added.
                    StartAt::End => StartAt::After(*size),
                    start => start,
                };
                followed(path.clone(), &ledger, start)
            };
            let files = self.fixed.iter().map(follow).collect();
            Running { ledger, files, ready: VecDeque::new() }
        });
        let mut failure = None;
        for dir in &mut self.dirs {
            let ledger = &running.ledger;
            let open = |path| followed(path, ledger, StartAt::Beginning);
            if let Err(e) = dir.look(&mut running.files, open) {
                failure = Some(e);
            }
        }
        let (now, mut busy) = (self.clock.now(), false);
        for file in &mut running.files {
            let mut found = Vec::new();
            match file.poll(now, self.quiet, &mut found) {
                Ok(read) => {
                    busy |= read;
                    file.failure = None;
                }
                // A file that keeps failing is reported once and costs the others nothing.
                Err(e) if file.failure.as_deref() != Some(e.to_string().as_str()) => {
                    file.failure = Some(e.to_string());
                    failure = Some(e);
                }
                Err(_) => {}
            }
            let waiting = !found.is_empty() || running.ready.iter().any(|r| r.path == file.path());
            for error in found {
                let at = error.at.unwrap_or(now);
                let mut signal = Signal::error(self.service.clone(), at, error.text)
                    .with_source(format!("log:{}", file.name));
                signal.revision.clone_from(&file.revision);
                let path = file.path().to_owned();
                running.ready.push_back(Ready { signal, path, after: error.after });
            }
            if let Some(position) = file.safe().filter(|_| !waiting) {
                running.ledger.idle(file.path(), position);
            }
        }
        match failure {
            Some(e) if running.ready.is_empty() => Err(e.at("error log")),
            _ => Ok(busy),
        }
    }
}

/// The outputs `<number>-<revision>.log` in a folder, by number; none where there is no folder yet.
pub(super) fn runs(folder: &Path) -> Result<Vec<(u64, Revision, PathBuf)>> {
    let failed =
        |e| Error::unavailable(format!("{} can't be listed", folder.display())).with_source(e);
    dir::list(folder).map_err(failed)
}

/// A tail of `path` from its saved position, else from `start`.
fn followed(path: PathBuf, ledger: &Ledger, start: StartAt) -> Followed {
    let position = ledger.position(&path);
    let tail = Tail::new(path, TailConfig::new().with_start(start));
    Followed::new(match position {
        Some(position) => tail.resume(position),
        None => tail,
    })
}

#[async_trait]
impl EventSource for ErrorLog {
    fn name(&self) -> String {
        format!("log:{}", self.service)
    }

    async fn next(&mut self) -> Result<Option<Delivery>> {
        loop {
            // Nothing is awaited between taking an error and returning it.
            if let Some(running) = &mut self.running
                && let Some(Ready { signal, path, after }) = running.ready.pop_front()
            {
                let ledger = running.ledger.clone();
                let id = ledger.hand_out(&path, after);
                let delivery = Delivery::new(Event::Signal(signal));
                return Ok(Some(delivery.with_ack(move || ledger.ack(&path, id))));
            }
            let busy = self.look()?;
            if self.running.as_ref().is_none_or(|r| r.ready.is_empty()) {
                let pause = if busy { Duration::from_millis(1) } else { self.interval };
                tokio::time::sleep(pause).await;
            }
        }
    }
}

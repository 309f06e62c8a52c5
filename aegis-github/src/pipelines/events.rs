//! Runs that failed, and those that succeeded after them, as events.

use std::collections::{HashMap, VecDeque};

use aegis_core::model::{Event, Observation, Signal};
use aegis_core::port::{Delivery, EventSource};
use aegis_core::{Error, Fingerprint, Result, Revision, ServiceName, Timestamp};
use async_trait::async_trait;

use super::runs::Run;
use super::tell::Told;
use super::{Conclusion, Pipelines};

/// Completed runs that one look considers, the newest.
const RUNS: usize = 200;
/// Workflows that are remembered, and failures of each that are not over.
const WORKFLOWS: usize = 1_024;
const OPEN: usize = 64;
/// Looks that fail to read a run before it is told without its log, where that is what fails.
const WAIT: u32 = 2;

/// Runs that failed on the watched branch, each attempt once; a later success of the same workflow
/// says that what failed is over.
///
/// At its start the newest outcome of each workflow counts, and no older one: so it does of a workflow
/// that is met later. Where that is a success, what failed before it is said to be over: it may have
/// been told by an earlier process. From then on outcomes count in the order of their runs, and one of an older run
/// than has been told is no news. Of one look the newest 200 completed runs are considered.
///
/// A signal carries the failing job, its step and command, the [`Cause`](super::Cause) and the part
/// of the log that says why. A log that is gone, or longer than
/// [`answer_bytes`](crate::GitHubConfig::answer_bytes), is left out, as is one that
/// still can't be read at the third look. The signal then says so, and its fingerprint is the step's.
#[derive(Debug)]
pub struct PipelineEvents {
    pipelines: Pipelines,
    service: ServiceName,
    workflows: HashMap<u64, Known>,
    /// Outcomes that are not told yet, in their order.
    news: VecDeque<Run>,
    /// The failure before the first success that was seen of a workflow, by that: an earlier process
    /// may have told it.
    before: HashMap<Key, Run>,
    ready: VecDeque<Event>,
    due: Timestamp,
    /// The run that could not be read, and how often.
    stuck: Option<(Key, u32)>,
}

/// A run and its attempt; later ones are greater.
type Key = (u64, u32);

/// What is known of a workflow.
#[derive(Debug)]
struct Known {
    /// The outcome that was told last.
    last: Key,
    open: VecDeque<Fingerprint>,
}

impl PipelineEvents {
    pub(super) fn new(pipelines: Pipelines, service: ServiceName) -> Self {
        Self {
            pipelines,
            service,
            workflows: HashMap::new(),
            news: VecDeque::new(),
            before: HashMap::new(),
            ready: VecDeque::new(),
            due: Timestamp::from_ms(i64::MIN),
            stuck: None,
        }
    }

    /// Lists the runs once it is time.
    async fn look(&mut self) -> Result<()> {
        let (clock, every) = (&self.pipelines.clock, self.pipelines.every);
        // A clock that was set back does not stop it.
        clock.sleep_until(self.due.min(clock.now().plus(every))).await;
        let runs = self.pipelines.runs(None, RUNS).await;
        self.due = clock.now().plus(every);
        self.news = self.fresh(runs.map_err(Error::from)?);
        Ok(())
    }

    /// The outcomes that were not told, in the order of their runs.
    fn fresh(&mut self, mut runs: Vec<Run>) -> VecDeque<Run> {
        runs.retain(|run| run.conclusion() != Conclusion::Silent);
        runs.sort_by_key(key);
        let newest: HashMap<u64, Key> =
            runs.iter().map(|run| (run.workflow_id, key(run))).collect();
        self.before.clear();
        for run in runs.iter().filter(|run| run.conclusion().is_failure()) {
            let unknown = !self.workflows.contains_key(&run.workflow_id);
            if let Some(newest) = newest.get(&run.workflow_id).filter(|_| unknown) {
                // The last one stays.
                self.before.insert(*newest, run.clone());
            }
        }
        runs.retain(|run| match self.workflows.get(&run.workflow_id) {
            Some(known) => key(run) > known.last,
            None => newest.get(&run.workflow_id) == Some(&key(run)),
        });
        // Pages that moved while they were read name a run twice.
        runs.dedup_by_key(|run| key(run));
        runs.into()
    }

    /// Says that what failed before the first success of a workflow is over, where GitHub still tells
    /// what that was.
    async fn ended_before(&mut self, success: &Key) {
        let Some(run) = self.before.get(success).cloned() else { return };
        let told = self.pipelines.tell(&run, true).await;
        self.before.remove(success);
        if let Ok(Some(told)) = told {
            self.ready.push_back(Event::Resolved(self.service.clone(), told.fingerprint));
        }
    }

    /// Takes over what became of `run`: from here on it is told.
    fn settle(&mut self, run: &Run, told: Option<Told>) {
        if !self.workflows.contains_key(&run.workflow_id) && self.workflows.len() >= WORKFLOWS {
            let oldest = self.workflows.iter().min_by_key(|(_, known)| known.last);
            if let Some(id) = oldest.map(|(id, _)| *id) {
                self.workflows.remove(&id);
            }
        }
        let known = Known { last: key(run), open: VecDeque::new() };
        let known = self.workflows.entry(run.workflow_id).or_insert(known);
        known.last = key(run);
        self.stuck = None;
        if run.conclusion() == Conclusion::Success {
            let over = known.open.drain(..);
            self.ready.extend(over.map(|print| Event::Resolved(self.service.clone(), print)));
        }
        let Some(Told { fingerprint, text }) = told else { return };
        known.open.retain(|open| *open != fingerprint);
        if known.open.len() == OPEN {
            known.open.pop_front();
        }
        known.open.push_back(fingerprint.clone());
        let at = run.ended_at().unwrap_or_else(|| self.pipelines.clock.now());
        let seen = Observation::Pipeline(fingerprint, text);
        let signal = Signal::new(self.service.clone(), at, seen)
            .with_source(format!("github:{}", run.workflow()))
            .with_revision(Revision::new(run.head_sha.clone()));
        self.ready.push_back(Event::Signal(signal));
    }
}

#[async_trait]
impl EventSource for PipelineEvents {
    fn name(&self) -> String {
        format!("github:{}", self.pipelines.repository.name())
    }

    async fn next(&mut self) -> Result<Option<Delivery>> {
        loop {
            // Nothing is awaited between taking an event and returning it, nor between having read a
            // run and having told it.
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(Delivery::new(event)));
            }
            let Some(run) = self.news.front().cloned() else {
                self.look().await?;
                continue;
            };
            let tries = self.stuck.filter(|(stuck, _)| *stuck == key(&run)).map_or(0, |(_, n)| n);
            let told = match run.conclusion().is_failure() {
                true => self.pipelines.tell(&run, tries >= WAIT).await,
                false => {
                    self.ended_before(&key(&run)).await;
                    Ok(None)
                }
            };
            match told {
                Ok(told) => {
                    if let Some(run) = self.news.pop_front() {
                        self.settle(&run, told);
                    }
                }
                Err(e) => {
                    // The next look finds it again, and what came behind it.
                    self.stuck = Some((key(&run), tries + 1));
                    self.news.clear();
                    return Err(e);
                }
            }
        }
    }
}

fn key(run: &Run) -> Key {
    (run.id, run.attempt())
}

//! What each step of the machine makes the driver do.

use std::sync::Arc;

use super::crew::Late;
use super::driver::Driver;
use super::engine::Known;
use crate::error::{Error, ErrorKind, Result};
use crate::id::IncidentId;
use crate::machine::{Effect, Incident, Phase, Record, StageFailure};
use crate::model::{Case, Cause, Fix, FixKind, GateAnswer, GateReport, Isolation, Verification};
use crate::policy::Question;
use crate::stage::Rollout;

/// Bytes of a failure's message that are kept.
const CAUSE: usize = 2_000;

impl Driver {
    pub(super) async fn perform(
        &mut self,
        incident: &mut Incident,
        effect: Effect,
        key: &crate::id::EffectKey,
    ) -> Result<()> {
        let config = self.engine.config;
        let stages = self.engine.stages.clone();
        match effect {
            Effect::Diagnose => {
                let case = self.case(incident).await;
                let call = async move { stages.diagnoser.diagnose(&case).await };
                let done = self.read(incident, "diagnose", config.read_deadline, call).await?;
                let engine = Arc::clone(&self.engine);
                let found = |d| Record::Diagnosed(Box::new(engine.clean_diagnosis(d)));
                self.record(incident, "diagnose", done.map(|r| r.map(found))).await
            }
            Effect::Draft => {
                let case = self.case(incident).await;
                let call = async move { draft(&case, stages.fixes.as_ref()).await };
                let done = self.read(incident, "draft", config.draft_deadline, call).await?;
                let engine = Arc::clone(&self.engine);
                let tidy = |fixes: Vec<Fix>| {
                    Record::Drafted(fixes.into_iter().map(|fix| engine.clean_fix(fix)).collect())
                };
                self.record(incident, "draft", done.map(|r| r.map(tidy))).await
            }
            Effect::Verify => {
                let (case, fix) = (self.case(incident).await, current(incident)?);
                let call = async move {
                    match offer(&case, &fix) {
                        Some(verification) => Ok(verification),
                        None => stages.verifier.verify(&case, &fix).await,
                    }
                };
                let done = self.read(incident, "verify", config.verify_deadline, call).await?;
                let engine = Arc::clone(&self.engine);
                let proven = |v| Record::Verified(Box::new(engine.clean_verification(v)));
                let record = match done {
                    Some(Ok(verification)) => proven(verification),
                    other => {
                        return self.record(incident, "verify", other.map(|r| r.map(proven))).await;
                    }
                };
                // What comes next may wait for a person, and for another process.
                let recurring = self.recurrence(incident).map(|rate| Record::Recurring { rate });
                self.commit(incident, [record].into_iter().chain(recurring).collect()).await
            }
            Effect::Decide => {
                let standing = self.engine.standing(incident).await?;
                let decision = self.engine.policy.decide(&question(incident)?, &standing);
                self.commit(incident, vec![Record::Decided(Box::new(decision))]).await
            }
            Effect::TakeSlot => {
                self.slots.borrow_and_update();
                match self.commit(incident, vec![Record::SlotTaken]).await {
                    Err(e) if e.kind() == ErrorKind::Conflict => {
                        let again = std::time::Duration::from_millis(incident.settings.poll_ms);
                        self.quiet_until = Some(self.engine.now().plus(again));
                        Ok(())
                    }
                    other => other,
                }
            }
            Effect::Measure => self.measure(incident).await,
            Effect::Submit => self.submit(incident, key).await,
            Effect::Merge => self.merge(incident, key).await,
            Effect::Withdraw => self.withdraw(incident, key).await,
            Effect::Revert => self.revert(incident, key).await,
            Effect::Lookup => {
                let (asked, key) = (key.clone(), key.clone());
                let call = async move { stages.deployer.lookup(&asked).await };
                let done = self.read(incident, "lookup", config.read_deadline, call).await?;
                match done {
                    None => Ok(()),
                    Some(Ok(rollout)) => self.found(incident, key, rollout).await,
                    Some(Err(e)) => self.record(incident, "lookup", Some(Err(e))).await,
                }
            }
            Effect::Look => self.look(incident).await,
            Effect::Recheck => self.recheck(incident).await,
        }
    }

    /// Records what a lookup found.
    async fn found(
        &mut self,
        incident: &mut Incident,
        key: crate::id::EffectKey,
        rollout: Option<Rollout>,
    ) -> Result<()> {
        let rollout = rollout.map(|rollout| self.engine.clean_rollout(rollout));
        let moved = matches!(rollout, Some(Rollout::BaseMoved { .. }));
        if moved && incident.phase == Phase::Submitting && !incident.submitted {
            // What a lookup finds was submitted, though nobody was told.
            let there = Some(Rollout::Checking);
            let there = Record::Answered { key: key.clone(), rollout: there };
            self.commit(incident, vec![there]).await?;
        }
        self.commit_news(incident, Record::Answered { key, rollout }).await
    }

    /// Runs a read stage; commands are obeyed meanwhile, and one that moves the incident on drops
    /// the call: then there is nothing to record.
    pub(super) async fn read<T: Send + 'static>(
        &mut self,
        incident: &mut Incident,
        stage: &'static str,
        deadline: std::time::Duration,
        call: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<Option<Result<T>>> {
        let engine = Arc::clone(&self.engine);
        let started = (incident.phase, incident.since);
        let mut running = std::pin::pin!(engine.crew.call(stage, deadline, Late::Drop, call));
        loop {
            tokio::select! {
                biased;
                done = &mut running => return Ok(Some(done)),
                Some(command) = self.commands.recv() => {
                    self.obey(incident, command).await?;
                    if (incident.phase, incident.since) != started {
                        return Ok(None);
                    }
                }
                () = engine.stopped() => {
                    return Err(Error::new(ErrorKind::Cancelled, "the planner is shutting down"));
                }
            }
        }
    }

    /// Records what a stage answered, or that it failed.
    pub(super) async fn record(
        &self,
        incident: &mut Incident,
        stage: &'static str,
        done: Option<Result<Record>>,
    ) -> Result<()> {
        let record = match done {
            None => return Ok(()),
            Some(Ok(record)) => record,
            Some(Err(e)) => self.failure(incident, stage, e)?,
        };
        self.commit(incident, vec![record]).await
    }

    /// The record of a stage's failure; a call that our own shutdown cut off did not fail.
    pub(super) fn failure(
        &self,
        incident: &Incident,
        stage: &'static str,
        error: Error,
    ) -> Result<Record> {
        if error.kind() == ErrorKind::Cancelled && *self.engine.stopping.borrow() {
            return Err(error);
        }
        let id = &incident.case.incident;
        let mut failure = StageFailure::new(stage, &error);
        // A stage quotes what it stumbled over: a response, a log line, an assertion.
        failure.message = self.engine.clean(&failure.message, CAUSE);
        let why = &failure.message;
        tracing::warn!(target: "aegis", incident_id = %id, stage, error = %why, "failed");
        Ok(Record::Failed(failure))
    }

    /// The case as the stages see it at this moment.
    async fn case(&self, incident: &Incident) -> Case {
        case(incident, &self.engine.known_everywhere(&incident.case.service).await)
    }
}

/// The case, with the errors of other open incidents.
pub(super) fn case(incident: &Incident, known: &[(IncidentId, Known)]) -> Case {
    let mut case = incident.case.clone();
    let others = known.iter().filter(|(id, _)| *id != case.incident);
    case.others = others.map(|(_, known)| known.fingerprint.clone()).collect();
    case
}

/// Candidates: where a release is to blame, taking it back comes before patching it.
async fn draft(case: &Case, fixes: &dyn crate::stage::FixGenerator) -> Result<Vec<Fix>> {
    let Some(diagnosis) = &case.diagnosis else {
        return Err(Error::internal("a draft without a diagnosis"));
    };
    if let Some(remedy) = diagnosis.offered() {
        return Ok(vec![remedy.fix(&diagnosis.author)]);
    }
    let mut candidates = Vec::new();
    if let Some(Cause::Release(release)) = diagnosis.likely().map(|h| &h.cause) {
        let title = format!("Take back release {}", release.revision.short());
        let fix = Fix::new(FixKind::Revert(release.clone()), title, "planner")
            .with_meaning("the error was first seen right after this release");
        candidates.push(fix);
    }
    candidates.extend(fixes.generate(case, diagnosis).await?);
    Ok(candidates)
}

/// What is known of a remedy that is offered: nothing here can try configuration, so that no verifier is
/// asked and nothing is scored. What the repository runs on the proposal does, and a person looks.
fn offer(case: &Case, fix: &Fix) -> Option<Verification> {
    let base = case.offered(&fix.digest()).and(fix.patch())?.base.clone();
    let why =
        "a workflow can't be tried here: its own run on the proposal does that, and a person looks";
    let gate = GateReport::new("trial", GateAnswer::Cap, why);
    Some(Verification::new(fix.digest(), base, Isolation::External).with_gates(vec![gate]))
}

pub(super) fn current(incident: &Incident) -> Result<Fix> {
    incident.fix().cloned().ok_or_else(|| Error::internal("this phase needs a fix"))
}

/// What policy is asked about the fix that is being worked on.
pub(super) fn question(incident: &Incident) -> Result<Question<'_>> {
    let needs = || Error::internal("this phase needs a verified fix");
    Ok(Question {
        case: &incident.case,
        fix: incident.fix().ok_or_else(needs)?,
        verification: incident.verification.as_ref().ok_or_else(needs)?,
        approved: incident.approved.as_ref(),
    })
}

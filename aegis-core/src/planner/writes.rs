//! Writes to the outside world: cleared, counted, intended, done, recorded.

use std::future::Future;
use std::time::Duration;

use super::crew::Late;
use super::driver::Driver;
use super::report;
use super::steps::{current, question};
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::id::{Digest, EffectKey, EffectKind, Timestamp};
use crate::machine::{AfterWithdraw, Incident, Record, StageFailure, Why};
use crate::model::{Evidence, Verdict};
use crate::policy::{Autonomy, Clearance, Permit, Policy, Refusal, Ruling};
use crate::stage::{MergeOrder, Order, RevertOrder, Rollout};

/// A hold is asked about again after this, so that a lifted one is noticed within seconds.
const ASK_AGAIN: Duration = Duration::from_secs(2);

impl Driver {
    pub(super) async fn submit(&mut self, incident: &mut Incident, key: &EffectKey) -> Result<()> {
        let propose = incident.decision.as_ref().is_some_and(|d| d.ruling == Ruling::Propose);
        let permit = if propose { Permit::Propose } else { Permit::Submit };
        let Some(clearance) = self.clear(incident, permit).await? else { return Ok(()) };
        if !self.afford(incident, key).await? {
            return Ok(());
        }
        let fix = current(incident)?;
        let base = clearance.base().clone();
        let request = Digest::of([fix.digest().as_str(), base.as_str()]);
        let order = Order::new(clearance, key.clone(), fix, report::body(incident, None))?;
        let deployer = self.engine.stages.deployer.clone();
        self.write(incident, key, request, "submit", async move { deployer.submit(&order).await })
            .await
    }

    pub(super) async fn merge(&mut self, incident: &mut Incident, key: &EffectKey) -> Result<()> {
        let Some(clearance) = self.clear(incident, Permit::Merge).await? else { return Ok(()) };
        if !self.afford(incident, key).await? {
            return Ok(());
        }
        let head = incident.head.clone();
        let head =
            head.ok_or_else(|| Error::internal("a merge needs the head that was verified"))?;
        let request = Digest::of([head.as_str()]);
        let order = MergeOrder::new(clearance, key.clone(), head)?;
        let deployer = self.engine.stages.deployer.clone();
        self.write(incident, key, request, "merge", async move { deployer.merge(&order).await })
            .await
    }

    pub(super) async fn withdraw(
        &mut self,
        incident: &mut Incident,
        key: &EffectKey,
    ) -> Result<()> {
        let standing = self.engine.standing(incident).await?;
        if let Err(refusal) = self.engine.policy.may_write(&standing) {
            return self.refused(incident, refusal).await;
        }
        let why = match &incident.after_withdraw {
            Some(AfterWithdraw::Rebase(_)) => String::from("the release branch has moved on"),
            Some(AfterWithdraw::Park(why)) => why.to_string(),
            Some(AfterWithdraw::SelfResolve) => String::from("the trouble went away by itself"),
            Some(AfterWithdraw::Abandon) => String::from("a person cancelled it"),
            Some(AfterWithdraw::Fold(into)) => format!("a storm of errors is open: {into}"),
            Some(AfterWithdraw::NextFix) | None => {
                let last = incident.case.attempts.last();
                last.map_or_else(|| String::from("superseded"), |a| a.feedback.clone())
            }
        };
        let (deployer, own) = (self.engine.stages.deployer.clone(), key.clone());
        let call = async move { deployer.withdraw(&own, &why).await };
        self.write(incident, key, Digest::of(["withdraw"]), "withdraw", call).await
    }

    pub(super) async fn revert(&mut self, incident: &mut Incident, key: &EffectKey) -> Result<()> {
        let Some(commit) = incident.condemnable().cloned() else {
            let nothing = Error::internal("nothing of this incident is live");
            return self
                .commit(incident, vec![Record::Failed(StageFailure::new("revert", &nothing))])
                .await;
        };
        let policy = &self.engine.policy;
        let digest = Policy::revert_digest(&commit);
        let ceiling = policy.revert_ceiling(&incident.case);
        // A revision that was only seen running may be a later one of somebody else's.
        let named = incident.merged.is_none() || incident.merge_named;
        let allowed = match ceiling {
            Autonomy::Observe => false,
            Autonomy::Auto if named => true,
            _ => incident.approved.as_ref() == Some(&digest),
        };
        if !allowed {
            let mut reasons = incident.condemned.clone();
            if !named {
                reasons.push(format!("nobody named the merge; make sure that it is {commit}"));
            }
            let why = Why::WouldRevert { revert: digest, reasons };
            return self.commit(incident, vec![Record::Parked(why)]).await;
        }
        let standing = self.engine.standing(incident).await?;
        let approved = incident.approved.as_ref();
        let clearance = match policy.clear_revert(&incident.case, &commit, approved, &standing) {
            Ok(clearance) => clearance,
            Err(refusal) => return self.refused(incident, refusal).await,
        };
        if !self.afford(incident, key).await? {
            return Ok(());
        }
        self.enter_in_ledger(incident, false).await?;
        self.switch_back(incident).await?;
        let request = Digest::of([commit.as_str()]);
        let order = RevertOrder::new(clearance, key.clone(), commit, incident.condemned.clone())?;
        let deployer = self.engine.stages.deployer.clone();
        self.write(incident, key, request, "revert", async move { deployer.revert(&order).await })
            .await
    }

    /// Says where a fix of ours is shown what came of it. Nothing depends on it: it is tried once.
    pub(super) async fn amend(&mut self, incident: &Incident, seen: &Evidence, verdict: &Verdict) {
        if incident.merged.is_none() || incident.fix().is_none() {
            return;
        }
        let Ok(standing) = self.engine.standing(incident).await else { return };
        let fenced = self.engine.journal.renew(&self.lease).await;
        if fenced.is_err() || self.engine.policy.may_write(&standing).is_err() {
            return;
        }
        let (key, body) =
            (incident.key(EffectKind::Submit), report::body(incident, Some((seen, verdict))));
        let deployer = self.engine.stages.deployer.clone();
        let call = async move { deployer.amend(&key, &body).await };
        // Dropped where it is late: what it writes is the same whenever it is written.
        let deadline = self.engine.config.read_deadline;
        if let Err(error) = self.engine.crew.call("amend", deadline, Late::Drop, call).await {
            let id = &incident.case.incident;
            tracing::warn!(target: "aegis", incident_id = %id, %error, "what came of it is not shown");
        }
    }

    /// Asks policy at this moment; what it refuses is recorded.
    async fn clear(
        &mut self,
        incident: &mut Incident,
        permit: Permit,
    ) -> Result<Option<Clearance>> {
        let standing = self.engine.standing(incident).await?;
        match self.engine.policy.clear(permit, &question(incident)?, &standing) {
            Ok(clearance) => Ok(Some(clearance)),
            Err(refusal) => self.refused(incident, refusal).await.map(|()| None),
        }
    }

    async fn refused(&mut self, incident: &mut Incident, refusal: Refusal) -> Result<()> {
        match refusal {
            Refusal::Held { why, until } => self.hold(incident, why, until).await,
            Refusal::Ruled(decision) => {
                self.commit(incident, vec![Record::Decided(decision)]).await
            }
        }
    }

    async fn hold(
        &mut self,
        incident: &mut Incident,
        why: String,
        until: Option<Timestamp>,
    ) -> Result<()> {
        let soon = self.engine.now().plus(ASK_AGAIN);
        let until = until.map_or(soon, |until| until.min(soon));
        self.commit_news(incident, Record::Held { why, until }).await
    }

    /// Takes one from every counter that limits this write; a counter that can't be read holds it.
    async fn afford(&mut self, incident: &mut Incident, key: &EffectKey) -> Result<bool> {
        let limits = self.engine.policy.config().budget.limits(key, self.engine.now());
        let id = key.to_string();
        for limit in limits {
            match self.engine.journal.reserve(&limit.counter, &id, 1, limit.most).await {
                Ok(()) => {}
                // A disk that is full is no budget that is spent: that goes by.
                Err(e) if e.kind() != ErrorKind::Exhausted || e.retry() != Retry::Never => {
                    self.hold(incident, format!("the budget can't be read: {e}"), None).await?;
                    return Ok(false);
                }
                Err(e) if limit.counter.contains("/incident/") => {
                    let why = format!("the budget of this incident is spent: {e}");
                    self.commit(incident, vec![Record::Parked(Why::Exhausted(why))]).await?;
                    return Ok(false);
                }
                Err(e) => {
                    self.hold(incident, format!("the budget is spent: {e}"), None).await?;
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Gives back what a write took that was not made. Where that fails, the budget is a little smaller
    /// than it need be.
    pub(super) async fn refund(&self, key: &EffectKey) {
        let limits = self.engine.policy.config().budget.limits(key, self.engine.now());
        for limit in limits {
            let journal = &self.engine.journal;
            if let Err(e) = journal.settle(&limit.counter, &key.to_string(), 0).await {
                tracing::warn!(target: "aegis", counter = limit.counter, error = %e, "not given back");
            }
        }
    }

    /// Intent first, fenced; then the lease once more; then the write; then its answer.
    async fn write(
        &mut self,
        incident: &mut Incident,
        key: &EffectKey,
        request: Digest,
        stage: &'static str,
        call: impl Future<Output = Result<Rollout>> + Send + 'static,
    ) -> Result<()> {
        self.commit(incident, vec![Record::Intended { key: key.clone(), request }]).await?;
        self.engine.journal.renew(&self.lease).await?;
        let standing = self.engine.standing(incident).await?;
        let policy = &self.engine.policy;
        let allowed = match key.kind {
            EffectKind::Submit | EffectKind::Merge => policy.may_ship(&standing),
            EffectKind::Withdraw | EffectKind::Revert => policy.may_write(&standing),
        };
        if allowed.is_err() {
            // The kill switch was thrown, or a storm began, since the clearance. Nothing was written, which a lookup will
            // find, and then the gate is asked again.
            return Ok(());
        }
        let deadline = self.engine.config.write_deadline;
        let record = match self.engine.crew.call(stage, deadline, Late::Leave, call).await {
            Ok(rollout) => {
                let rollout = Some(self.engine.clean_rollout(rollout));
                Record::Answered { key: key.clone(), rollout }
            }
            // Unknown whether it happened: looked up before it is tried again.
            Err(e) => self.failure(incident, stage, e)?,
        };
        self.commit(incident, vec![record]).await
    }
}

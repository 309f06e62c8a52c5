//! The policy gate: the one place that decides, and the only one that mints a clearance.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Autonomy, AutonomyRules, Budget, Clearance, Control, Guardrail, Permit, ProtectedPaths,
    Secrets, SizeLimit, Standing, Tier, Tiers, Unicode, WeeklyFreeze, check_all,
};
use crate::id::{Confidence, Digest, Revision, Timestamp};
use crate::model::{
    Case, Diagnosis, Fix, FixKind, GateAnswer, GateReport, Isolation, Verification,
};

/// What a host allows. Autonomy has no default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PolicyConfig {
    /// How far Aegis may go.
    pub autonomy: AutonomyRules,
    /// Where the tiers of confidence begin.
    #[serde(default)]
    pub tiers: Tiers,
    /// How much may be written to the outside world.
    #[serde(default)]
    pub budget: Budget,
    /// Freezes that come every week.
    #[serde(default)]
    pub weekly_freezes: Vec<WeeklyFreeze>,
    /// What no patch may touch.
    #[serde(default)]
    pub protected: ProtectedPaths,
    /// How large a patch may be.
    #[serde(default)]
    pub size: SizeLimit,
    /// How many fixes of one fingerprint may be merged and change nothing that lasts before a person
    /// must look; 2 unless set.
    #[serde(default = "two")]
    pub futile_fixes: u64,
}

fn two() -> u64 {
    2
}

impl PolicyConfig {
    /// The same autonomy for everything; the defaults for the rest.
    pub fn new(autonomy: Autonomy) -> Self {
        Self {
            autonomy: AutonomyRules::new(autonomy),
            tiers: Tiers::default(),
            budget: Budget::default(),
            weekly_freezes: Vec::new(),
            protected: ProtectedPaths::default(),
            size: SizeLimit::default(),
            futile_fixes: two(),
        }
    }

    /// Sets the rules of autonomy.
    #[must_use]
    pub fn with_autonomy(mut self, rules: AutonomyRules) -> Self {
        self.autonomy = rules;
        self
    }

    /// Sets the budget.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// Sets what no patch may touch.
    #[must_use]
    pub fn with_protected(mut self, protected: ProtectedPaths) -> Self {
        self.protected = protected;
        self
    }

    /// Adds a freeze that comes every week.
    #[must_use]
    pub fn with_weekly_freeze(mut self, freeze: WeeklyFreeze) -> Self {
        self.weekly_freezes.push(freeze);
        self
    }
}

/// What a decision is asked about.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The case.
    pub case: &'a Case,
    /// The fix.
    pub fix: &'a Fix,
    /// What was proven about it.
    pub verification: &'a Verification,
    /// The digest that a person approved, where one did.
    pub approved: Option<&'a Digest>,
}

/// What the gate ruled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// Submit and merge.
    Go,
    /// Submit; a person merges.
    Propose,
    /// A person has to say yes first: autonomy asks for it, or a gate holds, or confidence is low.
    Ask(String),
    /// Say what would have been done.
    Observe,
    /// Never this fix.
    Deny(String),
}

/// A decision with everything it rests on; journaled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Decision {
    /// What was ruled.
    pub ruling: Ruling,
    /// The fix it is about.
    pub fix: Digest,
    /// The base that was verified.
    pub base: Revision,
    /// Confidence of the verification.
    pub confidence: Confidence,
    /// Its tier.
    pub tier: Tier,
    /// Whether the release needs extra proof to be kept.
    pub strict: bool,
    /// The autonomy that applied.
    pub ceiling: Autonomy,
    /// Every gate's answer: verification's, guardrails' and policy's own.
    pub gates: Vec<GateReport>,
    /// Digest of the policy.
    pub policy: Digest,
}

/// Why a step is not allowed at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It may be allowed later; asked again, at the latest then.
    Held {
        /// Why.
        why: String,
        /// When the reason ends by itself.
        until: Option<Timestamp>,
    },
    /// The ruling is another than the one it was planned under.
    Ruled(Box<Decision>),
}

/// Decides, and mints clearances.
#[derive(Debug, Clone)]
pub struct Policy {
    config: PolicyConfig,
    guardrails: Vec<Arc<dyn Guardrail>>,
    digest: Digest,
}

impl Policy {
    /// A policy with the standard guardrails: protected paths, size, Unicode, secrets.
    pub fn new(config: PolicyConfig) -> Self {
        let digest = Digest::of_json(&config);
        let guardrails: Vec<Arc<dyn Guardrail>> = vec![
            Arc::new(config.protected.clone()),
            Arc::new(config.size),
            Arc::new(Unicode::new()),
            Arc::new(Secrets::default()),
        ];
        Self { config, guardrails, digest }
    }

    /// Adds a guardrail of the host's.
    #[must_use]
    pub fn with_guardrail(mut self, guardrail: Arc<dyn Guardrail>) -> Self {
        self.digest = Digest::of([self.digest.as_str(), &format!("{guardrail:?}")]);
        self.guardrails.push(guardrail);
        self
    }

    /// The configuration.
    pub fn config(&self) -> &PolicyConfig {
        &self.config
    }

    /// Identifies the policy in the journal.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Decides about a fix. Gates come before any score.
    pub fn decide(&self, q: &Question<'_>, standing: &Standing) -> Decision {
        let gates = self.gates(q, standing);
        let confidence = q.verification.confidence();
        let tier = self.config.tiers.of(confidence);
        let ceiling = self.config.autonomy.of_fix(q.case, q.fix);
        let approved = q.approved == Some(&q.fix.digest());
        // Nothing here could try it, so that its score says nothing: a person merges it or nobody does.
        let judged = !self.config.protected.offers(q.case, q.fix);
        let low = judged && tier == Tier::Low;
        let ruling = rule(&gates, low.then_some(confidence), ceiling, approved);
        Decision {
            ruling,
            fix: q.fix.digest(),
            base: q.verification.base.clone(),
            confidence,
            tier,
            strict: tier < Tier::High,
            ceiling,
            gates,
            policy: self.digest.clone(),
        }
    }

    /// Decides again, today, and mints the clearance for one step.
    pub fn clear(
        &self,
        permit: Permit,
        q: &Question<'_>,
        standing: &Standing,
    ) -> Result<Clearance, Refusal> {
        self.open(permit, standing)?;
        let decision = self.decide(q, standing);
        let allowed = match permit {
            Permit::Submit | Permit::Merge => decision.ruling == Ruling::Go,
            Permit::Propose => decision.ruling == Ruling::Propose,
            Permit::Revert => false,
        };
        if !allowed {
            return Err(Refusal::Ruled(Box::new(decision)));
        }
        Ok(Clearance::mint(
            q.case.incident.clone(),
            decision.fix,
            decision.base,
            decision.ceiling,
            permit,
            self.digest.clone(),
        ))
    }

    /// Mints the clearance to take back `commit`, which a watch of this case condemned.
    ///
    /// Taking back is allowed during a freeze and stopped by the kill switch. Where autonomy is less
    /// than Auto it needs a person's approval of [`Policy::revert_digest`]; under Observe no approval
    /// helps.
    pub fn clear_revert(
        &self,
        case: &Case,
        commit: &Revision,
        approved: Option<&Digest>,
        standing: &Standing,
    ) -> Result<Clearance, Refusal> {
        self.open(Permit::Revert, standing)?;
        let ceiling = self.revert_ceiling(case);
        let digest = Self::revert_digest(commit);
        if ceiling == Autonomy::Observe {
            let why = String::from("autonomy is Observe: nothing is changed, whoever approves");
            return Err(Refusal::Held { why, until: None });
        }
        if ceiling < Autonomy::Auto && approved != Some(&digest) {
            let why = format!("a person must approve the revert {}", digest.short());
            return Err(Refusal::Held { why, until: None });
        }
        let (incident, base) = (case.incident.clone(), commit.clone());
        Ok(Clearance::mint(incident, digest, base, ceiling, Permit::Revert, self.digest.clone()))
    }

    /// How far taking back what a case merged may go: as far as its service, and no further than a
    /// proposal where that was offered to a person.
    pub fn revert_ceiling(&self, case: &Case) -> Autonomy {
        let ceiling = self.config.autonomy.of_service(case.service.as_str());
        let offered = case.diagnosis.as_ref().and_then(Diagnosis::offered);
        offered.map_or(ceiling, |_| ceiling.min(Autonomy::Propose))
    }

    /// What a person approves to let `commit` be taken back.
    pub fn revert_digest(commit: &Revision) -> Digest {
        Digest::of(["revert", commit.as_str()])
    }

    /// Whether anything may be written at all: the kill switch, which stops withdrawals too. Checked
    /// once more right before each write.
    pub fn may_write(&self, standing: &Standing) -> Result<(), Refusal> {
        let held = |why| Err(Refusal::Held { why, until: None });
        match &standing.control {
            None => held("the kill switch can't be read, so it counts as thrown".into()),
            Some(Control { killed: Some(why), .. }) => {
                held(format!("the kill switch is thrown: {why}"))
            }
            Some(_) => Ok(()),
        }
    }

    /// Whether anything may be shipped, be it only as a proposal: the kill switch, and a storm, whose
    /// errors nobody can tell a fix's from. Taking back is not shipping. Checked once more right before
    /// each submit and merge.
    pub fn may_ship(&self, standing: &Standing) -> Result<(), Refusal> {
        self.may_write(standing)?;
        match &standing.storm {
            Some(id) => {
                let why = format!("a storm of errors is open: {id}");
                Err(Refusal::Held { why, until: None })
            }
            None => Ok(()),
        }
    }

    /// Kill switch, storms and freezes.
    fn open(&self, permit: Permit, standing: &Standing) -> Result<(), Refusal> {
        let held = |why: String, until| Err(Refusal::Held { why, until });
        match permit {
            Permit::Revert => self.may_write(standing)?,
            Permit::Propose | Permit::Submit | Permit::Merge => self.may_ship(standing)?,
        }
        let Some(control) = standing.control.as_ref().filter(|_| permit == Permit::Merge) else {
            return Ok(());
        };
        match control.frozen(&self.config.weekly_freezes, standing.now) {
            Some((why, until)) => held(format!("merges are frozen: {why}"), Some(until)),
            None => Ok(()),
        }
    }

    fn gates(&self, q: &Question<'_>, standing: &Standing) -> Vec<GateReport> {
        let mut gates = q.verification.gates.clone();
        if gates.is_empty() {
            gates.push(deny("verification", "no gate was asked"));
        }
        if q.verification.fix != q.fix.digest() {
            gates.push(deny("verification", "it is about another fix"));
        }
        if let FixKind::Patch(patch) = &q.fix.kind {
            if patch.base != q.verification.base {
                gates.push(deny("verification", "it was made on another base"));
            }
            if q.verification.isolation == Isolation::None {
                gates.push(deny("isolation", "nothing held the code under test"));
            }
            if q.verification.isolation == Isolation::Reduced {
                let why = "the code under test was held by filters alone";
                gates.push(GateReport::new("isolation", GateAnswer::Cap, why));
            }
        }
        gates.extend(check_all(&self.guardrails, q.case, q.fix));
        if standing.reverted {
            gates.push(deny("ledger", "this fix was shipped before and taken back"));
        }
        if standing.futile >= self.config.futile_fixes {
            let why = format!("{} fixes of this error changed nothing", standing.futile);
            gates.push(GateReport::new("futility", GateAnswer::Hold, why));
        }
        gates
    }
}

fn deny(gate: &str, why: &str) -> GateReport {
    GateReport::new(gate, GateAnswer::Deny, why)
}

fn rule(
    gates: &[GateReport],
    low: Option<Confidence>,
    ceiling: Autonomy,
    approved: bool,
) -> Ruling {
    let reasons = |answer| {
        let said = gates.iter().filter(|g| g.answer == answer);
        said.map(|g| format!("{}: {}", g.gate, g.reason)).collect::<Vec<_>>().join("; ")
    };
    let strictest = gates.iter().map(|g| g.answer).max().unwrap_or(GateAnswer::Deny);
    if strictest == GateAnswer::Deny {
        return Ruling::Deny(reasons(GateAnswer::Deny));
    }
    if ceiling == Autonomy::Observe {
        return Ruling::Observe;
    }
    if !approved {
        if strictest == GateAnswer::Hold {
            return Ruling::Ask(reasons(GateAnswer::Hold));
        }
        if let Some(confidence) = low {
            return Ruling::Ask(format!("confidence is low: {confidence}"));
        }
        if ceiling == Autonomy::Approve {
            return Ruling::Ask(String::from("autonomy is Approve"));
        }
        if strictest == GateAnswer::Cap {
            return Ruling::Propose;
        }
    }
    if ceiling == Autonomy::Propose { Ruling::Propose } else { Ruling::Go }
}

//! Properties of the machine over random histories: a driver that asks the real policy gate, a remote
//! that answers anything, people and time that interfere.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aegis_core::machine::{
    Effect, Entry, Incident, Opened, Phase, Record, Said, Settings, StageFailure, Step, Why,
};
use aegis_core::model::{
    Baseline, Case, Cause, Diagnosis, Evidence, Exercise, Fix, GateAnswer, GateReport, Grounds,
    Hypothesis, Location, Score, Verdict, Verification,
};
use aegis_core::policy::{
    Autonomy, Clearance, Control, Permit, Policy, PolicyConfig, Question, Refusal, Standing,
};
use aegis_core::stage::{Feedback, MergeOrder, Order, RevertOrder, Rollout};
use aegis_core::testkit::{mint, stages};
use aegis_core::{Confidence, Digest, EffectKey, EffectKind, Error, Revision, Timestamp};
use proptest::prelude::*;

/// A stream of choices: proptest shrinks the numbers.
struct Chance<'a>(std::slice::Iter<'a, u8>);

impl Chance<'_> {
    fn pick(&mut self, n: u8) -> u8 {
        self.0.next().map_or(0, |v| v % n)
    }
}

struct History {
    policy: Policy,
    incident: Incident,
    entries: Vec<Entry>,
    now: Timestamp,
    /// Fixes that were being verified, in order.
    offered: Vec<Digest>,
    written: BTreeSet<(EffectKey, Option<Digest>)>,
    /// What each counter of the budget was taken for.
    counters: BTreeMap<String, BTreeSet<String>>,
    /// Writes that were intended, each under its own key.
    spent: BTreeSet<EffectKey>,
}

fn revision(n: u8) -> Revision {
    Revision::new(format!("{n:040x}"))
}

impl History {
    fn new(autonomy: Autonomy, reopened: bool) -> Self {
        let case = mint::case("shop", "i1");
        let mut opened = Opened::new(
            case.incident.clone(),
            case.service.clone(),
            case.kind,
            case.symptoms[0].clone(),
            Settings::default(),
        );
        if reopened {
            opened.settings = opened.settings.with_exercise(0);
        }
        let at = case.opened_at;
        let entry = Entry { seq: 1, at, record: Record::Opened(Box::new(opened)) };
        Self {
            policy: Policy::new(PolicyConfig::new(autonomy)),
            incident: Incident::begin(&entry).unwrap(),
            entries: vec![entry],
            now: at,
            offered: Vec::new(),
            written: BTreeSet::new(),
            counters: BTreeMap::new(),
            spent: BTreeSet::new(),
        }
    }

    fn apply(&mut self, record: Record) {
        let before = self.incident.clone();
        let entry = Entry { seq: self.incident.seq + 1, at: self.now, record };
        self.incident.apply(&entry);
        if before.phase.is_terminal() && !matches!(entry.record, Record::Reopened(_)) {
            assert_eq!(self.incident.phase, before.phase, "a terminal state absorbs");
            assert_eq!(self.incident.case, before.case);
        }
        // A person who resumes, and an error that comes back, ask for a new look at what did not fail.
        let anew = matches!(&entry.record, Record::Reopened(_) | Record::Person { .. });
        if anew {
            self.offered.clear();
        }
        let entered = before.phase != self.incident.phase || before.since != self.incident.since;
        if entered && self.incident.phase == Phase::Verifying {
            let digest = self.incident.fix().unwrap().digest();
            let again = self.offered.last() != Some(&digest) && self.offered.contains(&digest);
            assert!(!again, "no fix is offered twice");
            assert!(!self.incident.case.tried(&digest), "no fix that was tried is offered");
            self.offered.push(digest);
        }
        self.entries.push(entry);
    }

    fn clear(&self, permit: Permit, c: &mut Chance<'_>) -> Result<Clearance, Refusal> {
        let (fix, proof) = (self.incident.fix().unwrap(), self.incident.verification.as_ref());
        let approved = self.incident.approved.as_ref();
        let q = Question { case: &self.incident.case, fix, verification: proof.unwrap(), approved };
        self.policy.clear(permit, &q, &self.standing(c))
    }

    fn standing(&self, c: &mut Chance<'_>) -> Standing {
        let control = match c.pick(12) {
            0 => None,
            1 => Some(Control::new().with_killed("drill")),
            _ => Some(Control::new()),
        };
        Standing::new(self.now, control).with_ledger(c.pick(20) == 0, u64::from(c.pick(4) / 3))
    }

    fn refused(&mut self, refusal: Refusal) {
        match refusal {
            Refusal::Ruled(decision) => self.apply(Record::Decided(decision)),
            Refusal::Held { why, .. } => {
                let until = self.now.plus(Duration::from_secs(2));
                self.apply(Record::Held { why, until });
            }
        }
    }

    /// A write that was ordered: intended, then answered, lost or failed.
    fn write(&mut self, key: &EffectKey, fix: Option<Digest>, c: &mut Chance<'_>) {
        let budget = self.policy.config().budget;
        for limit in budget.limits(key, self.now) {
            let taken = self.counters.entry(limit.counter).or_default();
            if !taken.contains(&key.to_string()) && taken.len() as u64 >= limit.most {
                let spent = Why::Exhausted(String::from("the budget is spent"));
                return self.apply(Record::Parked(spent));
            }
            taken.insert(key.to_string());
        }
        self.spent.insert(key.clone());
        let of = |kind| self.spent.iter().filter(|k| k.kind == kind).count() as u64;
        assert!(of(EffectKind::Submit) <= budget.submits_per_incident, "{:?}", self.spent);
        assert!(of(EffectKind::Merge) <= budget.merges_per_incident, "{:?}", self.spent);
        assert!(of(EffectKind::Revert) <= budget.reverts_per_incident, "{:?}", self.spent);
        let request = fix.clone().unwrap_or_else(|| Digest::of(["x"]));
        self.apply(Record::Intended { key: key.clone(), request });
        self.written.insert((key.clone(), fix));
        match c.pick(6) {
            // The process died here: the next step must be a lookup.
            0 => {
                let step = self.incident.step(self.now);
                let lookup = Step::Run { effect: Effect::Lookup, key: key.clone() };
                assert_eq!(step, lookup, "an open intent is looked up before anything else");
            }
            1 => self.fail(c),
            _ => self.answer(key, c),
        }
    }

    fn answer(&mut self, key: &EffectKey, c: &mut Chance<'_>) {
        let rollout = match c.pick(14) {
            0 => None,
            1 => Some(Rollout::Checking),
            2..=4 => Some(Rollout::Ready { head: revision(9) }),
            5 => Some(Rollout::AwaitingPerson),
            6 | 7 => Some(Rollout::Merged { commit: revision(10) }),
            8 => Some(Rollout::Live { release: revision(10), at: self.now, commit: None }),
            9 => Some(Rollout::Failed(Feedback::new("checks failed", ""))),
            10 => Some(Rollout::BaseMoved { base: revision(c.pick(4)) }),
            11 => Some(Rollout::Conflict),
            12 => Some(Rollout::ClosedByPerson),
            _ => Some(Rollout::Withdrawn),
        };
        if matches!(rollout, None | Some(Rollout::BaseMoved { .. })) {
            // Nothing was written: the key is free again.
            self.written.retain(|(written, _)| written != key);
        }
        self.apply(Record::Answered { key: key.clone(), rollout });
    }

    fn fail(&mut self, c: &mut Chance<'_>) {
        let error = if c.pick(3) == 0 { Error::invalid("no") } else { Error::unavailable("away") };
        self.apply(Record::Failed(StageFailure::new("stage", &error)));
    }

    fn interfere(&mut self, c: &mut Chance<'_>) {
        let symptom = self.incident.case.symptoms[0].clone();
        let said = |said| Record::Person { by: "kim".into(), said };
        let record = match c.pick(9) {
            0 => Record::Resolved,
            8 => Record::Folded { into: "umbrella".into() },
            1 => said(Said::Cancel),
            2 | 3 => said(Said::Resume),
            4 => Record::Reopened(Box::new(symptom)),
            5 => Record::Joined(Box::new(symptom)),
            _ => {
                let fix = self.incident.fix().map(Fix::digest);
                said(Said::Approve(fix.unwrap_or_else(|| Digest::of(["none"]))))
            }
        };
        self.apply(record);
    }

    fn run(&mut self, effect: Effect, key: &EffectKey, c: &mut Chance<'_>) {
        let reads =
            matches!(effect, Effect::Diagnose | Effect::Draft | Effect::Verify | Effect::Look);
        if reads && c.pick(8) == 0 {
            return self.fail(c);
        }
        if matches!(effect, Effect::Submit | Effect::Merge) {
            assert!(self.incident.slot, "nothing is released out of turn");
        }
        match effect {
            Effect::Diagnose => self.apply(Record::Diagnosed(Box::new(diagnosis(c)))),
            Effect::Draft => {
                let fixes = (0..c.pick(4)).map(|_| stages::numbered(c.pick(6).into(), revision(0)));
                let fixes = fixes.collect();
                self.apply(Record::Drafted(fixes));
            }
            Effect::Verify => {
                let proof = verification(self.incident.fix().unwrap(), c);
                self.apply(Record::Verified(Box::new(proof)));
            }
            Effect::Decide => {
                let standing = self.standing(c);
                let (fix, proof) =
                    (self.incident.fix().unwrap(), self.incident.verification.as_ref());
                let approved = self.incident.approved.as_ref();
                let case: &Case = &self.incident.case;
                let q = Question { case, fix, verification: proof.unwrap(), approved };
                let decision = self.policy.decide(&q, &standing);
                self.apply(Record::Decided(Box::new(decision)));
            }
            Effect::TakeSlot => self.apply(Record::SlotTaken),
            Effect::Measure => {
                let baseline = Baseline::new(self.now, Vec::new());
                self.apply(Record::Baselined(Box::new(baseline)));
            }
            Effect::Submit => {
                let permit = match self.incident.decision.as_ref().map(|d| d.ruling.clone()) {
                    Some(aegis_core::policy::Ruling::Propose) => Permit::Propose,
                    _ => Permit::Submit,
                };
                match self.clear(permit, c) {
                    Err(refusal) => self.refused(refusal),
                    Ok(clearance) => {
                        let fix = self.incident.fix().unwrap().clone();
                        let digest = fix.digest();
                        Order::new(clearance, key.clone(), fix, "").expect("exactly that fix");
                        self.write(key, Some(digest), c);
                    }
                }
            }
            Effect::Merge => match self.clear(Permit::Merge, c) {
                Err(refusal) => self.refused(refusal),
                Ok(clearance) => {
                    assert_eq!(*clearance.fix(), self.incident.fix().unwrap().digest());
                    MergeOrder::new(clearance, key.clone(), revision(9)).expect("this incident");
                    self.write(key, None, c);
                }
            },
            Effect::Revert => {
                let commit = self.incident.condemnable().cloned().expect("something is live");
                let approved = self.incident.approved.clone();
                let standing = self.standing(c);
                let (case, approved) = (&self.incident.case, approved.as_ref());
                match self.policy.clear_revert(case, &commit, approved, &standing) {
                    Err(refusal) => self.refused(refusal),
                    Ok(clearance) => {
                        RevertOrder::new(clearance, key.clone(), commit, Vec::new()).unwrap();
                        self.write(key, None, c);
                    }
                }
            }
            Effect::Withdraw => self.write(key, None, c),
            Effect::Lookup if c.pick(8) == 0 => self.fail(c),
            Effect::Lookup => self.answer(key, c),
            Effect::Look => self.look(c),
            Effect::Recheck => {
                let back = c.pick(3) > 0;
                self.apply(Record::Rechecked { back, why: "error rate".into() });
            }
        }
    }

    fn look(&mut self, c: &mut Chance<'_>) {
        let watch = self.incident.watch.clone().expect("a watch");
        let baseline = Baseline::new(self.now, Vec::new());
        let mut evidence = Evidence::new(watch.revision, watch.live_at, watch.ends_at, baseline);
        evidence.now = self.now;
        evidence.exercise = Exercise::new(self.incident.settings.exercise);
        evidence.exercise.requests = (c.pick(3) > 0).then_some(10);
        evidence.exercise.recurrences = u64::from(c.pick(4) / 3);
        let unproven = !evidence.exercise.enough() || evidence.exercise.recurrences > 0;
        let grounds = Grounds::new(Confidence::from_percent(80), vec!["because".into()]);
        let verdict = match c.pick(5) {
            0 => Verdict::Rollback(grounds),
            1 => Verdict::Inconclusive(grounds),
            2 => Verdict::Watch(grounds),
            _ => Verdict::Keep(grounds),
        };
        let over = evidence.over();
        self.apply(Record::Looked { evidence: Box::new(evidence), verdict });
        if self.incident.phase == Phase::Healed {
            assert!(over && !unproven, "healed without proof");
        }
    }

    /// Every state that is not terminal has an exit: a person who cancels ends it.
    fn has_an_exit(&self) {
        let mut incident = self.incident.clone();
        let later = |n: u64| self.now.plus(Duration::from_secs(601 * n));
        let next = |incident: &mut Incident, at, record| {
            incident.apply(&Entry { seq: incident.seq + 1, at, record });
        };
        let cancel = Record::Person { by: "kim".into(), said: Said::Cancel };
        next(&mut incident, self.now, cancel);
        for n in 1..9 {
            let rollout = Some(Rollout::Withdrawn);
            match incident.step(later(n)) {
                Step::Done => return,
                Step::Run { effect: Effect::Withdraw | Effect::Lookup, key } => {
                    next(&mut incident, later(n), Record::Answered { key, rollout });
                }
                other => panic!("{:?} after a cancel: {other:?}", incident.phase),
            }
        }
        panic!("a cancel does not end {:?}", self.incident.phase);
    }
}

fn diagnosis(c: &mut Chance<'_>) -> Diagnosis {
    let sure = Confidence::from_percent(80);
    let causes = match c.pick(6) {
        0 => vec![Hypothesis::new(Cause::Environment("the disk".into()), "full", sure)],
        1 => Vec::new(),
        _ => vec![Hypothesis::new(Cause::Code(Location::new("mean.py", 2)), "empty", sure)],
    };
    Diagnosis::new(revision(0), "test", causes)
}

fn verification(fix: &Fix, c: &mut Chance<'_>) -> Verification {
    let answer = match c.pick(8) {
        0 | 1 => GateAnswer::Deny,
        2 => GateAnswer::Hold,
        3 => GateAnswer::Cap,
        _ => GateAnswer::Pass,
    };
    let share = Confidence::from_percent(50 + c.pick(6) * 10);
    mint::verified(fix, &fix.patch().unwrap().base.clone())
        .with_gates(vec![GateReport::new("tests", answer, "said so")])
        .with_score(Score::new(share, share, share))
}

fn live_through(autonomy: Autonomy, reopened: bool, chances: &[u8]) -> History {
    let mut history = History::new(autonomy, reopened);
    let mut c = Chance(chances.iter());
    for _ in 0..chances.len() / 2 {
        if c.pick(10) == 0 {
            history.interfere(&mut c);
        }
        if !history.incident.phase.is_terminal() {
            history.has_an_exit();
        }
        match history.incident.step(history.now) {
            Step::Run { effect, key } => history.run(effect, &key, &mut c),
            Step::Wait(until) => {
                assert!(until > history.now, "a wait lies ahead");
                history.now = until;
            }
            Step::Parked => {
                assert_eq!(history.incident.phase, Phase::AwaitingHuman);
                assert!(history.incident.why.is_some(), "a person is told why");
                history.interfere(&mut c);
            }
            Step::Done => {
                assert!(history.incident.phase.is_terminal());
                history.interfere(&mut c);
            }
        }
        history.now = history.now.plus(Duration::from_millis(u64::from(c.pick(200)) * 100));
    }
    history
}

fn autonomies() -> impl Strategy<Value = Autonomy> {
    prop_oneof![
        1 => Just(Autonomy::Observe),
        1 => Just(Autonomy::Propose),
        1 => Just(Autonomy::Approve),
        4 => Just(Autonomy::Auto),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        std::env::var("AEGIS_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(500)
    ))]

    #[test]
    fn histories_keep_every_promise(
        autonomy in autonomies(),
        reopened: bool,
        chances in proptest::collection::vec(any::<u8>(), 20..400),
    ) {
        let history = live_through(autonomy, reopened, &chances);
        // Replay equals live, through JSON.
        let json = serde_json::to_string(&history.entries).unwrap();
        let entries: Vec<Entry> = serde_json::from_str(&json).unwrap();
        let replayed = Incident::replay(&entries).unwrap();
        prop_assert_eq!(&replayed, &history.incident);
        // One key, one request.
        let mut fixes = BTreeMap::new();
        for (key, fix) in &history.written {
            if key.kind == EffectKind::Submit {
                let before = fixes.insert(key.clone(), fix.clone());
                prop_assert!(before.is_none() || before == Some(fix.clone()), "{key} twice");
            }
        }
        if autonomy == Autonomy::Observe {
            prop_assert!(history.written.is_empty(), "observe mode writes nothing");
        }
        if autonomy < Autonomy::Approve {
            let merges = history.written.iter().any(|(key, _)| key.kind == EffectKind::Merge);
            prop_assert!(!merges, "below Approve nothing is merged");
        }
    }

    #[test]
    fn arbitrary_records_never_break_a_replay(
        chances in proptest::collection::vec(any::<u8>(), 20..200),
        order in proptest::collection::vec(any::<prop::sample::Index>(), 1..60),
    ) {
        // The records of one history in any order: nothing panics, a terminal state absorbs.
        let history = live_through(Autonomy::Auto, false, &chances);
        let mut incident = Incident::begin(&history.entries[0]).unwrap();
        for index in order {
            let record = index.get(&history.entries).record.clone();
            let terminal = incident.phase.is_terminal();
            let reopens = matches!(record, Record::Reopened(_));
            let phase = incident.phase;
            let at = incident.since;
            incident.apply(&Entry { seq: incident.seq + 1, at, record });
            if terminal && !reopens {
                prop_assert_eq!(incident.phase, phase);
            }
        }
    }
}

//! A record in one line, for people.

use super::{Record, Said, SwitchBack};
use crate::model::{Cause, GateAnswer, Verdict};
use crate::policy::Ruling;
use crate::stage::Rollout;

impl Record {
    /// What happened, in one line of words.
    pub fn in_words(&self) -> String {
        match self {
            Self::Opened(opened) => format!("opened: {}", opened.first.title),
            Self::Reopened(symptom) => format!("came back: {}", symptom.title),
            Self::Joined(symptom) => format!("also seen: {}", symptom.title),
            Self::Diagnosed(diagnosis) => match diagnosis.likely() {
                None => "diagnosed: nobody knows the cause".to_owned(),
                Some(found) => {
                    let place = match &found.cause {
                        Cause::Code(at) => format!("{}:{}: ", at.path, at.line),
                        _ => String::new(),
                    };
                    format!("diagnosed: {place}{} ({} sure)", found.explanation, found.confidence)
                }
            },
            Self::Drafted(fixes) => {
                let titles: Vec<&str> = fixes.iter().map(|fix| fix.title.as_str()).collect();
                format!("drafted {}: {}", titles.len(), titles.join("; "))
            }
            Self::Verified(proof) => {
                let denied = proof.gates.iter().find(|gate| gate.answer == GateAnswer::Deny);
                match denied {
                    Some(gate) => format!("rejected by {}: {}", gate.gate, gate.reason),
                    None => format!("proven, {} sure", proof.confidence()),
                }
            }
            Self::Decided(decision) => match &decision.ruling {
                Ruling::Go => "policy: go".to_owned(),
                Ruling::Propose => "policy: propose, a person merges".to_owned(),
                Ruling::Ask(why) => format!("policy: a person has to say yes: {why}"),
                Ruling::Observe => "policy: say what would have been done".to_owned(),
                Ruling::Deny(why) => format!("policy: never this fix: {why}"),
            },
            Self::Recurring { rate } => format!("its error was seen {rate:.2} times a second"),
            Self::SlotTaken => "its turn to release".to_owned(),
            Self::Baselined(_) => "what was normal is measured".to_owned(),
            Self::Intended { key, .. } => format!("about to {} ({key})", key.kind.as_str()),
            Self::Answered { key, rollout } => {
                format!(
                    "{}: {}",
                    key.kind.as_str(),
                    rollout.as_ref().map_or("nothing is there".into(), told)
                )
            }
            Self::Held { why, .. } => format!("held: {why}"),
            Self::Looked { evidence, verdict } => {
                let (word, grounds) = match verdict {
                    Verdict::Watch(grounds) => ("go on watching", grounds),
                    Verdict::Keep(grounds) => ("keep it", grounds),
                    Verdict::Rollback(grounds) => ("take it back", grounds),
                    Verdict::Inconclusive(grounds) => ("nobody can tell", grounds),
                };
                let reason = grounds.reasons.first().map(|r| format!(": {r}")).unwrap_or_default();
                format!("look {}: {word}, {} sure{reason}", evidence.looks, grounds.confidence)
            }
            Self::SwitchedBack(SwitchBack { to, failed }) => match failed {
                None => format!("the host went back to {} at once", to.short()),
                Some(why) => format!("the host may not have gone back to {}: {why}", to.short()),
            },
            Self::Rechecked { back, why } => {
                let word = if *back { "back to normal" } else { "not back to normal" };
                format!("{word}: {why}")
            }
            Self::Failed(failure) => format!("{} failed: {}", failure.stage, failure.message),
            Self::Parked(why) => format!("a person is needed: {why}"),
            Self::Person { by, said } => match said {
                Said::Approve(digest) => format!("{by} approves {digest}"),
                Said::Resume => format!("{by} says to go on"),
                Said::Cancel => format!("{by} leaves it"),
            },
            Self::Resolved => "the trouble went away".to_owned(),
            Self::Folded { into } => format!("is part of {into}"),
        }
    }
}

fn told(rollout: &Rollout) -> String {
    match rollout {
        Rollout::Checking => "its checks are running".to_owned(),
        Rollout::Ready { head } => format!("{} may be merged", head.short()),
        Rollout::AwaitingPerson => "a person has to merge it".to_owned(),
        Rollout::Merged { commit } => format!("merged as {}", commit.short()),
        Rollout::Live { release, .. } => format!("{} runs", release.short()),
        Rollout::Failed(feedback) => format!("failed: {}", feedback.summary),
        Rollout::BaseMoved { base } => format!("the branch moved on to {}", base.short()),
        Rollout::Conflict => "it does not apply".to_owned(),
        Rollout::ClosedByPerson => "a person closed it".to_owned(),
        Rollout::Withdrawn => "withdrawn".to_owned(),
    }
}

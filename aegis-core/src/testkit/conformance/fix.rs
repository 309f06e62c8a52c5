//! The suite of a [`FixGenerator`].

use std::collections::BTreeSet;
use std::time::Duration;

use super::{answered, dropped, holds, in_range};
use crate::id::Confidence;
use crate::model::{
    Attempt, AttemptEnd, Case, Cause, Diagnosis, Fix, FixKind, Hypothesis, Location,
};
use crate::patch::check_path;
use crate::stage::FixGenerator;

/// Longest title, in characters: the subject of a commit.
const TITLE: usize = 72;

/// How often the stage is asked for something else than what it offered so far.
const ROUNDS: usize = 3;

/// Asks `stage` for fixes of `diagnosis`, again once all it offered was rejected, and for what it
/// can't serve.
///
/// `case` and `diagnosis` are ones that the stage has at least one fix for.
///
/// # Panics
///
/// Where the stage breaks its contract, with the sentence that is broken.
pub async fn test_all(stage: &impl FixGenerator, case: &Case, diagnosis: &Diagnosis) {
    let first = ask(stage, case, diagnosis).await;
    holds(!first.is_empty(), "the case of this suite is one that the stage has a fix for", &first);
    let digests = |fixes: &[Fix]| fixes.iter().map(Fix::digest).collect::<Vec<_>>();
    dropped(stage.generate(case, diagnosis), Duration::ZERO).await;
    let (a, b) = tokio::join!(ask(stage, case, diagnosis), ask(stage, case, diagnosis));
    for again in [a, b] {
        let same = digests(&first) == digests(&again);
        let sentence = "may be called again, and offers the same for the same case";
        holds(same, sentence, &(&first, &again));
    }
    rejected(stage, case, diagnosis).await;
    not_code(stage, case, diagnosis).await;
    nowhere(stage, case, diagnosis).await;
}

async fn ask(stage: &impl FixGenerator, case: &Case, diagnosis: &Diagnosis) -> Vec<Fix> {
    let sentence = "`Err` means that it could not be tried, not that there is no fix";
    let fixes = answered(stage.generate(case, diagnosis).await, sentence);
    let distinct: BTreeSet<_> = fixes.iter().map(Fix::digest).collect();
    holds(distinct.len() == fixes.len(), "no candidate is offered twice", &fixes);
    for fix in &fixes {
        let tried = case.tried(&fix.digest());
        holds(!tried, "a fix whose digest is in the attempts is not offered again", fix);
        check(fix, diagnosis);
    }
    fixes
}

fn check(fix: &Fix, diagnosis: &Diagnosis) {
    let title = &fix.title;
    let subject = !title.trim().is_empty() && !title.chars().any(char::is_control);
    holds(subject, "a title is one line that is not empty", title);
    holds(title.chars().count() <= TITLE, "a title has at most 72 characters", title);
    holds(!fix.author.trim().is_empty(), "a fix names its author", fix);
    holds(in_range(fix.claimed), "a confidence is at most 100%", fix);
    if let FixKind::Patch(patch) = &fix.kind {
        let based = patch.base == diagnosis.base;
        holds(based, "`Patch::base` is the revision that was diagnosed", patch);
        holds(!patch.edits.is_empty(), "a patch changes something", patch);
        for path in patch.paths() {
            let inside = check_path(path);
            holds(inside.is_ok(), "a patch stays inside the repository", &inside);
        }
    }
}

/// Rejects whatever is offered, as a verifier would, and asks for more.
async fn rejected(stage: &impl FixGenerator, case: &Case, diagnosis: &Diagnosis) {
    let mut case = case.clone();
    for _ in 0..ROUNDS {
        let fixes = ask(stage, &case, diagnosis).await;
        if fixes.is_empty() {
            return;
        }
        case.attempts.extend(fixes.iter().map(|fix| {
            let (end, why) = (AttemptEnd::Rejected, "tests: 1 of 12 failed");
            Attempt::new(fix.digest(), fix.title.clone(), end, why)
        }));
    }
}

async fn not_code(stage: &impl FixGenerator, case: &Case, diagnosis: &Diagnosis) {
    let cause = Cause::Environment(String::from("the disk of the database is full"));
    let outside = blaming(diagnosis, cause);
    let fixes = ask(stage, case, &outside).await;
    let code = fixes.iter().find(|f| !matches!(f.kind, FixKind::Action(_)));
    holds(code.is_none(), "nothing is patched where no code is to blame", &code);
}

/// Blames a file that does not exist, then nothing at all.
async fn nowhere(stage: &impl FixGenerator, case: &Case, diagnosis: &Diagnosis) {
    let location = Location::new("no/such/folder/and_no_file.py", 4_000_000);
    ask(stage, case, &blaming(diagnosis, Cause::Code(location))).await;
    ask(stage, case, &Diagnosis { hypotheses: Vec::new(), ..diagnosis.clone() }).await;
}

fn blaming(diagnosis: &Diagnosis, cause: Cause) -> Diagnosis {
    let sure = Confidence::from_percent(90);
    let hypothesis = Hypothesis::new(cause, "for the suite", sure)
        .with_evidence(vec![String::from("for the suite")]);
    Diagnosis { hypotheses: vec![hypothesis], ..diagnosis.clone() }
}

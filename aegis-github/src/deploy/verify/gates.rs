//! Checks as gates.

use aegis_core::model::{GateAnswer, GateReport};
use aegis_core::{Error, ErrorKind, Result};

use super::super::change::Change;
use super::super::checks::{Check, Word, feedback};
use super::super::pull::Remote;

/// The folder that workflows and what they run by are in.
const PIPELINES: &str = ".github";

/// Denies a change of what runs the checks: it would be its own judge.
pub(super) fn pipelines(changes: &[Change]) -> Option<GateReport> {
    let paths = changes.iter().map(|change| change.path.as_str());
    let within =
        |path: &&str| path.split('/').next().is_some_and(|top| top.eq_ignore_ascii_case(PIPELINES));
    let path = paths.into_iter().find(within)?;
    let why = format!("{path:?} is part of what runs the checks");
    Some(GateReport::new("pipelines", GateAnswer::Deny, why))
}

/// What is decided already: a check failed, or one can't tell.
pub(super) async fn decided(remote: &Remote, checks: &[Check]) -> Result<Option<Vec<GateReport>>> {
    let failed = |check: &&Check| matches!(&check.word, Word::Fails(how) if !untold(how));
    if checks.iter().any(|check| failed(&check)) {
        let mut gates = passed(checks);
        for check in checks.iter().filter(failed) {
            let said = feedback(remote, check).await;
            let why = match said.detail.trim() {
                "" => said.summary,
                detail => format!("{}: {detail}", said.summary),
            };
            gates.push(GateReport::new(gate(check), GateAnswer::Deny, why));
        }
        return Ok(Some(gates));
    }
    let told = checks.iter().find_map(|check| match &check.word {
        Word::Fails(how) => Some((&check.name, how)),
        _ => None,
    });
    match told {
        Some((name, how)) => Err(cannot_tell(name, how)),
        None => Ok(None),
    }
}

/// Those that passed, or were left out.
pub(super) fn passed(checks: &[Check]) -> Vec<GateReport> {
    let pass = |check: &Check| {
        let why = match check.word {
            Word::Passes => "it passed",
            Word::Skipped => "it was skipped, and is not required",
            Word::Waits | Word::Fails(_) => return None,
        };
        Some(GateReport::new(gate(check), GateAnswer::Pass, why))
    };
    checks.iter().filter_map(pass).collect()
}

fn gate(check: &Check) -> String {
    format!("check {}", check.name)
}

/// Ends that say nothing of what was checked.
fn untold(how: &str) -> bool {
    matches!(how, "cancelled" | "startup_failure" | "action_required")
}

fn cannot_tell(name: &str, how: &str) -> Error {
    let (kind, why) = match how {
        "cancelled" => (ErrorKind::Unavailable, "somebody, or another run, cancelled it"),
        "startup_failure" => (ErrorKind::Invalid, "its workflow can't start: mend its file"),
        _ => {
            (ErrorKind::Invalid, "it waits for a person: let it run on these branches without one")
        }
    };
    let say = format!("check {name} ended as {how}, which says nothing of the fix: {why}");
    Error::new(kind, say).at("verify")
}

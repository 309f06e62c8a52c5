//! Versions of actions that GitHub refuses to run.

use std::collections::BTreeSet;

use aegis_core::Confidence;

use super::workflow::{Step, Value};
use super::{Finding, Scene, said};

const SAID: &str = "uses a deprecated version of";
const UPLOAD: &str = "actions/upload-artifact";

/// The action, its refused major versions, and the one to use.
/// <https://github.blog/changelog/2024-04-16-deprecation-notice-v3-of-the-artifact-actions/>,
/// <https://github.com/actions/cache/discussions/1510>
const REFUSED: [(&str, &[&str], &str); 3] = [
    (UPLOAD, &["v1", "v2", "v3"], "v4"),
    ("actions/download-artifact", &["v1", "v2", "v3"], "v4"),
    ("actions/cache", &["v1", "v2"], "v4"),
];

/// The action that the runner names as too old, where a job that failed for it uses exactly that.
pub(super) fn refused(scene: &Scene<'_>) -> Option<Finding> {
    let report = scene.report;
    let line = report.runner_says()?.lines().find(|line| line.contains(SAID))?;
    let (_, named) = line.split_once(SAID)?;
    let named = named.trim_start().trim_start_matches('`');
    let (action, version) = named.split(['`', ';']).next()?.split_once(": ")?;
    let version = version.split_whitespace().next()?.trim_end_matches('.');
    let uses =
        |step: &Step<'_>| step.uses.as_ref().and_then(Value::action) == Some((action, version));
    let mut places = Vec::new();
    for failed in report.not_set_up() {
        let job = scene.workflow.job_called(failed.name);
        places
            .extend(job.into_iter().flat_map(|job| job.steps).filter(uses).filter_map(|s| s.uses));
    }
    let first = places.first()?;
    let place = format!("{}:{}", scene.path, first.line + 1);
    let major = version.split('.').next().unwrap_or_default();
    let known = REFUSED.iter().find(|(name, old, _)| *name == action && old.contains(&major));
    let mut finding = Finding {
        explanation: format!("GitHub refuses {action}@{version}, which is too old"),
        evidence: vec![said(line), format!("{place} uses it")],
        look: report.place(&place),
        confidence: Confidence::from_percent(90),
        mend: None,
    };
    let Some((_, _, new)) = known else { return Some(finding) };
    if action == UPLOAD && !is_each_name_once(scene) {
        finding.explanation += &format!(
            "; {new} takes each artifact's name once in a run, and more than one upload may have it"
        );
        return Some(finding);
    }
    let lines = places.iter().map(|value| value.replaced(&format!("{action}@{new}"))).collect();
    finding.mend = Some((format!("Use {action}@{new}"), lines));
    Some(finding)
}

/// Whether each upload of the workflow is known to be under a name of its own.
fn is_each_name_once(scene: &Scene<'_>) -> bool {
    let mut names = BTreeSet::new();
    scene.workflow.jobs().iter().all(|job| {
        let of_matrix = scene.workflow.find(job.lines.clone(), "matrix:").is_some();
        let uploads = job.steps.iter().filter(|step| {
            let action = step.uses.as_ref().and_then(Value::action);
            action.is_some_and(|(action, _)| action == UPLOAD)
        });
        uploads.into_iter().all(|step| {
            let named = scene.workflow.input(step, "name");
            !of_matrix && named.is_some_and(|name| names.insert(name.text()))
        })
    })
}

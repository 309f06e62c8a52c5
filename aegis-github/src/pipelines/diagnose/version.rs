//! Versions of actions that do not exist.

use std::collections::BTreeSet;

use aegis_core::Confidence;

use super::workflow::Workflow;
use super::{Finding, Scene, is_workflow, said};

/// The action that the runner can't find in the version that the job asks for: what the repository uses
/// elsewhere is known to exist, and which of several is meant is not.
pub(super) fn missing(scene: &Scene<'_>) -> Option<Finding> {
    let report = scene.report;
    let says = |line: &&str| {
        line.contains("Unable to resolve action") && line.contains("unable to find version")
    };
    let line = report.runner_says()?.lines().find(says)?;
    let (action, version) = line.split('`').nth(1)?.split_once('@')?;
    let job = scene.workflow.job_called(report.jobs.first()?.name)?;
    let asked = job.steps.into_iter().filter_map(|step| step.uses);
    let asked: Vec<_> = asked.filter(|uses| uses.action() == Some((action, version))).collect();
    let place = format!("{}:{}", scene.path, asked.first()?.line + 1);
    let others = used_elsewhere(scene, action, version);
    let mut finding = Finding {
        explanation: format!("{action} has no version {version}"),
        evidence: vec![said(line), format!("{place} asks for it")],
        look: report.place(&place),
        confidence: Confidence::from_percent(80),
        mend: None,
    };
    let mut each = others.iter();
    if let (Some((other, at)), None) = (each.next(), each.next()) {
        finding.evidence.push(format!("{at} uses {action}@{other}"));
        let lines = asked.iter().map(|uses| uses.replaced(&format!("{action}@{other}"))).collect();
        finding.mend = Some((format!("Use {action}@{other}"), lines));
    } else if !others.is_empty() {
        let all: Vec<_> = others.iter().map(|(version, at)| format!("{version} ({at})")).collect();
        finding.evidence.push(format!("elsewhere it is used as {}", all.join(", ")));
    }
    Some(finding)
}

/// Other versions of the action in the repository's workflows, each with a place.
fn used_elsewhere(scene: &Scene<'_>, action: &str, version: &str) -> BTreeSet<(String, String)> {
    let mut seen = BTreeSet::new();
    let mut found = BTreeSet::new();
    for (path, text) in scene.files.iter().filter(|(path, _)| is_workflow(path)) {
        let jobs = Workflow::read(text).jobs();
        for uses in jobs.into_iter().flat_map(|job| job.steps).filter_map(|step| step.uses) {
            let Some((_, other)) = uses.action().filter(|(name, _)| *name == action) else {
                continue;
            };
            if other != version && seen.insert(other.to_owned()) {
                found.insert((other.to_owned(), format!("{path}:{}", uses.line + 1)));
            }
        }
    }
    found
}

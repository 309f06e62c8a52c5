//! Images of runners that GitHub has retired.

use aegis_core::Confidence;

use super::{Finding, Scene, said};

/// The image, and the oldest of its system and processor that is left.
/// <https://github.com/actions/runner-images>
const RETIRED: [(&str, &str); 9] = [
    ("ubuntu-16.04", "ubuntu-22.04"),
    ("ubuntu-18.04", "ubuntu-22.04"),
    ("ubuntu-20.04", "ubuntu-22.04"),
    ("macos-10.15", "macos-15-intel"),
    ("macos-11", "macos-15-intel"),
    ("macos-12", "macos-15-intel"),
    ("macos-13", "macos-15-intel"),
    ("windows-2016", "windows-2022"),
    ("windows-2019", "windows-2022"),
];

/// What is said of a job that no runner takes, in lower case.
const SAID: [&str; 3] = ["no runner matching", "could not find any runner", "brownout"];

/// Jobs of which no step ran, and whose image is no more.
pub(super) fn retired(scene: &Scene<'_>) -> Option<Finding> {
    let report = scene.report;
    let why = match report.log {
        None => String::from("no step of it ran, and it has no log"),
        Some(_) => {
            let log = report.runner_says()?;
            let says = |line: &&str| SAID.iter().any(|words| line.to_lowercase().contains(words));
            said(log.lines().find(says)?)
        }
    };
    let mut lines = Vec::new();
    let (mut evidence, mut first) = (vec![why], None);
    for failed in report.not_set_up().filter(|job| report.log.is_some() || job.step.is_none()) {
        let Some(image) = scene.workflow.job_called(failed.name).and_then(|job| job.runs_on) else {
            continue;
        };
        let Some((old, new)) = RETIRED.iter().find(|(old, _)| *old == image.text()) else {
            continue;
        };
        let place = format!("{}:{}", scene.path, image.line + 1);
        evidence.push(format!("{place} has job {} run on {old}", failed.name));
        first.get_or_insert((failed.name, *old, *new, place));
        lines.push(image.replaced(new));
    }
    let (job, old, new, place) = first?;
    Some(Finding {
        explanation: format!("job {job} runs on {old}, which GitHub has retired"),
        evidence,
        look: report.place(&place),
        confidence: Confidence::from_percent(90),
        mend: Some((format!("Run job {job} on {new}"), lines)),
    })
}

//! Commands that do not exist on the runner.

use aegis_core::Confidence;

use super::{Finding, Scene, said};

const SAID: &str = ": command not found";

/// Whether a file lists what Python needs: `requirements.txt` and the like, at the top.
pub(super) fn lists(path: &str) -> bool {
    path.starts_with("requirements") && path.ends_with(".txt") && !path.contains('/')
}

/// A command that a list of the repository would install and the job does not. Where to install it, and
/// whether in that job, is nothing that a log says: nothing is changed.
pub(super) fn missing(scene: &Scene<'_>) -> Option<Finding> {
    let report = scene.report;
    let line = report.log?.lines().map(str::trim).find(|line| line.ends_with(SAID))?;
    let command =
        line.strip_suffix(SAID)?.rsplit([':', ' ']).next().filter(|command| !command.is_empty())?;
    let is = |listed: &str| listed.split(|c: char| " <>=!~;[#".contains(c)).next() == Some(command);
    let mut files = scene.files.iter().filter(|(path, _)| lists(path));
    let (list, _) = files.find(|(_, text)| text.lines().any(|listed| is(listed.trim())))?;
    let job = scene.workflow.job_called(report.jobs.first()?.name)?;
    let installs = scene.workflow.find(job.lines.clone(), list);
    let (explanation, at) = match installs {
        None => (format!("job installs nothing of {list}, which lists {command}"), job.lines.start),
        Some(at) => (format!("job installs {list}, and {command} is not on its path"), at),
    };
    let place = format!("{}:{}", scene.path, at + 1);
    Some(Finding {
        explanation: format!("{command} does not exist on the runner: the {explanation}"),
        evidence: vec![said(line)],
        look: report.place(&place),
        confidence: Confidence::from_percent(70),
        mend: None,
    })
}

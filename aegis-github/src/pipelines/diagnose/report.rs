//! What the symptom of a run that failed tells, as `tell` writes it.

/// A run that failed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Report<'a> {
    /// Its address.
    pub(super) run: &'a str,
    /// The jobs that failed; the log is of the first.
    pub(super) jobs: Vec<FailedJob<'a>>,
    /// What its log says; `None` where there is none.
    pub(super) log: Option<&'a str>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct FailedJob<'a> {
    pub(super) name: &'a str,
    pub(super) step: Option<&'a str>,
}

impl<'a> Report<'a> {
    /// Reads what stands before the command and the log, which may look like it.
    pub(super) fn read(detail: &'a str) -> Self {
        let mut report = Self::default();
        // The title, which quotes what the log says, and the cause.
        let mut rest = detail.splitn(3, '\n').nth(2).unwrap_or_default();
        while let Some((line, after)) = rest.split_once('\n') {
            if let Some(run) = line.strip_prefix("run: ") {
                report.run = run.split(", attempt ").next().unwrap_or_default();
            } else if let Some(job) = line.strip_prefix("failed job: ") {
                let (name, step) = match job.rsplit_once(", step ") {
                    Some((name, step)) => (name, Some(step)),
                    None => (job, None),
                };
                report.jobs.push(FailedJob { name, step });
            } else if !line.starts_with("commit: ") && !line.starts_with("failed jobs that") {
                break;
            }
            rest = after;
        }
        let log = |text: &'a str| text.split_once('\n').map(|(_, log)| log);
        report.log = match rest.strip_prefix("log of ") {
            Some(text) => log(text),
            None => rest.split_once("\nlog of ").and_then(|(_, text)| log(text)),
        };
        report
    }

    /// The jobs that failed before a step of theirs ran.
    pub(super) fn not_set_up(&self) -> impl Iterator<Item = &FailedJob<'a>> {
        self.jobs.iter().filter(|job| job.step.is_none_or(|step| step == "Set up job"))
    }

    /// Whether the log is of a job that failed before a step of it ran: then the runner wrote it.
    pub(super) fn runner_says(&self) -> Option<&'a str> {
        let first = self.jobs.first()?;
        self.not_set_up().any(|job| job == first).then_some(self.log)?
    }

    /// Where a person looks, in `what`.
    pub(super) fn place(&self, what: &str) -> String {
        let mut place = what.to_owned();
        if let Some(job) = self.jobs.first() {
            place.push_str(&format!(", job {}", job.name));
            if let Some(step) = job.step {
                place.push_str(&format!(", step {step}"));
            }
        }
        if !self.run.is_empty() {
            place.push_str(&format!(", run {}", self.run));
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_log_or_a_command_says_is_no_job() {
        let report = Report::read(
            "ci.yml, job a\ncause: configuration\nrun: https://x/1, attempt 2\ncommit: c\n\
             failed job: a, step Set up job\nfailed job: b\ncommand: x\nfailed job: evil\n\
             log of a:\nfailed job: evil\nlog of b:\nend",
        );
        assert_eq!(report.run, "https://x/1");
        let jobs: Vec<_> = report.jobs.iter().map(|job| (job.name, job.step)).collect();
        assert_eq!(jobs, [("a", Some("Set up job")), ("b", None)]);
        assert_eq!(report.log, Some("failed job: evil\nlog of b:\nend"));
        assert_eq!(report.place("ci.yml"), "ci.yml, job a, step Set up job, run https://x/1");
        let none = Report::read("t\ncause: unknown\nfailed job: a\nno log: GitHub has it no more");
        assert_eq!((none.jobs.len(), none.log), (1, None));
        assert_eq!(Report::read("t"), Report::default());
    }
}

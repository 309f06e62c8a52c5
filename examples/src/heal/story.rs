//! Watching a run, and telling how it went.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aegis_core::machine::{Incident, Phase};
use aegis_core::model::Cause;
use aegis_core::planner::{Change, Handle};
use aegis_core::policy::Autonomy;
use aegis_core::{EffectKind, Revision};
use aegis_gemini::router::Figures;
use aegis_local::local::Local;
use aegis_local::verify::BaseSuite;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use super::scenario::Scenario;
use super::{Failure, Interrupt, Options, Scene, Trouble};
use crate::report::{Report, Row, Turn};
use crate::staging::hub::Hub;
use crate::terminal::{Terminal, Tone, span, table};
use crate::traffic::Totals;

/// Names of failing tests that are shown.
const MOST_NAMES: usize = 20;

/// Ordinary visitors for a while, and the suite run ahead of time.
pub(super) async fn warm_up(
    terminal: &mut Terminal,
    local: &Local,
    scene: &Scene,
    calm: Duration,
) -> Result<(), Failure> {
    let until = Instant::now() + calm;
    terminal.line(Tone::Plain, "ordinary visitors come; what is normal is learned");
    if !scene.resumed {
        local.verifier().warm(&Revision::new(scene.run.base.clone())).await?;
    }
    tokio::time::sleep_until(until).await;
    Ok(())
}

/// Runs the suite before anything depends on it, and says what fails in it already.
///
/// Fails where it can't prove anything: it breaks off, takes too long or holds no test.
pub(super) async fn try_tests(
    terminal: &mut Terminal,
    local: &Local,
    scene: &Scene,
    options: &Options,
) -> Result<(), Failure> {
    let command = options.theirs.as_ref().map_or("", |theirs| &theirs.test);
    terminal.line(Tone::Faint, format!("its tests are run once, ahead of time: `{command}`"));
    let suite = local.verifier().warm(&Revision::new(scene.run.base.clone())).await;
    say_tests(terminal, suite, command)
}

fn say_tests(
    terminal: &mut Terminal,
    suite: aegis_core::Result<BaseSuite>,
    command: &str,
) -> Result<(), Failure> {
    let unusable = |why: &str| {
        let how = "--test takes a command line of pytest or unittest that runs in a copy of the repository";
        let more = "--test-timeout gives it more time";
        Err(format!("`{command}` can't prove a fix: {why}; {how}, {more}").into())
    };
    match suite? {
        BaseSuite::Ran { counts, failing, flaky } if failing.is_empty() => {
            terminal.line(Tone::Good, format!("{} tests pass", counts.passed));
            if !flaky.is_empty() {
                let some = flaky.iter().take(MOST_NAMES).cloned().collect::<Vec<_>>().join(", ");
                let (n, text) = (flaky.len(), "do not end the same way each time and do not count");
                terminal.line(Tone::Plain, format!("{n} {text}: {some}"));
            }
            Ok(())
        }
        BaseSuite::Ran { counts, failing, .. } => {
            let (red, all) = (failing.len(), counts.passed + counts.failed);
            let text = format!("{red} of {all} tests fail before any change:");
            terminal.line(Tone::Bad, text);
            for name in failing.iter().take(MOST_NAMES) {
                terminal.line(Tone::Bad, format!("  {name}"));
            }
            if red > MOST_NAMES {
                terminal.line(Tone::Bad, format!("  and {} more", red - MOST_NAMES));
            }
            let text = "a fix is compared with that, but merged only where all of them pass: put \
                        them right on the release branch, or leave them out in --test";
            terminal.line(Tone::Bad, text);
            Ok(())
        }
        BaseSuite::Empty => unusable("it holds no tests"),
        BaseSuite::Broken(why) => unusable(&why),
        _ => unusable("nobody knows how it ended"),
    }
}

/// A service of somebody's under a planner.
#[derive(Debug)]
pub(super) struct LookAfter<'a> {
    pub(super) local: &'a Local,
    pub(super) handle: &'a Handle,
    pub(super) scene: &'a Scene,
    pub(super) options: &'a Options,
}

impl LookAfter<'_> {
    /// Until the time is over or a signal ends it.
    pub(super) async fn until(
        self,
        terminal: &mut Terminal,
        interrupt: &mut Interrupt,
        mut trouble: Trouble,
    ) -> Result<(), Failure> {
        let Self { local, handle, scene, options } = self;
        let mut changes = handle.changes();
        let verifier = Arc::clone(local.verifier());
        let base = Revision::new(scene.run.base.clone());
        let mut warming = tokio::spawn(async move { verifier.warm(&base).await });
        // What a run that was cut short tried is only noted: its service can't wait for it.
        let mut warm = !scene.resumed;
        let end = async {
            match options.limit {
                Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(end);
        let text = "looking after it; an interrupt ends it, and prints the report";
        terminal.line(Tone::Plain, text);
        loop {
            tokio::select! {
                change = changes.recv() => say(terminal, handle, change).await?,
                done = &mut warming, if !warm => {
                    warm = true;
                    let command = options.theirs.as_ref().map_or("", |theirs| &theirs.test);
                    if let Err(e) = say_tests(terminal, done?, command) {
                        terminal.line(Tone::Bad, e);
                    }
                }
                Ok(()) = trouble.changed() => {
                    let why = trouble.borrow_and_update().clone();
                    match why {
                        Some(why) => terminal.line(Tone::Bad, format!(
                            "the journal can't be written, and what is not journaled is not done: \
                             {why}; it goes on once that is put right"
                        )),
                        None => terminal.line(Tone::Good, "the journal can be written again"),
                    }
                }
                () = &mut end => return Ok(()),
                () = interrupt.came() => return Ok(()),
            }
        }
    }
}

/// Prints one change; some that were missed are not worth more than the next one.
pub(super) async fn say(
    terminal: &mut Terminal,
    handle: &Handle,
    change: Result<Change, RecvError>,
) -> Result<(), Failure> {
    let change = match change {
        Ok(change) => change,
        Err(RecvError::Lagged(_)) => return Ok(()),
        Err(RecvError::Closed) => return Err("the planner stopped by itself".into()),
    };
    let incident = handle.incident(&change.incident).await?;
    let id = change.incident.as_str();
    let (tone, text) = describe(&incident, change.phase);
    terminal.line(tone, format!("{id}  {:<13}  {text}", change.phase.name()));
    Ok(())
}

/// One line about a phase that was entered.
fn describe(incident: &Incident, phase: Phase) -> (Tone, String) {
    let case = &incident.case;
    let title = case.symptoms.first().map(|s| s.title.to_string()).unwrap_or_default();
    let fix = incident.fix().map(|f| f.title.clone()).unwrap_or_default();
    let proof = incident.verification.as_ref();
    let text = match phase {
        Phase::Diagnosing => title,
        Phase::Drafting => {
            let cause = case.diagnosis.as_ref().and_then(|d| d.likely()).map(|h| &h.cause);
            match cause {
                Some(Cause::Code(at)) => format!("cause at {}:{}", at.path, at.line),
                _ => String::from("cause found"),
            }
        }
        Phase::Verifying => fix,
        Phase::Gating => proof.map_or(String::new(), |p| {
            let tests = p.tests.after.map_or(0, |t| t.passed);
            format!("{tests} tests pass, confidence {}", p.confidence())
        }),
        Phase::Queued => String::from("waiting for the release before it"),
        Phase::Submitting => format!("branch {}", incident.key(EffectKind::Submit).branch()),
        Phase::Merging => String::from("its checks passed"),
        Phase::GoingLive => {
            incident.merged.as_ref().map_or(String::new(), |c| format!("merged as {}", c.short()))
        }
        Phase::Watching => String::from("running; watching"),
        Phase::Withdrawing => String::from("taking back what was submitted"),
        Phase::Reverting => incident.condemned.join("; "),
        Phase::AwaitingHuman => incident.why.as_ref().map(ToString::to_string).unwrap_or_default(),
        Phase::Healed => String::from("the error is gone while its path is used"),
        Phase::Folded => {
            incident.folded.as_ref().map_or(String::new(), |into| format!("part of {into}"))
        }
        Phase::RolledBack | Phase::Kept | Phase::SelfResolved | Phase::Abandoned => String::new(),
    };
    let tone = match phase {
        Phase::Healed | Phase::Kept => Tone::Good,
        Phase::AwaitingHuman | Phase::Reverting | Phase::RolledBack => Tone::Bad,
        _ => Tone::Plain,
    };
    (tone, text)
}

/// The table at the end.
pub(super) fn tell(
    terminal: &mut Terminal,
    report: &Report,
    totals: Option<&Totals>,
    scene: &Scene,
) {
    let headings = ["incident", "scenario", "what broke", "outcome", "confidence", "branch"];
    let rows: Vec<Vec<String>> = report.incidents.iter().map(cells).collect();
    terminal.text(Tone::Plain, "");
    terminal.text(Tone::Plain, table(&headings, &rows));
    terminal.text(Tone::Plain, "");
    for row in &report.incidents {
        let stages: Vec<String> =
            row.stages.iter().map(|s| format!("{} {}", s.name, span(s.ms))).collect();
        terminal.text(Tone::Plain, format!("{}  {}", row.id, stages.join(", ")));
        if let Some(total) = row.beside.to_merge_ms {
            let own = total.saturating_sub(row.beside.tests_ms);
            let text = format!(
                "{}  detection to merge {}, of it Aegis' own share {}",
                row.id,
                span(total),
                span(own)
            );
            terminal.text(Tone::Plain, text);
        }
        if let Some(why) = &row.why {
            terminal.text(Tone::Bad, format!("{}  {why}", row.id));
        }
    }
    if let Some(text) = report.reproduced() {
        terminal.text(Tone::Plain, text);
    }
    if report.incidents.is_empty() {
        terminal.text(Tone::Plain, "no incident");
    }
    if let Some(totals) = totals {
        let (requests, errors) = (totals.requests, totals.errors);
        terminal.text(Tone::Faint, format!("{requests} requests, {errors} of them failed"));
    }
    let repository = scene.repository.display();
    terminal.text(Tone::Faint, format!("see: git -C {repository} log --graph --oneline"));
}

/// The pull requests of a run, each kept as a page beside the journal.
pub(super) fn tell_pulls(terminal: &mut Terminal, hub: &Hub, state: &Path) -> Result<(), Failure> {
    let seen = hub.seen();
    let folder = state.join("pulls");
    std::fs::create_dir_all(&folder)?;
    for pull in &seen.pulls {
        let page = format!("# {}\n\n{}", pull.title, pull.body);
        std::fs::write(folder.join(format!("{}.md", pull.number)), page)?;
        let text = format!("pull request #{}  {}  {}", pull.number, pull.state, pull.title);
        terminal.text(Tone::Plain, text);
    }
    let (calls, writes) = seen.calls;
    let text =
        format!("{calls} calls of GitHub's API, {writes} of them writes; the rest are looks");
    terminal.text(Tone::Faint, text);
    let folder = folder.display();
    terminal.text(Tone::Faint, format!("see: {folder}/ (what each pull request says)"));
    Ok(())
}

fn cells(row: &Row) -> Vec<String> {
    let mut title = row.beside.title.clone();
    if title.chars().count() > 40 {
        title = title.chars().take(39).chain(['…']).collect();
    }
    vec![
        row.id.clone(),
        row.scenario.clone().unwrap_or_else(|| String::from("-")),
        title,
        row.outcome.clone(),
        row.confidence.map_or(String::from("-"), |c| format!("{:.1}%", c * 100.0)),
        row.branch.clone().unwrap_or_else(|| String::from("-")),
    ]
}

/// What models were asked, and what that cost.
pub(super) fn tell_models(terminal: &mut Terminal, figures: &Figures) {
    // Six digits hold any bill of a run.
    #[allow(clippy::cast_precision_loss)]
    let dollars = figures.cost as f64 / 1e6;
    let lite = figures.lite_share().unwrap_or_default() * 100.0;
    let text = format!(
        "models: {} requests, {lite:.0}% of them to a small one, {} answers kept, ${dollars:.4}",
        figures.requests, figures.cached
    );
    terminal.line(Tone::Faint, text);
}

/// The shop: exactly the incidents that its scenarios should leave, each ended as it should. A service
/// of somebody's: every incident ended, none waits for a person, and no fix that was merged had to be
/// taken back. Either: no two of them released at once.
pub(super) fn as_it_should(report: &Report, options: &Options) -> bool {
    if !one_at_a_time(report) {
        return false;
    }
    if options.theirs.is_some() {
        let taken_back = |row: &Row| row.outcome == "RolledBack" && row.merge_commit.is_some();
        return report.incidents.iter().all(|row| row.beside.closed && !taken_back(row));
    }
    let mut expected: Vec<(&str, &str, usize)> = match options.autonomy {
        Autonomy::Auto => {
            let scenarios = options.scenarios().into_iter();
            let rows = scenarios.flat_map(|s| match s {
                Scenario::CrashBugs => s.expected()[..options.bugs.len()].iter(),
                _ => s.expected().iter(),
            });
            rows.map(|(row, phase, merges)| (*row, phase.name(), *merges)).collect()
        }
        _ => vec![("crash-bugs", Phase::AwaitingHuman.name(), 0); options.bugs.len()],
    };
    let found = |row: &Row| {
        let merged = row.submissions.iter().filter(|s| s.merge_commit.is_some()).count();
        (row.scenario.clone().unwrap_or_default(), row.outcome.clone(), merged)
    };
    let mut found: Vec<(String, String, usize)> = report.incidents.iter().map(found).collect();
    expected.sort_unstable();
    found.sort_unstable();
    found.iter().map(|(row, outcome, merges)| (&row[..], &outcome[..], *merges)).eq(expected)
}

/// Whether no incident began to release before the one before it was through, a second's leeway for
/// what is written down at the same moment.
fn one_at_a_time(report: &Report) -> bool {
    let mut turns: Vec<Turn> =
        report.incidents.iter().flat_map(|row| &row.turns).copied().collect();
    turns.sort_unstable_by_key(|turn| turn.from);
    turns.windows(2).all(|two| two[0].to.is_some_and(|to| two[1].from + 1_000 >= to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Submission;

    fn row(scenario: &str, outcome: &str, merges: u32) -> Row {
        let submission = |attempt| Submission {
            attempt,
            branch: format!("aegis/fix-{attempt}"),
            merge_commit: Some(String::from("c")),
            reverted_by: None,
        };
        Row {
            scenario: Some(scenario.to_owned()),
            outcome: outcome.to_owned(),
            submissions: (1..=merges).map(submission).collect(),
            ..Row::default()
        }
    }

    #[test]
    fn two_that_release_at_once_are_not_as_it_should_be() {
        let row = |from, to| Row { turns: vec![Turn { from, to }], ..Row::default() };
        let holds = |incidents| one_at_a_time(&Report { incidents });
        assert!(holds(vec![row(0, Some(9_000)), row(9_000, Some(20_000)), row(20_100, None)]));
        assert!(!holds(vec![row(9_000, Some(20_000)), row(0, Some(12_000))]));
        assert!(!holds(vec![row(0, None), row(9_000, Some(20_000))]));
    }

    #[test]
    fn a_row_too_many_too_few_or_merged_too_often_is_not_as_it_should_be() {
        let options = Options { scenarios: vec![Scenario::Trap], ..Options::default() };
        let good = || vec![row("trap", "RolledBack", 1), row("trap-again", "AwaitingHuman", 0)];
        let holds = |incidents| as_it_should(&Report { incidents }, &options);
        assert!(holds(good()));
        assert!(!holds(good()[..1].to_vec()));
        assert!(!holds([good(), vec![row("trap", "Healed", 1)]].concat()));
        assert!(!holds(vec![good()[0].clone(), row("trap-again", "AwaitingHuman", 1)]));
    }
}

//! The story of `make heal`: stage a service, let it break, let it heal, tell what happened.

mod failure;
mod interrupt;
mod options;
mod run_file;
mod scene;
mod story;
mod witness;

use std::sync::Arc;
use std::time::Duration;

use aegis_core::planner::Handle;
use aegis_core::port::Journal;
use aegis_local::local::Local;
use aegis_sql::SqliteJournal;

pub use failure::{Exit, Failure, Stopped};
pub use options::{Options, Theirs};

use crate::report;
use crate::staging::script;
use crate::terminal::{Terminal, Tone};
use crate::traffic::{Totals, Traffic, TrafficConfig};
use interrupt::Interrupt;
use run_file::RunFile;
use scene::Scene;
use witness::{Trouble, Witness};

/// Visitors before the first one meets a bug: what is normal has to be seen first.
const CALM: Duration = Duration::from_secs(5);
/// Visitors after the last incident is closed, to show that the routes work.
const AFTER: Duration = Duration::from_secs(3);
/// Requests a second.
const PACE: f64 = 40.0;

/// Plays a run to its end.
///
/// # Errors
///
/// Where something is missing, and where the run breaks off: how the process ends, and the next step.
pub async fn run(options: Options) -> Result<Exit, Stopped> {
    let mut terminal = Terminal::stdout();
    terminal.text(Tone::Title, "A broken service heals itself");
    let scene = Scene::set(&options, &mut terminal).await.map_err(Stopped::missing)?;
    let begun = Stage::begin(&scene, &options, &mut terminal).await;
    if !matches!(begun, Ok(Some(_))) && !scene.resumed {
        // There is nothing to resume.
        RunFile::finish(&scene.state).map_err(Stopped::missing)?;
    }
    let Some(stage) = begun.map_err(Stopped::missing)? else { return Ok(Exit::AsItShould) };
    let played = stage.play(&scene, &options, &mut terminal).await;
    played.map_err(|e| Stopped::broke_off(e, &scene.state))
}

/// What runs.
#[derive(Debug)]
struct Stage {
    journal: Arc<dyn Journal>,
    trouble: Trouble,
    local: Local,
    /// Signals, where they end a run in order.
    interrupt: Option<Interrupt>,
}

impl Stage {
    /// Starts the service, and tries what a fix will be proven by; nothing where that was interrupted.
    async fn begin(
        scene: &Scene,
        options: &Options,
        terminal: &mut Terminal,
    ) -> Result<Option<Self>, Failure> {
        let journal = SqliteJournal::create_or_open(scene.state.join("journal.db")).await?;
        let (journal, trouble) = Witness::of(Arc::new(journal));
        let mut interrupt = options.theirs.is_some().then(Interrupt::new).transpose()?;
        let local = scene.start_service(terminal, options).await?;
        if let Some(interrupt) = interrupt.as_mut().filter(|_| !scene.resumed) {
            let tried = tokio::select! {
                tried = story::try_tests(terminal, &local, scene, options) => tried.map(|()| true),
                () = interrupt.came() => Ok(false),
            };
            if !matches!(tried, Ok(true)) {
                local.close(true).await?;
                return tried.map(|_| None);
            }
        }
        Ok(Some(Self { journal, trouble, local, interrupt }))
    }

    /// Looks after the service to the end of the run, ends it, and tells how it went.
    async fn play(
        mut self,
        scene: &Scene,
        options: &Options,
        terminal: &mut Terminal,
    ) -> Result<Exit, Failure> {
        let played = self.act(scene, options, terminal).await;
        self.local.close(true).await?;
        let (complete, totals) = played?;
        let report = report::read(self.journal.as_ref()).await?;
        story::tell(terminal, &report, totals.as_ref(), scene);
        if let Some(why) = self.trouble.borrow().clone() {
            return Err(format!("the journal can't be written: {why}").into());
        }
        if let Some(path) = &options.json {
            let text = serde_json::to_string_pretty(&report)?;
            std::fs::write(path, text + "\n")
                .map_err(|e| format!("can't write the report to {}: {e}", path.display()))?;
        }
        RunFile::finish(&scene.state)?;
        if complete && story::as_it_should(&report, options) {
            return Ok(Exit::AsItShould);
        }
        terminal.text(Tone::Bad, "not every incident ended as it should");
        Ok(Exit::Waiting)
    }

    async fn act(
        &mut self,
        scene: &Scene,
        options: &Options,
        terminal: &mut Terminal,
    ) -> Result<(bool, Option<Totals>), Failure> {
        let handle = scene.start_planner(&self.local, &self.journal, options)?;
        let watch = options.watch().as_secs();
        terminal
            .line(Tone::Faint, format!("a release is watched for {watch} s; the default is 300 s"));
        let played = match &mut self.interrupt {
            Some(interrupt) => {
                let trouble = self.trouble.clone();
                let run = story::LookAfter { local: &self.local, handle: &handle, scene, options };
                run.until(terminal, interrupt, trouble).await.map(|()| (true, None))
            }
            None => {
                let played = play_shop(terminal, &self.local, &handle, scene, options).await;
                played.map(|(complete, totals)| (complete, Some(totals)))
            }
        };
        // What failed first is what is told.
        let ended = handle.shutdown().await;
        let played = played?;
        ended?;
        Ok(played)
    }
}

/// Visitors of the shop, who after a while meet its bugs; whether all was over in time.
async fn play_shop(
    terminal: &mut Terminal,
    local: &Local,
    handle: &Handle,
    scene: &Scene,
    options: &Options,
) -> Result<(bool, Totals), Failure> {
    let changes = handle.changes();
    let visitors = TrafficConfig::new(scene.address, scene.state.join("transcript.jsonl"));
    let traffic = Traffic::start(visitors.with_per_second(PACE), script::requests(&[]))?;
    story::warm_up(terminal, local, scene, CALM).await?;
    let plural = if options.bugs.len() == 1 { "bug" } else { "bugs" };
    terminal.line(Tone::Plain, format!("visitors now meet {} {plural}:", options.bugs.len()));
    for bug in &options.bugs {
        terminal.line(Tone::Faint, format!("  {}", bug.exception().trim_end_matches([':', ' '])));
    }
    traffic.replace(script::requests(&options.bugs));
    let complete = story::watch(terminal, handle, changes, &traffic, options).await?;
    if complete {
        tokio::time::sleep(AFTER).await;
    }
    Ok((complete, traffic.stop().await?))
}

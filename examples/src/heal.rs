//! The story of `make heal`: stage a service, let it break, let it heal, tell what happened.

mod options;
mod run_file;
mod scene;
mod story;

use std::sync::Arc;
use std::time::Duration;

use aegis_core::planner::Handle;
use aegis_core::port::Journal;
use aegis_local::local::Local;
use aegis_sql::SqliteJournal;

pub use options::{Options, Theirs};

use crate::report;
use crate::staging::script;
use crate::terminal::{Terminal, Tone};
use crate::traffic::{Totals, Traffic, TrafficConfig};
use run_file::RunFile;
use scene::Scene;

/// Anything that keeps a run from being played.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Visitors before the first one meets a bug: what is normal has to be seen first.
const CALM: Duration = Duration::from_secs(5);
/// Visitors after the last incident is closed, to show that the routes work.
const AFTER: Duration = Duration::from_secs(3);
/// Requests a second.
const PACE: f64 = 40.0;

/// Plays a run to its end; whether every incident ended as it should.
pub async fn run(options: Options) -> Result<bool, Failure> {
    let mut terminal = Terminal::stdout();
    terminal.text(Tone::Title, "A broken service heals itself");
    let scene = Scene::set(&options, &mut terminal).await?;
    let journal = SqliteJournal::create_or_open(scene.state.join("journal.db")).await?;
    let journal: Arc<dyn Journal> = Arc::new(journal);
    let local = scene.start_service(&mut terminal).await?;
    let handle = scene.start_planner(&local, &journal, &options)?;
    let watch = options.watch().as_secs();
    terminal.line(Tone::Faint, format!("a release is watched for {watch} s; the default is 300 s"));
    let (complete, totals) = if options.theirs.is_some() {
        story::look_after(&mut terminal, &local, &handle, &scene, &options).await?;
        (true, None)
    } else {
        let (complete, totals) =
            play_shop(&mut terminal, &local, &handle, &scene, &options).await?;
        (complete, Some(totals))
    };
    handle.shutdown().await?;
    local.close(true).await?;

    let report = report::read(journal.as_ref()).await?;
    story::tell(&mut terminal, &report, totals.as_ref(), &scene);
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(path, text + "\n")
            .map_err(|e| format!("can't write the report to {}: {e}", path.display()))?;
    }
    RunFile::finish(&scene.state)?;
    let good = complete && story::as_it_should(&report, &options);
    if !good {
        terminal.text(Tone::Bad, "not every incident ended as it should");
    }
    Ok(good)
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

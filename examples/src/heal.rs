//! The story of `make heal`: stage a service, let it break, let it heal, tell what happened.

mod acts;
mod notes;
mod options;
mod pace;
mod play;
mod run_file;
mod scenario;
mod scene;
mod story;
mod witness;

use std::sync::Arc;

use aegis_core::policy::PolicyConfig;
use aegis_core::port::Journal;
use aegis_local::local::Local;
use aegis_local::notify::LogNotifier;
use aegis_sql::SqliteJournal;

pub use options::{Options, Theirs};
pub use scenario::{Expected, Scenario};

use crate::report;
use crate::staging::script;
use crate::terminal::{Terminal, Tone};
use crate::traffic::{Totals, Traffic, TrafficConfig};
use play::Play;
use run_file::RunFile;
use scene::Scene;

/// Anything that keeps a run from being played.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

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
    let watch = options.pace().settings.watch_ms / 1_000;
    terminal.line(Tone::Faint, format!("a release is watched for {watch} s; the default is 300 s"));
    let (complete, totals) = if options.theirs.is_some() {
        let policy = PolicyConfig::new(options.autonomy);
        let planner = scene.planner(&local, &journal, policy, &options.pace());
        let handle = planner.notifier(Arc::new(LogNotifier::new())).build()?.start()?;
        story::look_after(&mut terminal, &local, &handle, &scene, &options).await?;
        handle.shutdown().await?;
        (true, None)
    } else {
        let shop = (&scene, &local);
        let (complete, totals) = play_shop(&mut terminal, shop, &journal, &options).await?;
        (complete, Some(totals))
    };
    local.close(true).await?;

    let mut report = report::read(journal.as_ref()).await?;
    if options.theirs.is_none() {
        let run = RunFile::read(&scene.state)?;
        for row in &mut report.incidents {
            row.scenario = run.row_at(row.opened_at).map(str::to_owned);
        }
    }
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

/// Visitors of the shop, and the scenarios; whether all were played to their end.
async fn play_shop(
    terminal: &mut Terminal,
    (scene, local): (&Scene, &Local),
    journal: &Arc<dyn Journal>,
    options: &Options,
) -> Result<(bool, Totals), Failure> {
    let visitors = TrafficConfig::new(scene.address, scene.state.join("transcript.jsonl"));
    let traffic = Traffic::start(visitors.with_per_second(PACE), script::requests(&[]))?;
    let mut play = Play::new(terminal, (scene, local), options, Arc::clone(journal), traffic);
    play.plan(acts::policy(options)).await?;
    story::warm_up(play.terminal, local, scene, play.pace.calm).await?;
    let mut complete = true;
    if let Err(e) = acts::all(&mut play).await {
        play.terminal.line(Tone::Bad, e);
        complete = false;
    }
    for write in play.witness.repeated() {
        let text = format!("{write} was written again without a look at how far it had got");
        play.terminal.line(Tone::Bad, text);
        complete = false;
    }
    Ok((complete, play.end().await?))
}

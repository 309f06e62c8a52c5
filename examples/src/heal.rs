//! The story of `make heal`: stage the shop, break it by visitors, let it heal, tell what happened.

mod run_file;
mod scene;
mod story;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aegis_core::policy::Autonomy;
use aegis_core::port::Journal;
use aegis_sql::SqliteJournal;

use crate::report;
use crate::staging::script::{self, Bug};
use crate::terminal::{Terminal, Tone};
use crate::traffic::{Traffic, TrafficConfig};
use run_file::RunFile;
use scene::Scene;

/// What a run is told.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the run lives; an unfinished run there is resumed.
    pub state: PathBuf,
    /// Where to write the report.
    pub json: Option<PathBuf>,
    /// Which bugs visitors meet.
    pub bugs: Vec<Bug>,
    /// How far Aegis may go.
    pub autonomy: Autonomy,
    /// Seconds that a release is watched.
    pub watch: u64,
    /// Seconds until the run gives up.
    pub limit: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            state: PathBuf::from("target/heal"),
            json: None,
            bugs: Bug::ALL.to_vec(),
            autonomy: Autonomy::Auto,
            watch: 8,
            limit: 240,
        }
    }
}

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

    let transcript = scene.state.join("transcript.jsonl");
    let visitors = TrafficConfig::new(scene.address, transcript).with_per_second(PACE);
    let traffic = Traffic::start(visitors, script::requests(&[]))?;
    let handle = scene.start_planner(&local, &journal, &options)?;
    let changes = handle.changes();
    story::warm_up(&mut terminal, &local, &scene, CALM).await?;
    let names: Vec<&str> = options.bugs.iter().map(|bug| bug.exception()).collect();
    terminal.line(Tone::Plain, format!("visitors now meet {} bugs:", options.bugs.len()));
    for name in names {
        terminal.line(Tone::Faint, format!("  {}", name.trim_end_matches([':', ' '])));
    }
    traffic.replace(script::requests(&options.bugs));

    let limit = Duration::from_secs(options.limit);
    let story = story::watch(&mut terminal, &handle, changes, &traffic, &options, limit).await?;
    if story.complete {
        tokio::time::sleep(AFTER).await;
    }
    let totals = traffic.stop().await?;
    handle.shutdown().await?;
    local.close(true).await?;

    let report = report::read(journal.as_ref()).await?;
    story::tell(&mut terminal, &report, &totals, &scene);
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(path, text + "\n")
            .map_err(|e| format!("can't write the report to {}: {e}", path.display()))?;
    }
    RunFile::finish(&scene.state)?;
    let good = story.complete && story::as_it_should(&report, &options);
    if !good {
        terminal.text(Tone::Bad, "not every incident ended as it should");
    }
    Ok(good)
}

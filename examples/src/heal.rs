//! The story of `make heal`: stage a service, let it break, let it heal, tell what happened.

mod acts;
mod failure;
mod forgetful;
mod interrupt;
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

use aegis_core::policy::{Autonomy, PolicyConfig};
use aegis_core::port::Journal;
use aegis_core::stage::{Deployer, MetricSource};
use aegis_local::local::Local;
use aegis_local::notify::LogNotifier;
use aegis_local::sandbox::{Program, Tier};
use aegis_local::verify::isolation::Isolation;
use aegis_sql::SqliteJournal;

pub use failure::{Exit, Failure, Stopped};
pub use options::{Options, Theirs};
pub use scenario::{Expected, Scenario};

use crate::report;
use crate::staging::hub::Hub;
use crate::staging::model::Models;
use crate::staging::prometheus::Scraper;
use crate::staging::script;
use crate::terminal::{Terminal, Tone};
use crate::traffic::{Totals, Traffic, TrafficConfig};
use interrupt::Interrupt;
use play::Play;
use run_file::RunFile;
use scene::Scene;
use witness::{Trouble, Witness};

/// Requests a second.
const PACE: f64 = 40.0;

/// Plays a run to its end.
///
/// # Errors
///
/// Where something is missing, and where the run breaks off: how the process ends, and the next step.
pub async fn run(mut options: Options) -> Result<Exit, Stopped> {
    let mut terminal = Terminal::stdout();
    terminal.text(Tone::Title, "A broken service heals itself");
    sandbox(&mut options, &mut terminal).await.map_err(Stopped::missing)?;
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

/// Says how code under test is held, before anything is made; fails where it can't be.
///
/// What is held by filters alone waits for a person, whatever autonomy was asked for.
async fn sandbox(options: &mut Options, terminal: &mut Terminal) -> Result<(), Failure> {
    let tiers: &[Tier] =
        if options.allow_reduced { &[Tier::Strong, Tier::Reduced] } else { &[Tier::Strong] };
    let probed = match Program::find() {
        Ok(helper) => Isolation::probe_any(helper, None, tiers).await,
        Err(e) => Err(e),
    };
    let more = "; the shop alone can do with less: --allow-reduced";
    let more = if options.theirs.is_some() || options.allow_reduced { "" } else { more };
    match probed.map_err(|e| format!("fixes can't be proven: {e}{more}"))?.tier() {
        Tier::Strong => Ok(()),
        Tier::Reduced => {
            options.autonomy = options.autonomy.min(Autonomy::Propose);
            let text =
                "no namespaces: fixes are proven by filters alone, so every merge is a person's";
            terminal.line(Tone::Bad, text);
            Ok(())
        }
    }
}

/// What runs.
#[derive(Debug)]
struct Stage {
    journal: Arc<dyn Journal>,
    trouble: Trouble,
    local: Local,
    /// What stands in for GitHub, where fixes are shipped there.
    hub: Option<Hub>,
    /// Who is asked for what the embedded default does not know.
    models: Option<Models>,
    /// The service's numbers.
    metrics: Arc<dyn MetricSource>,
    /// What scrapes the shop, where its numbers come from there.
    _scraper: Option<Scraper>,
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
        let journal: Arc<dyn Journal> = journal;
        let models = options.model.map(|which| Models::connect(which, &journal)).transpose()?;
        if let Some(models) = &models {
            let text = format!("a model is asked where no template helps: {}", models.place());
            terminal.line(Tone::Plain, text);
        }
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
        let hub = match options.github {
            true => Some(scene.start_hub(terminal).await?),
            false => None,
        };
        let scraper = match options.prometheus {
            true => Some(scene.start_scraper(terminal).await?),
            false => None,
        };
        let metrics = match &scraper {
            Some(scraper) => scraper.with(local.metrics()),
            None => local.metrics(),
        };
        let _scraper = scraper;
        Ok(Some(Self { journal, trouble, local, hub, models, metrics, _scraper, interrupt }))
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
        let mut report = report::read(self.journal.as_ref()).await?;
        let run = RunFile::read(&scene.state)?;
        for row in &mut report.incidents {
            row.scenario = run.row_at(row.opened_at).map(str::to_owned);
        }
        story::tell(terminal, &report, totals.as_ref(), scene);
        if let Some(hub) = &self.hub {
            story::tell_pulls(terminal, hub, &scene.state)?;
        }
        if let Some(models) = &self.models {
            story::tell_models(terminal, &models.figures());
        }
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
        let pace = options.pace();
        let watch = pace.settings.watch_ms / 1_000;
        terminal
            .line(Tone::Faint, format!("a release is watched for {watch} s; the default is 300 s"));
        let Some(interrupt) = &mut self.interrupt else {
            let (complete, totals) = self.play_shop(scene, options, terminal).await?;
            return Ok((complete, Some(totals)));
        };
        let policy = PolicyConfig::new(options.autonomy);
        let planner = scene.planner((&self.local, &self.metrics), &self.journal, policy, &pace);
        let planner = planner.notifier(Arc::new(LogNotifier::new()));
        let handle = match &self.models {
            Some(models) => models.planner(planner, &self.local)?.start()?,
            None => planner.build()?.start()?,
        };
        let run = story::LookAfter { local: &self.local, handle: &handle, scene, options };
        let played = run.until(terminal, interrupt, self.trouble.clone()).await;
        // What failed first is what is told.
        let ended = handle.shutdown().await;
        played?;
        ended?;
        Ok((true, None))
    }

    /// Visitors of the shop, and the scenarios; whether all were played to their end.
    async fn play_shop(
        &self,
        scene: &Scene,
        options: &Options,
        terminal: &mut Terminal,
    ) -> Result<(bool, Totals), Failure> {
        let visitors = TrafficConfig::new(scene.address, scene.state.join("transcript.jsonl"));
        let traffic = Traffic::start(visitors.with_per_second(PACE), script::requests(&[]))?;
        let journal = Arc::clone(&self.journal);
        let deployer: Arc<dyn Deployer> = match &self.hub {
            Some(hub) => Arc::new(hub.deployer(self.local.running()).await?),
            None => Arc::clone(self.local.deployer()) as Arc<dyn Deployer>,
        };
        let metrics = Arc::clone(&self.metrics);
        let ground = (scene, &self.local, self.models.as_ref());
        let mut play = Play::new(terminal, ground, metrics, deployer, options, journal, traffic);
        play.plan(acts::policy(options)).await?;
        story::warm_up(play.terminal, &self.local, scene, play.pace.calm).await?;
        let mut complete = true;
        if let Err(e) = acts::all(&mut play).await {
            play.terminal.line(Tone::Bad, e);
            complete = false;
        }
        for write in play.deployer.repeated() {
            let text = format!("{write} was written again without a look at how far it had got");
            play.terminal.line(Tone::Bad, text);
            complete = false;
        }
        Ok((complete, play.end().await?))
    }
}

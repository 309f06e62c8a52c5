//! Several processes on one PostgreSQL journal: what they look after, and how they mend it.
//!
//! Six services live in one Git repository, each as a file that says `broken`. Every process sees all
//! of them fail, as replicas of one program do, and each service is mended by one of them: a commit
//! that says `works`, on a branch of its own, merged. What the branch `main` holds is what runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aegis_core::judge::Statistical;
use aegis_core::machine::Settings;
use aegis_core::model::{
    Case, Cause, Diagnosis, Event, Fix, FixKind, GateAnswer, GateReport, Hypothesis, Isolation,
    Location, Metric, Observation, Point, Query, Readings, Samples, Score, Signal, Trigger,
    Verification,
};
use aegis_core::patch::{Edit, Patch};
use aegis_core::planner::{DynPlanner, Handle, Planner, PlannerConfig, ServiceConfig};
use aegis_core::policy::{Autonomy, Budget, PolicyConfig};
use aegis_core::port::{Clock as _, Intake as _, Journal, Repository as _, SystemClock};
use aegis_core::redact::Untrusted;
use aegis_core::stage::{Deployer, Diagnoser, FixGenerator, MetricSource, Verifier};
use aegis_core::{Confidence, Error, Result, ServiceName, Timestamp};
use aegis_local::git::{GitDeployer, GitRepository, Running, RunningRevision};
use aegis_sql::PostgresJournal;
use async_trait::async_trait;
use git2::{RepositoryInitOptions, Signature};

/// The services, each a file `NAME.txt`.
pub const SERVICES: [&str; 6] = ["cart", "mail", "pay", "rates", "search", "stock"];

/// How long a process that died keeps what it drove.
pub const LEASE: Duration = Duration::from_secs(3);

const BROKEN: &str = "broken\n";
const WORKS: &str = "works\n";

/// Makes the repository, with every service broken.
///
/// # Errors
///
/// What Git says.
pub fn build(folder: &Path) -> std::result::Result<(), git2::Error> {
    let mut options = RepositoryInitOptions::new();
    options.external_template(false).bare(true).initial_head("main");
    let repository = git2::Repository::init_opts(folder, &options)?;
    let mut tree = repository.treebuilder(None)?;
    for service in SERVICES {
        tree.insert(format!("{service}.txt"), repository.blob(BROKEN.as_bytes())?, 0o100_644)?;
    }
    let tree = repository.find_tree(tree.write()?)?;
    let author = Signature::now("A person", "person@localhost")?;
    repository.commit(Some("refs/heads/main"), &author, &author, "Six services", &tree, &[])?;
    Ok(())
}

/// The services as they run: what `main` holds; and what mends them.
#[derive(Debug, Clone)]
pub struct World {
    git: GitRepository,
    /// The newest revision, and when it was first seen.
    seen: Arc<Mutex<Option<Running>>>,
    /// Whether what works is slow.
    harm: bool,
}

impl World {
    /// The services of the repository that [`build`] made.
    ///
    /// # Errors
    ///
    /// What Git says.
    pub async fn open(repository: PathBuf) -> Result<Self> {
        Ok(Self {
            git: GitRepository::open_branch(repository, "main").await?,
            seen: Arc::default(),
            harm: false,
        })
    }

    /// Fixes that do harm: what they mend is slow, which a watch finds.
    #[must_use]
    pub fn with_harm(self) -> Self {
        Self { harm: true, ..self }
    }

    /// Ships to `main`, which runs as soon as it moves.
    ///
    /// # Errors
    ///
    /// What Git says.
    pub async fn deployer(&self, state: PathBuf) -> Result<GitDeployer> {
        let deployer = GitDeployer::builder(self.git.clone(), state).without_checks();
        deployer.running(self.clone()).open().await
    }

    /// Whether a service works, as `main` stands.
    ///
    /// # Errors
    ///
    /// What Git says.
    pub async fn works(&self, service: &str) -> Result<bool> {
        let head = self.git.head().await?;
        let text = self.git.read(&head, &format!("{service}.txt")).await?;
        Ok(text.as_deref() == Some(WORKS.as_bytes()))
    }

    /// A planner that mends these services by itself.
    ///
    /// # Errors
    ///
    /// What a planner refuses.
    pub fn planner(
        &self,
        journal: Arc<dyn Journal>,
        deployer: impl Deployer,
        owner: &str,
        services: &[&str],
        settings: Settings,
    ) -> Result<DynPlanner> {
        let mut budget = Budget::default();
        // Six services in one repository: each merge moves the base of the others.
        (budget.submits_per_incident, budget.submits_per_day, budget.merges_per_day) =
            (20, 200, 20);
        let config =
            PlannerConfig::new().with_observe_every(Duration::from_millis(500)).with_lease(LEASE);
        let mut builder = Planner::builder(PolicyConfig::new(Autonomy::Auto).with_budget(budget))
            .metrics(self.clone())
            .diagnoser(self.clone())
            .fixes(self.clone())
            .verifier(self.clone())
            .deployer(deployer)
            .judge(Statistical::default())
            .config(config)
            .journal(journal)
            .owner(owner);
        for service in services {
            let metrics = vec![Metric::ErrorRate, Metric::LatencyP95];
            let config = ServiceConfig::new(*service).with_metrics(metrics).with_settings(settings);
            builder = builder.service(config);
        }
        Ok(builder.build()?.erase())
    }
}

#[async_trait]
impl RunningRevision for World {
    async fn running(&self) -> Result<Option<Running>> {
        let head = self.git.head().await?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.as_ref().is_none_or(|running| running.revision != head) {
            *seen = Some(Running::new(head, SystemClock.now()));
        }
        Ok(seen.clone())
    }
}

#[async_trait]
impl MetricSource for World {
    async fn sample(&self, query: &Query) -> Result<Samples> {
        let works = self.works(query.service.as_str()).await?;
        Ok(samples(query, !works, works && self.harm))
    }
}

/// What a service measures of which every request fails while it is broken, and none once it works.
pub fn samples(query: &Query, broken: bool, slow: bool) -> Samples {
    let value = |metric: &Metric| match metric {
        Metric::ErrorRate => f64::from(u8::from(broken)),
        _ if slow => 900.0,
        _ => 20.0,
    };
    let read = |m: &Metric| Readings::Values(vec![Point::new(query.now, value(m))]);
    Samples::new(query.metrics.iter().map(|m| (m.clone(), read(m))).collect())
}

#[async_trait]
impl Diagnoser for World {
    async fn diagnose(&self, case: &Case) -> Result<Diagnosis> {
        let at = Location::new(format!("{}.txt", case.service), 1);
        let sure = Hypothesis::new(Cause::Code(at), "it says so", Confidence::FULL);
        // What uses the path that failed is counted at every look: a process that died counts nothing.
        let request = vec![Trigger::new("GET", "/", "/")];
        let base = self.git.head().await?;
        Ok(Diagnosis::new(base, "replicas", vec![sure]).with_triggers(request))
    }
}

#[async_trait]
impl FixGenerator for World {
    async fn generate(&self, case: &Case, diagnosis: &Diagnosis) -> Result<Vec<Fix>> {
        let edit = Edit::Replace {
            path: format!("{}.txt", case.service),
            search: BROKEN.to_owned(),
            replace: WORKS.to_owned(),
        };
        let patch = Patch::new(diagnosis.base.clone(), vec![edit]);
        let title = format!("Mend {}", case.service);
        Ok(vec![Fix::new(FixKind::Patch(patch), title, "replicas").with_claimed(Confidence::FULL)])
    }
}

#[async_trait]
impl Verifier for World {
    async fn verify(&self, _: &Case, fix: &Fix) -> Result<Verification> {
        // As long as tests take: meanwhile the failure is seen often enough for its rate to be known.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let base = match fix.patch() {
            Some(patch) => patch.base.clone(),
            None => return Err(Error::invalid("only patches are proven here")),
        };
        let gates = vec![GateReport::new("reads", GateAnswer::Pass, "it says that it works")];
        let full = Score::new(Confidence::FULL, Confidence::FULL, Confidence::FULL);
        let proof = Verification::new(fix.digest(), base, Isolation::External);
        Ok(proof.with_gates(gates).with_score(full))
    }
}

/// One process: a planner on the journal, which is told of every service that fails, until it is ended.
///
/// # Errors
///
/// What the journal or the repository says.
pub async fn replica(url: &str, repository: PathBuf, state: PathBuf) -> Result<()> {
    let world = World::open(repository).await?;
    let deployer = world.deployer(state).await?;
    let journal = Arc::new(PostgresJournal::connect(url).await?);
    let settings =
        Settings::default().with_watch(Duration::from_secs(2), Duration::from_millis(400));
    // A name that tells nothing: what it drove is free once its lease ran out, and not before, as
    // on another machine.
    let owner = format!("replica-{}", std::process::id());
    let planner = world.planner(journal, deployer, &owner, &SERVICES, settings)?.start()?;
    loop {
        for service in SERVICES {
            let at = SystemClock.now();
            if !world.works(service).await? {
                unhealthy(&planner, service, at).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Tells a planner that a service was broken at a moment.
pub async fn unhealthy(planner: &Handle, service: &str, at: Timestamp) {
    let text = Untrusted::new(format!("{service} is broken"));
    let signal = Signal::new(ServiceName::new(service), at, Observation::Unhealthy(text));
    if let Err(e) = planner.report(Event::Signal(signal)).await {
        eprintln!("{service}: {e}");
    }
}

/// What the repository tells: merges of each service's fixes, and branches that carried them.
///
/// # Errors
///
/// What Git says.
pub fn count(repository: &Path) -> std::result::Result<Vec<(&'static str, usize)>, git2::Error> {
    let repository = git2::Repository::open(repository)?;
    let mut walk = repository.revwalk()?;
    walk.push_ref("refs/heads/main")?;
    let mut found: Vec<(&str, usize)> = SERVICES.map(|service| (service, 0)).to_vec();
    for id in walk {
        let commit = repository.find_commit(id?)?;
        if commit.parent_count() != 1 {
            continue;
        }
        let title = commit.summary().unwrap_or_default().unwrap_or_default().to_owned();
        for (service, times) in &mut found {
            *times += usize::from(title.contains(&format!("Mend {service}")));
        }
    }
    Ok(found)
}

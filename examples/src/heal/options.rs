//! What a run is told.

use std::path::PathBuf;
use std::time::Duration;

use aegis_core::policy::Autonomy;
use aegis_local::service::ServiceSpec;

use super::pace::Pace;
use super::scenario::Scenario;
use crate::staging::model::Which;
use crate::staging::prometheus::SCRAPE;
use crate::staging::script::Bug;

/// What a run is told.
#[derive(Debug, Clone)]
pub struct Options {
    /// A service of somebody's in place of the shop.
    pub theirs: Option<Theirs>,
    /// Where the run lives; an unfinished run there is resumed.
    pub state: Option<PathBuf>,
    /// Where to write the report.
    pub json: Option<PathBuf>,
    /// Which scenarios the shop plays; all of them where it is empty, and autonomy lets them end.
    pub scenarios: Vec<Scenario>,
    /// Which crash bugs visitors of the shop meet.
    pub bugs: Vec<Bug>,
    /// Whether the shop is played with the default times.
    pub real_time: bool,
    /// Whether the shop's fixes are shipped by pull requests, on what stands in for GitHub.
    pub github: bool,
    /// Whether the shop's numbers come from a Prometheus that scrapes it.
    pub prometheus: bool,
    /// Who writes fixes where no template can.
    pub model: Option<Which>,
    /// How far Aegis may go.
    pub autonomy: Autonomy,
    /// Seconds that a release is watched.
    pub watch: Option<u64>,
    /// Seconds until the run gives up, or stops.
    pub limit: Option<u64>,
    /// Seconds that one run of the tests may take.
    pub test_timeout: Option<u64>,
    /// Seconds that a release may take to become healthy.
    pub start_timeout: Option<u64>,
    /// Whether the shop's fixes may be proven in the Reduced tier, and wait for a person then.
    pub allow_reduced: bool,
}

/// A service of somebody's.
#[derive(Debug, Clone, Default)]
pub struct Theirs {
    /// Its repository.
    pub repository: PathBuf,
    /// Starts it.
    pub start: String,
    /// Answers while it is healthy.
    pub health: String,
    /// Runs its tests.
    pub test: String,
    /// What to call it.
    pub name: Option<String>,
    /// Tells the running revision.
    pub version: Option<String>,
    /// Logs beside its standard streams.
    pub logs: Vec<PathBuf>,
    /// Its access log.
    pub access_log: Option<PathBuf>,
    /// Its virtual environment.
    pub python: Option<PathBuf>,
}

impl Theirs {
    /// Refuses what is wrong whatever the machine looks like.
    ///
    /// # Errors
    ///
    /// For a name that is none, and for URLs that are not on this machine.
    pub fn check(&self) -> aegis_core::Result<()> {
        let (start, test) = (self.start.clone(), self.test.clone());
        let spec = ServiceSpec::new(self.name(), start, self.health.clone(), test);
        match &self.version {
            Some(url) => spec.with_version(url.clone()).check(),
            None => spec.check(),
        }
    }

    /// Its name: what was given, else the folder's.
    pub(super) fn name(&self) -> String {
        let folder = self.repository.canonicalize().ok();
        let folder = folder.as_deref().and_then(|p| p.file_name());
        let name = self.name.clone().or(folder.map(|n| n.to_string_lossy().into_owned()));
        let name = name.unwrap_or_else(|| String::from("service"));
        name.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_', "-")
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            theirs: None,
            state: None,
            json: None,
            scenarios: Vec::new(),
            bugs: Bug::CRASHES.to_vec(),
            real_time: false,
            github: false,
            prometheus: false,
            model: None,
            autonomy: Autonomy::Auto,
            watch: None,
            limit: None,
            test_timeout: None,
            start_timeout: None,
            allow_reduced: false,
        }
    }
}

impl Options {
    /// The times of the run.
    pub(super) fn pace(&self) -> Pace {
        if self.real_time {
            return Pace::real_time();
        }
        let usual = match self.theirs {
            Some(_) => 300,
            // A look should not come more often than a scrape.
            None if self.prometheus => 20,
            None => 8,
        };
        let mut pace = Pace::of(Duration::from_secs(self.watch.unwrap_or(usual)));
        if self.prometheus {
            pace.planner = pace.planner.with_observe_every(SCRAPE);
        }
        pace
    }

    /// The scenarios that are played: with less than Auto, or with a part of the crash bugs, only those.
    #[must_use]
    pub fn scenarios(&self) -> Vec<Scenario> {
        let all = self.autonomy == Autonomy::Auto && self.bugs.len() == Bug::CRASHES.len();
        match &self.scenarios[..] {
            [] if all => Scenario::ALL.map(|scenario| self.with_model(scenario)).to_vec(),
            [] => vec![Scenario::CrashBugs],
            named => named.iter().map(|scenario| self.with_model(*scenario)).collect(),
        }
    }

    /// What no template can mend, a model can.
    fn with_model(&self, scenario: Scenario) -> Scenario {
        match scenario {
            Scenario::NoTemplate if self.model.is_some() => Scenario::Model,
            other => other,
        }
    }

    pub(super) fn state(&self) -> PathBuf {
        let usual = || match &self.theirs {
            Some(theirs) => PathBuf::from(format!("target/heal-{}", theirs.name())),
            None if self.github => PathBuf::from("target/heal-github"),
            None if self.prometheus => PathBuf::from("target/heal-prometheus"),
            None => PathBuf::from("target/heal"),
        };
        self.state.clone().unwrap_or_else(usual)
    }
}

//! A process to which the worst happens at every point where it could, and which goes on: nothing is
//! done twice, nothing is lost.
//!
//! The process is this test's own program, with a planner on a SQLite journal. Its remote is a plain one
//! that does what it is asked as often as it is asked and writes that down, or a real Git repository. A
//! point is named by what is committed or written, before and after.

mod child;
mod disk;
mod hub;
mod kill;
mod marked;
mod person;
mod plain;
mod points;
mod site;
mod zombie;

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;

use aegis_core::machine::Entry;
use aegis_core::port::{Filter, Journal as _, Stored};
use aegis_sql::SqliteJournal;
use tempfile::TempDir;

use self::plain::Call;
use self::points::{PLAN, Plan, notes};

const FOLDER: &str = "AEGIS_CRASH_FOLDER";
const LIFE: &str = "AEGIS_CRASH_LIFE";

/// What a life is about: where its fixes go, and how the one that it makes turns out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Plot {
    /// The plain remote; the fix heals.
    Plain,
    /// The plain remote; the fix does harm and is taken back.
    PlainHarm,
    /// The same, and nobody is told what of the remote the journal does not know.
    Blind,
    /// A Git repository; the fix heals.
    Git,
    /// A Git repository; the fix does harm and is taken back.
    Harm,
    /// Pull requests on what stands in for GitHub; the fix heals.
    Hub,
    /// The same; the fix does harm and is taken back.
    HubHarm,
}

impl Plot {
    fn by_name(name: &str) -> Option<Self> {
        let git = [Self::Git, Self::Harm, Self::Hub, Self::HubHarm];
        let all = [Self::Plain, Self::PlainHarm, Self::Blind];
        all.into_iter().chain(git).find(|plot| format!("{plot:?}") == name)
    }

    fn is_git(self) -> bool {
        self.is_hub() || matches!(self, Self::Git | Self::Harm)
    }

    fn is_hub(self) -> bool {
        matches!(self, Self::Hub | Self::HubHarm)
    }

    fn harms(self) -> bool {
        !matches!(self, Self::Plain | Self::Git | Self::Hub)
    }

    /// Every point of such a life without anything bad in it.
    fn points(self) -> Vec<String> {
        let life = Life::new(self);
        life.whole("undisturbed");
        let points: Vec<String> = points::hit(life.folder()).into_iter().collect();
        let mut names = vec!["open before", "submit after", "merge after"];
        if self.harms() {
            names.push("revert after");
        }
        for name in names {
            assert!(points.iter().any(|p| p == name), "{name} is not among {points:?}");
        }
        assert!(points.len() >= 30, "{points:?}");
        points
    }
}

/// One incident's life, over as many processes as it takes.
#[derive(Debug)]
struct Life {
    plot: Plot,
    folder: PathBuf,
    hub: Option<hub::Hub>,
    /// Removes the folder at the end.
    own: Option<TempDir>,
}

impl Life {
    fn new(plot: Plot) -> Self {
        let own = tempfile::tempdir().unwrap();
        std::fs::create_dir(site::disk(own.path())).unwrap();
        let mut life = Self::at(plot, own.path().to_owned());
        life.own = Some(own);
        life
    }

    /// In a folder that has a disk.
    fn at(plot: Plot, folder: PathBuf) -> Self {
        if plot.is_git() {
            aegis_examples::replicas::build(&site::path(&folder)).unwrap();
            std::fs::create_dir(site::state(&folder)).unwrap();
        }
        let hub = plot.is_hub().then(|| hub::Hub::start(&folder));
        Self { plot, folder, hub, own: None }
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn hub(&self) -> &hub::Hub {
        self.hub.as_ref().unwrap()
    }

    fn start(&self, plan: Option<&Plan>) -> Child {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "crash::child::entry", "--ignored", "--nocapture"]);
        child.env(FOLDER, &self.folder).env(LIFE, format!("{:?}", self.plot));
        child.stdin(Stdio::null()).stdout(Stdio::null());
        if let Some(hub) = &self.hub {
            child.env(hub::ADDRESS, hub.url());
        }
        if let Some(plan) = plan {
            child.env(PLAN, plan.to_string());
        }
        child.spawn().unwrap()
    }

    /// Runs a process until it ends, or dies at a point.
    fn run(&self, plan: Option<&Plan>) -> ExitStatus {
        self.start(plan).wait().unwrap()
    }

    /// Goes as planned; whether it died of it.
    fn dies(&self, plan: &Plan) -> bool {
        let status = self.run(Some(plan));
        assert!(status.success() || status.signal() == Some(9), "{plan}: {status}");
        !status.success()
    }

    /// Runs to the end.
    fn ends(&self, how: &str) {
        let ended = (0..3).any(|_| self.run(None).success());
        assert!(ended, "{how}: it does not end");
    }

    /// There is one incident, and it ended so.
    fn ended(&self, phase: &str, how: &str) {
        let ends = notes(&self.folder, "incidents");
        let right = ends.len() == 1 && ends[0].starts_with(phase);
        assert!(right, "{how}: {ends:?}, not {phase}\n{}", self.story());
    }

    /// Everything that the journal holds.
    fn stored(&self) -> Vec<Stored> {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let journal = SqliteJournal::connect(journal(&self.folder)).await.unwrap();
            let mut stored = Vec::new();
            for summary in journal.list(&Filter::new()).await.unwrap() {
                stored.push(journal.load(&summary.id).await.unwrap().unwrap());
            }
            stored
        })
    }

    /// The same in words, for whoever reads why a test failed.
    fn story(&self) -> String {
        let stored = self.stored();
        let entries = stored.iter().flat_map(|stored| &stored.entries);
        let line = |entry: &Entry| format!("{} {}\n", entry.at.as_ms(), entry.record.in_words());
        entries.map(line).collect()
    }

    /// Goes on to the end of one incident, with everything done once.
    fn whole(&self, how: &str) {
        self.ends(how);
        let (end, taken_back) = match self.plot.harms() {
            true => ("RolledBack", 1),
            false => ("Healed", 0),
        };
        self.ended(end, how);
        if self.plot.is_git() {
            let site::Tally { fixes, merges, reverts, .. } = site::tally(&self.folder);
            // On GitHub a revert comes by a merge, too.
            let all = if self.plot.is_hub() { 1 + taken_back } else { 1 };
            assert_eq!((fixes, merges, reverts), (1, all, taken_back), "{how}");
            if let Some(hub) = &self.hub {
                let pulls = hub.pulls();
                assert!(pulls.len() == all && pulls.iter().all(|pull| pull.1), "{how}: {pulls:?}");
            }
            return;
        }
        let calls = plain::calls(&self.folder);
        let expected = [Call::Submit, Call::Merge, Call::Revert];
        assert_eq!(calls, expected[..2 + taken_back], "{how}");
    }
}

fn journal(folder: &Path) -> PathBuf {
    site::disk(folder).join("journal.db")
}

fn folder() -> PathBuf {
    PathBuf::from(std::env::var_os(FOLDER).expect("only other tests start this"))
}

fn count(name: &str, unless: usize) -> usize {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(unless)
}

/// So many of them, from all over.
fn some(points: &[String], most: usize) -> BTreeSet<&String> {
    let step = points.len().div_ceil(most.max(1)).max(1);
    let shift = usize::try_from(std::process::id()).unwrap_or(0) % step;
    points.iter().skip(shift).step_by(step).collect()
}

/// Lives waits more than it works: some at a time.
fn each<T: Send>(cases: Vec<T>, live: impl Fn(T) + Sync) {
    let cases = Mutex::new(cases.into_iter());
    std::thread::scope(|scope| {
        for _ in 0..count("AEGIS_CRASH_ABREAST", 4) {
            scope.spawn(|| {
                loop {
                    let case = cases.lock().unwrap().next();
                    let Some(case) = case else { break };
                    live(case);
                }
            });
        }
    });
}

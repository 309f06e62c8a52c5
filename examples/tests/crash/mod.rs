//! A process killed at every point where it could be, and started again: nothing is done twice, nothing
//! is lost.
//!
//! The process is this test's own program, with a planner on a SQLite journal and a remote that writes
//! down every call as often as it is made. A point is named by what is committed or written, before and
//! after. What kills is SIGKILL.

mod child;
mod points;
mod remote;

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use tempfile::TempDir;

use self::points::{AT, Plan};
use self::remote::Call;

const FOLDER: &str = "AEGIS_CRASH_FOLDER";
const BLIND: &str = "AEGIS_CRASH_BLIND";

/// One incident's life, over as many processes as it takes.
struct Life {
    folder: TempDir,
    /// Whether what the remote knows is looked up.
    blind: bool,
}

impl Life {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), blind: false }
    }

    /// Runs a process until it ends, or dies at a point.
    fn run(&self, plan: Option<&Plan>) -> ExitStatus {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "crash::child::entry", "--ignored", "--nocapture"]);
        child.env(FOLDER, self.folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
        if self.blind {
            child.env(BLIND, "1");
        }
        if let Some(plan) = plan {
            child.env(AT, plan.to_string());
        }
        child.status().unwrap()
    }

    /// Dies as planned; whether it came to that.
    fn dies(&self, plan: &Plan) -> bool {
        let status = self.run(Some(plan));
        assert!(status.success() || status.signal() == Some(9), "{plan}: {status}");
        !status.success()
    }

    /// Runs to the end; what the remote was asked, in order.
    fn ends(&self, how: &str) -> Vec<Call> {
        for _ in 0..3 {
            if self.run(None).success() {
                return remote::calls(self.folder.path());
            }
        }
        panic!("{how}: it does not end");
    }

    fn points(&self) -> BTreeSet<String> {
        points::hit(self.folder.path())
    }

    fn incidents(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("incidents")).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// One incident, healed by one submit and one merge.
    fn whole(&self, how: &str) {
        let calls = self.ends(how);
        assert_eq!(calls, [Call::Submit, Call::Merge], "{how}");
        assert_eq!(self.incidents(), ["Healed"], "{how}");
    }
}

/// Every point of a life without a crash.
fn all_points() -> Vec<String> {
    let life = Life::new();
    life.whole("without a crash");
    let points: Vec<String> = life.points().into_iter().collect();
    assert!(points.len() >= 30, "{points:?}");
    for name in ["submit after", "merge after", "open before"] {
        assert!(points.iter().any(|p| p == name), "{name} is not among {points:?}");
    }
    points
}

fn count(name: &str, unless: usize) -> usize {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(unless)
}

/// So many of them, from all over.
fn some(points: &[String], most: usize) -> Vec<&String> {
    let step = points.len().div_ceil(most.max(1)).max(1);
    let shift = usize::try_from(std::process::id()).unwrap_or(0) % step;
    points.iter().skip(shift).step_by(step).collect()
}

#[test]
fn killed_at_any_point_it_goes_on_where_it_was_and_does_nothing_twice() {
    let points = all_points();
    let most = count("AEGIS_CRASH_POINTS", 6);
    // What an outside write hangs on is tried each time.
    let always = ["submit before", "submit after", "merge before", "merge after"].map(String::from);
    let tried: BTreeSet<&String> = some(&points, most).into_iter().chain(&always).collect();
    for point in &tried {
        let life = Life::new();
        assert!(life.dies(&Plan::named(point)), "{point} was not hit");
        life.whole(point);
    }
    println!("{} of {} points, each hit: no duplicate, none lost", tried.len(), points.len());
}

#[test]
fn killed_again_and_again_also_while_it_recovers_it_does_nothing_twice() {
    let seeds = count("AEGIS_CRASH_SEEDS", 3);
    let mut deaths = 0;
    for seed in 0..seeds as u64 {
        let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(std::process::id());
        let life = Life::new();
        // One to four crashes, each a number of points after the start.
        for crash in 0..=seed % 4 {
            let after = (seed >> (8 * (crash + 1))) % 24;
            deaths += usize::from(life.dies(&Plan::after(after)));
        }
        life.whole(&format!("seed {seed:#x}"));
    }
    assert!(deaths > 0);
    println!("{seeds} seeds, {deaths} deaths: no duplicate, none lost");
}

/// The same remote, and nobody looks at it: the points at which that shows are those at which a write
/// was made and not yet recorded.
#[test]
fn without_a_look_at_the_remote_a_write_is_made_twice_where_its_answer_was_lost() {
    for (point, expected) in [
        ("submit before", 1),
        ("submit after", 2),
        ("commit answered submit before", 2),
        ("commit answered submit after", 1),
    ] {
        let mut life = Life::new();
        life.blind = true;
        assert!(life.dies(&Plan::named(point)), "{point} was not hit");
        let _ = life.run(None);
        let calls = remote::calls(life.folder.path());
        let submits = calls.iter().filter(|call| **call == Call::Submit).count();
        assert_eq!(submits, expected, "{point}: {calls:?}");
    }
}

fn folder() -> PathBuf {
    PathBuf::from(std::env::var_os(FOLDER).expect("only other tests start this"))
}

fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join(name)
}

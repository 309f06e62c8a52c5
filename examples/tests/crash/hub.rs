//! What stands in for GitHub, over the repository of a life; it outlives the processes.

use std::path::Path;
use std::time::{Duration, Instant};

use aegis_examples::replicas::World;
use aegis_github::testkit::{Check, Fault, Inside, NAME, Stand};
use aegis_github::{GitHubChecks, GitHubDeployer, GitHubRepository, Live};
use tokio::runtime::Runtime;

use super::{Life, Plot, count, each, site};

/// Where it is, for the process that is started.
pub(super) const ADDRESS: &str = "AEGIS_CRASH_HUB";

const PATIENCE: Duration = Duration::from_secs(60);

/// The deployer to the stand-in at this address.
pub(super) async fn deployer(address: &str, world: World) -> GitHubDeployer {
    let github = Stand::connect(address).unwrap();
    let repository = GitHubRepository::open(github, NAME).await.unwrap();
    let builder = GitHubDeployer::builder(repository)
        .checks(GitHubChecks::all().with_settle(Duration::ZERO))
        .live(Live::running(world));
    builder.open().await.unwrap()
}

/// The server, and what it runs on.
#[derive(Debug)]
pub(super) struct Hub {
    stand: Stand,
    // Dropped after the server.
    _runtime: Runtime,
}

impl Hub {
    pub(super) fn start(folder: &Path) -> Self {
        let threads =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = threads.unwrap();
        let stand = runtime.block_on(Stand::start(site::path(folder))).unwrap();
        let passes = Check { of: None, name: "test", conclusion: Some("success"), log: None };
        stand.inside().hub.checks.push(passes);
        Self { stand, _runtime: runtime }
    }

    pub(super) fn url(&self) -> String {
        self.stand.url()
    }

    fn inside(&self) -> std::sync::MutexGuard<'_, Inside> {
        self.stand.inside()
    }

    /// Heads of the pull requests there are, each with whether it was merged.
    pub(super) fn pulls(&self) -> Vec<(String, bool)> {
        let inside = self.inside();
        inside.hub.pulls.iter().map(|pull| (pull.head.clone(), pull.merged.is_some())).collect()
    }
}

/// Writes of a whole life.
fn writes(plot: Plot) -> usize {
    let life = Life::new(plot);
    life.whole("undisturbed");
    let calls = life.hub().stand.calls();
    calls.iter().filter(|call| call.method != "GET").count()
}

/// Done, and the answer never came.
fn lost(plot: Plot, write: usize, killed: bool) {
    let how = format!("{plot:?}, write {write}{}", if killed { ", and it dies" } else { "" });
    let life = Life::new(plot);
    let fault = if killed { Fault::Stall } else { Fault::Drop };
    life.hub().inside().lose_write = Some((write, fault));
    if killed {
        let mut child = life.start(None);
        let since = Instant::now();
        while life.hub().inside().stalled == 0 {
            assert!(since.elapsed() < PATIENCE, "{how}: it is never made");
            assert!(child.try_wait().unwrap().is_none(), "{how}: it ended");
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    life.whole(&how);
    assert!(life.hub().inside().lose_write.is_none(), "{how}: it is never made");
}

#[test]
fn whichever_answer_of_github_is_lost_and_whether_or_not_it_dies_of_it_nothing_is_done_twice() {
    for plot in [Plot::Hub, Plot::HubHarm] {
        let writes = writes(plot);
        assert!(writes >= 6, "{writes}");
        let step = writes.div_ceil(count("AEGIS_CRASH_POINTS", 4).max(1)).max(1);
        let shift = usize::try_from(std::process::id()).unwrap_or(0) % step;
        let tried: Vec<usize> = (shift..writes).step_by(step).collect();
        let number = tried.len();
        let cases = tried.into_iter().flat_map(|write| [(write, false), (write, true)]).collect();
        each(cases, |(write, killed)| lost(plot, write, killed));
        println!("{plot:?}: {number} of {writes} writes, each lost: no duplicate, none lost");
    }
}

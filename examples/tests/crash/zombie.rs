//! A process that is stopped past its lease and goes on later: by then another has taken over.

use std::process::Child;
use std::time::{Duration, Instant};

use aegis_core::port::Journal as _;
use aegis_sql::{SqliteConfig, SqliteJournal};

use super::points::{Does, Plan, note};
use super::site::tally;
use super::{Life, Plot, count, each, some};

const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a process is stopped; false where it ended before.
fn stopped(child: &mut Child) -> bool {
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        let state = stat.rsplit(')').next().unwrap().trim_start();
        if state.starts_with('T') {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("it neither stops nor ends");
}

/// Whether anybody can write to the journal at this moment.
fn writable(life: &Life) -> bool {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let config = SqliteConfig::new().with_busy(Duration::from_millis(300));
        let journal = SqliteJournal::connect_with(super::journal(life.folder()), config).await;
        let written = journal.unwrap().reserve("zombie", "is it locked", 1, u64::MAX).await;
        written.is_ok()
    })
}

/// Stopped at its point, with no lock on the journal: another of its threads may be in the middle of
/// a commit, and SQLite lets nobody write until that ends. Such a thread goes on for a moment; the one
/// at the point does not.
fn stopped_without_a_lock(life: &Life, zombie: &mut Child) -> bool {
    let since = Instant::now();
    while stopped(zombie) {
        if writable(life) {
            return true;
        }
        assert!(since.elapsed() < PATIENCE, "the journal stays locked");
        super::points::signal(zombie.id(), "CONT");
        std::thread::sleep(Duration::from_millis(20));
        super::points::signal(zombie.id(), "STOP");
    }
    false
}

fn wakes(plot: Plot, point: &str) {
    let life = Life::new(plot);
    let mut zombie = life.start(Some(&Plan::of(point, &[Does::Stop])));
    assert!(stopped_without_a_lock(&life, &mut zombie), "{point} was not hit");
    // It is alive, so that what it drives is free only when its lease has run out.
    life.whole(&format!("{point}: another, while the first is stopped"));
    let before = (life.stored(), tally(life.folder()));

    note(life.folder(), "continued", "");
    super::points::signal(zombie.id(), "CONT");
    let since = Instant::now();
    while zombie.try_wait().unwrap().is_none() {
        if since.elapsed() > PATIENCE {
            zombie.kill().unwrap();
            panic!("{point}: the first does not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let same = (life.stored(), tally(life.folder())) == before;
    assert!(same, "{plot:?}, {point}: written after its lease was gone\n{}", life.story());
}

#[test]
fn a_process_stopped_past_its_lease_writes_nothing_when_it_goes_on() {
    let mut cases = Vec::new();
    for plot in [Plot::Git, Plot::Harm, Plot::HubHarm] {
        let points = plot.points();
        let most = count("AEGIS_CRASH_POINTS", 2);
        cases.extend(some(&points, most).into_iter().map(|point| (plot, point.clone())));
    }
    let always = [
        (Plot::Git, "submit before"),
        (Plot::Git, "merge before"),
        (Plot::Harm, "revert before"),
        (Plot::HubHarm, "submit before"),
        (Plot::HubHarm, "merge before"),
        (Plot::HubHarm, "revert before"),
    ];
    cases.extend(always.map(|(plot, point)| (plot, point.to_owned())));
    cases.sort();
    cases.dedup();
    let tried = cases.len();
    each(cases, |(plot, point)| wakes(plot, &point));
    println!("stopped past its lease at {tried} points: nothing was written");
}

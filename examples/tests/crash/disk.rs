//! A disk that is full: the journal, the repository and the deployer's state have one of their own.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::points::{Does, Plan};
use super::site::disk;
use super::{FOLDER, Life, Plot, count, each, folder, some};

/// Where a life is to be lived, and how.
const POINT: &str = "AEGIS_CRASH_POINT";
const DIES: &str = "AEGIS_CRASH_DIES";

fn filler(folder: &Path) -> PathBuf {
    disk(folder).join("filler")
}

/// Writes until nothing fits.
pub(super) fn fill(folder: &Path) {
    let mut file = File::create(filler(folder)).unwrap();
    for size in [64 * 1_024, 1] {
        let block = vec![7; size];
        while file.write_all(&block).is_ok() {}
    }
}

pub(super) fn make_room(folder: &Path) {
    fs::remove_file(filler(folder)).unwrap();
}

/// Lives on a small disk of its own, that only it and its children see.
fn on_a_small_disk(point: &str, dies: bool) {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path());
    fs::create_dir(&disk).unwrap();
    let mount = "mount -t tmpfs -o size=12m none \"$1\" && exec \"$2\" --exact crash::disk::entry --ignored --nocapture";
    let mut life = Command::new("unshare");
    life.args(["--user", "--map-root-user", "--mount", "--", "sh", "-c", mount, "sh"]);
    life.arg(&disk).arg(std::env::current_exe().unwrap());
    life.env(FOLDER, folder.path()).env(POINT, point).stdin(Stdio::null());
    if dies {
        life.env(DIES, "1");
    }
    let output = life.output().unwrap();
    assert!(
        output.status.success(),
        "{point}, dies: {dies}\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
#[ignore = "a process that other tests start"]
fn entry() {
    let life = Life::at(Plot::Git, folder());
    let point = std::env::var(POINT).unwrap();
    if std::env::var_os(DIES).is_none() {
        // Somebody makes room while it runs.
        let ended = life.run(Some(&Plan::of(&point, &[Does::Fill, Does::RoomSoon])));
        assert!(ended.success(), "{ended}");
    } else {
        assert!(life.dies(&Plan::of(&point, &[Does::Fill, Does::Die])), "{point} was not hit");
        // Started again on the full disk, it ends nothing and breaks nothing.
        let mut again = life.start(None);
        std::thread::sleep(Duration::from_secs(2));
        let _ = again.kill();
        let _ = again.wait();
        make_room(life.folder());
    }
    life.whole(&point);
}

#[test]
fn a_disk_that_is_full_at_any_point_loses_nothing_once_there_is_room() {
    let points = Plot::Git.points();
    let mut cases = Vec::new();
    for point in some(&points, count("AEGIS_CRASH_POINTS", 3)) {
        cases.extend([false, true].map(|dies| (point.clone(), dies)));
    }
    let tried = cases.len();
    each(cases, |(point, dies)| on_a_small_disk(&point, dies));
    println!("{tried} times the disk was full, at {} points: nothing lost", points.len());
}

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aegis_core::ErrorKind;
use aegis_local::sources::{StartAt, Tail, TailConfig, TailPosition, TailState};

struct Log {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Log {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        Self { _folder: folder, path }
    }

    fn append(&self, text: impl AsRef<[u8]>) {
        append(&self.path, text);
    }

    fn tail(&self) -> Tail {
        Tail::new(&self.path, TailConfig::new().with_start(StartAt::Beginning))
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.path.with_file_name(name)
    }
}

fn append(path: &Path, text: impl AsRef<[u8]>) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_ref()).unwrap();
}

/// Everything there is to read.
fn all(tail: &mut Tail) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        lines.extend(tail.poll().unwrap().into_iter().map(|line| line.text));
        if tail.state() != TailState::Behind {
            return lines;
        }
    }
}

#[test]
fn a_file_that_is_not_there_yet_is_waited_for() {
    let log = Log::new();
    let mut tail = Tail::new(&log.path, TailConfig::new());
    assert_eq!(all(&mut tail), [""; 0]);
    assert_eq!(tail.state(), TailState::Absent);
    log.append("one\ntwo\n");
    assert_eq!(all(&mut tail), ["one", "two"], "a file that appears is read from its beginning");
    assert_eq!(tail.state(), TailState::CaughtUp);
}

#[test]
fn a_partial_line_is_held_until_it_is_whole() {
    let log = Log::new();
    let mut tail = log.tail();
    log.append("on");
    assert_eq!(all(&mut tail), [""; 0]);
    log.append("e\r\ntw");
    assert_eq!(all(&mut tail), ["one"]);
    log.append("o\n\n");
    assert_eq!(all(&mut tail), ["two", ""]);
}

#[test]
fn reading_begins_where_it_is_told_to() {
    let log = Log::new();
    log.append("one\ntwo\nthree\npart");
    let at = |start| Tail::new(&log.path, TailConfig::new().with_start(start));
    let (mut end, mut last, mut whole) =
        (at(StartAt::End), at(StartAt::Last(12)), at(StartAt::Last(14)));
    assert_eq!(all(&mut end), [""; 0]);
    assert_eq!(all(&mut last), ["three"], "the rest of a line means nothing");
    assert_eq!(all(&mut whole), ["two", "three"]);
    log.append("ial\nfour\n");
    assert_eq!(all(&mut end), ["four"]);
    assert_eq!(all(&mut last), ["partial", "four"]);
}

#[test]
fn a_renamed_file_is_read_to_its_end_before_the_new_one() {
    let log = Log::new();
    let mut tail = log.tail();
    log.append("one\n");
    assert_eq!(all(&mut tail), ["one"]);
    log.append("two\n");
    let old = log.beside("app.log.1");
    fs::rename(&log.path, &old).unwrap();
    log.append("three\n");
    assert_eq!(all(&mut tail), ["two", "three"]);
    // The writer still holds the old file.
    append(&old, "late\n");
    log.append("four\n");
    assert_eq!(all(&mut tail), ["late", "four"]);
    append(&old, "later\n");
    assert_eq!(all(&mut tail), ["later"]);
}

#[test]
fn a_renamed_file_is_let_go_after_a_while_with_what_was_left() {
    let log = Log::new();
    let config = TailConfig::new().with_start(StartAt::Beginning).with_linger(Duration::ZERO);
    let mut tail = Tail::new(&log.path, config);
    log.append("one\npart");
    assert_eq!(all(&mut tail), ["one"]);
    let old = log.beside("app.log.1");
    fs::rename(&log.path, &old).unwrap();
    log.append("two\n");
    let mut seen = all(&mut tail);
    seen.extend(all(&mut tail));
    assert_eq!(seen, ["two", "part"]);
    append(&old, "ial\n");
    assert_eq!(all(&mut tail), [""; 0]);
}

#[test]
fn two_rotations_between_two_looks_are_survived() {
    let log = Log::new();
    let mut tail = log.tail();
    log.append("one\n");
    assert_eq!(all(&mut tail), ["one"]);
    fs::rename(&log.path, log.beside("app.log.1")).unwrap();
    assert_eq!(all(&mut tail), [""; 0]);
    assert_eq!(tail.state(), TailState::CaughtUp);
    log.append("two\n");
    assert_eq!(all(&mut tail), ["two"]);
    fs::rename(&log.path, log.beside("app.log.2")).unwrap();
    log.append("three\n");
    assert_eq!(all(&mut tail), ["three"]);
}

#[test]
fn a_file_that_is_copied_and_truncated_is_read_again_from_its_beginning() {
    let log = Log::new();
    let mut tail = log.tail();
    log.append("a long first line\n");
    assert_eq!(all(&mut tail), ["a long first line"]);
    fs::copy(&log.path, log.beside("app.log.1")).unwrap();
    fs::write(&log.path, "two\n").unwrap();
    assert_eq!(all(&mut tail), ["two"]);
}

#[test]
fn a_file_that_was_truncated_and_is_longer_again_is_noticed() {
    let log = Log::new();
    let mut tail = log.tail();
    log.append("one\n");
    assert_eq!(all(&mut tail), ["one"]);
    fs::write(&log.path, "something else\nand more of it\n").unwrap();
    assert_eq!(all(&mut tail), ["something else", "and more of it"]);
}

#[test]
fn the_hole_that_a_truncation_leaves_is_skipped() {
    let log = Log::new();
    let mut tail = log.tail();
    log.append([&[0_u8; 100], b"one\n".as_slice()].concat());
    assert_eq!(all(&mut tail), ["one"]);
}

#[test]
fn bytes_that_are_no_text_are_replaced() {
    let log = Log::new();
    let mut tail = log.tail();
    log.append(b"caf\xe9 \xff\n");
    assert_eq!(all(&mut tail), ["caf\u{fffd} \u{fffd}"]);
}

#[test]
fn a_long_line_loses_its_end_and_nothing_else() {
    let log = Log::new();
    let config = TailConfig::new().with_start(StartAt::Beginning).with_max_line(8);
    let mut tail = Tail::new(&log.path, config);
    log.append("x".repeat(100_000));
    assert_eq!(all(&mut tail), [""; 0]);
    log.append("y\nshort\n");
    let lines = tail.poll().unwrap();
    let seen: Vec<_> = lines.iter().map(|l| (l.text.as_str(), l.cut)).collect();
    assert_eq!(seen, [("xxxxxxxx", true), ("short", false)]);
}

#[test]
fn a_poll_reads_a_bounded_amount() {
    let log = Log::new();
    let config = TailConfig::new().with_start(StartAt::Beginning).with_max_read(10);
    let mut tail = Tail::new(&log.path, config);
    log.append("one\n".repeat(10));
    assert_eq!(tail.poll().unwrap().len(), 2);
    assert_eq!(tail.state(), TailState::Behind);
    assert_eq!(all(&mut tail).len(), 8);
}

#[test]
fn a_position_survives_a_restart() {
    let log = Log::new();
    let mut tail = log.tail();
    log.append("one\ntwo\npart");
    let first = tail.poll().unwrap().remove(0);
    let json = serde_json::to_string(&first.end).unwrap();
    let position: TailPosition = serde_json::from_str(&json).unwrap();
    log.append("ial\n");
    assert_eq!(all(&mut log.tail().resume(position)), ["two", "partial"]);
    let end = tail.position().unwrap();
    assert_eq!(all(&mut log.tail().resume(end)), ["partial"]);
}

#[test]
fn a_file_that_was_rotated_during_a_restart_is_read_to_its_end() {
    let log = Log::new();
    log.append("one\n");
    let mut tail = log.tail();
    assert_eq!(all(&mut tail), ["one"]);
    let position = tail.position().unwrap();
    drop(tail);
    log.append("two\n");
    fs::rename(&log.path, log.beside("app.log.1")).unwrap();
    log.append("three\n");
    assert_eq!(all(&mut log.tail().resume(position)), ["two", "three"]);
}

#[test]
fn another_file_with_the_same_inode_number_is_read_from_its_beginning() {
    let log = Log::new();
    log.append("one\n");
    let mut tail = log.tail();
    all(&mut tail);
    let position = tail.position().unwrap();
    // The same inode with other contents, as after a deletion the number is used again.
    fs::write(&log.path, "two\nthree\n").unwrap();
    assert_eq!(all(&mut log.tail().resume(position)), ["two", "three"]);
}

#[test]
fn what_is_no_regular_file_is_refused_without_blocking() {
    let log = Log::new();
    let status = std::process::Command::new("mkfifo").arg(&log.path).status().unwrap();
    assert!(status.success());
    assert_eq!(log.tail().poll().unwrap_err().kind(), ErrorKind::Invalid);
    let folder = log.path.parent().unwrap();
    let mut tail = Tail::new(folder, TailConfig::new());
    assert_eq!(tail.poll().unwrap_err().kind(), ErrorKind::Invalid);
}

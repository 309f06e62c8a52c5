//! What keeps a run from going on: said with its place and the next step, and nothing is changed.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};

use aegis_examples::heal::Exit;

use crate::healing::program;
use crate::inventory::{Ended, Inventory, terminate};

/// Runs with `more`; it ends so, says all of this, and leaves Git and machine as they were.
fn refused(theirs: &Inventory, more: &[&str], exit: Exit, says: &[&str]) {
    let before = theirs.snapshot();
    let ended = theirs.run(more);
    expect(&ended, exit, says);
    assert!(ended.screen.contains("\nNext: "), "{more:?}: {}", ended.screen);
    assert_eq!(theirs.snapshot(), before, "{more:?}: {}", ended.screen);
    theirs.nothing_runs();
}

fn expect(ended: &Ended, exit: Exit, says: &[&str]) {
    assert_eq!(ended.code, Some(i32::from(exit.code())), "{}", ended.screen);
    for say in says {
        assert!(ended.screen.contains(say), "{say:?} is not in: {}", ended.screen);
    }
}

#[test]
fn help_shows_every_option_and_readme_the_same_exit_codes() {
    let help = Command::new(program()).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains(&Exit::table()), "{help}");
    let options = [
        "--repo DIR",
        "--start CMD",
        "--health URL",
        "--test CMD",
        "--log FILE",
        "--access-log FILE",
        "--version-url URL",
        "--service NAME",
        "--watch SECS",
        "--autonomy LEVEL",
        "--for SECS",
        "--python DIR",
        "--json FILE",
        "--test-timeout SECS",
        "--start-timeout SECS",
        "--allow-reduced",
    ];
    for option in options {
        assert!(help.contains(option), "{option}: {help}");
    }
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    for exit in Exit::ALL {
        let row = format!("| {} | {} |", exit.code(), exit.meaning());
        assert!(readme.contains(&row), "{row}");
    }
}

#[test]
fn where_there_is_no_sandbox_that_is_said_first_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let script = format!(
        "echo 0 > /proc/sys/user/max_user_namespaces && exec {} --state {}",
        program().display(),
        state.display()
    );
    let ended = Command::new("unshare").args(["-Ur", "sh", "-c", &script]).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(i32::from(Exit::Missing.code())), "{said}");
    for say in ["fixes can't be proven", "user.max_user_namespaces", "--allow-reduced"] {
        assert!(said.contains(say), "{say:?} is not in: {said}");
    }
    assert!(!state.exists(), "{said}");
}

#[test]
fn a_wrong_command_line_touches_nothing() {
    let theirs = Inventory::new();
    let cases: [(&[&str], &[&str]); 13] = [
        (&["--allow-reduced"], &["--allow-reduced is for the shop alone"]),
        (&["--speed", "9"], &["--speed"]),
        (&["--autonomy", "some"], &["\"some\"", "observe, propose, approve or auto"]),
        (&["--watch", "0"], &["--watch needs at least one second"]),
        (&["--watch", "soon"], &["soon"]),
        (&["--for", "0"], &["--for needs at least one second"]),
        (&["--test-timeout", "0"], &["--test-timeout needs at least one second"]),
        (&["--start", ""], &["--repo needs --start too"]),
        (&["--health", "ftp://127.0.0.1/"], &["ftp://127.0.0.1/", "plain http:// is needed"]),
        (&["--health", "http://192.0.2.1/health"], &["192.0.2.1", "loopback"]),
        (&["--version-url", "http://192.0.2.1/version"], &["192.0.2.1", "loopback"]),
        (&["--version-url", "127.0.0.1/version"], &["plain http:// is needed"]),
        (&["--service", ""], &["is no service name"]),
    ];
    for (more, says) in cases {
        refused(&theirs, more, Exit::Usage, says);
        assert!(!theirs.path("state").exists(), "{more:?}");
    }
    // Without any autonomy, and without a repository.
    let raw = |arguments: &[&str]| {
        let output = Command::new(program()).args(arguments).output().unwrap();
        let screen = String::from_utf8_lossy(&output.stderr).into_owned();
        Ended { code: output.status.code(), screen }
    };
    let health = "http://127.0.0.1:9/";
    let given = ["--repo", "/nowhere", "--start", "false", "--health", health, "--test", "pytest"];
    let levels = ["--autonomy", "observe", "propose", "approve", "auto"];
    expect(&raw(&given), Exit::Usage, &levels);
    expect(&raw(&["--start", "false"]), Exit::Usage, &["add --repo DIR"]);
}

#[test]
fn a_missing_repository_environment_or_log_is_said_before_anything_is_made() {
    let theirs = Inventory::new();
    let nowhere = theirs.path("nowhere").display().to_string();
    let folder = theirs.path("scratch").display().to_string();
    let cases: [(&[&str], &[&str]); 4] = [
        (&["--repo", &nowhere], &["no Git repository at", &nowhere, "git init"]),
        (&["--python", &nowhere], &["no Python at", &nowhere]),
        (&["--access-log", &folder], &[&folder, "is a folder", "name the log file"]),
        (&["--log", &folder], &[&folder, "is a folder", "name the log file"]),
    ];
    for (more, says) in cases {
        refused(&theirs, more, Exit::Missing, says);
    }
}

#[test]
fn a_checkout_with_changes_and_a_detached_head_are_left_as_they_are() {
    let theirs = Inventory::new();
    fs::write(theirs.repository().join("inventory/store.py"), "LEVELS = {}\n").unwrap();
    let says = ["has changes (inventory/store.py)", "commit or stash them"];
    refused(&theirs, &[], Exit::Missing, &says);

    let theirs = Inventory::new();
    let repository = git2::Repository::open(theirs.repository()).unwrap();
    repository.set_head_detached(repository.head().unwrap().target().unwrap()).unwrap();
    refused(&theirs, &[], Exit::Missing, &["is on a detached head", "git switch main"]);
}

#[test]
fn without_python_on_the_path_it_is_said_how_to_install_it() {
    let theirs = Inventory::new();
    // From a folder of its own, where no environment was prepared.
    let (folder, own) = (theirs.path("target"), theirs.path("target/heal"));
    fs::create_dir(&folder).unwrap();
    fs::hard_link(program(), &own).unwrap();
    let before = theirs.snapshot();
    let mut run = Command::new(own);
    run.env("PATH", theirs.programs_without("python"));
    let ended = theirs.ended(theirs.by(run, &[]).spawn().unwrap());
    let says = ["python3 was not found on PATH", "apt-get install python3", "\nNext: "];
    expect(&ended, Exit::Missing, &says);
    assert_eq!(theirs.snapshot(), before);
    theirs.nothing_runs();
}

#[test]
fn a_service_that_does_not_come_up_is_ended_and_its_last_lines_are_shown() {
    let theirs = Inventory::new();
    let dies = "echo 'no such table: parts' >&2; exit 3";
    let says = ["inventory does not start", "exit status: 3", "no such table: parts"];
    refused(&theirs, &["--start", dies], Exit::Missing, &says);
    // It can be told again: nothing is left to be resumed.
    let silent = ["--start", "echo loading; exec sleep 600", "--start-timeout", "2"];
    let address = format!("127.0.0.1:{}", theirs.port);
    let says = ["not healthy within 2 s", &address, "loading"];
    refused(&theirs, &silent, Exit::Missing, &says);
    let _other = TcpListener::bind((Ipv4Addr::LOCALHOST, theirs.port)).unwrap();
    refused(&theirs, &[], Exit::Missing, &["the port is in use", &address]);
}

#[test]
fn tests_that_fail_before_any_change_are_named_and_the_run_goes_on() {
    let theirs = Inventory::new();
    let test = theirs.repository().join("tests/test_store.py");
    let text = fs::read_to_string(&test).unwrap().replace("== 40", "== 41");
    fs::write(&test, text).unwrap();
    theirs.commit_all("Count one more");
    let before = theirs.snapshot();
    let ended = theirs.run(&["--for", "1"]);
    let says =
        ["1 of 3 tests fail before any change", "tests.test_store::test_level", "merged only"];
    expect(&ended, Exit::AsItShould, &says);
    assert!(ended.screen.contains("looking after it"), "{}", ended.screen);
    assert_eq!(theirs.snapshot(), before);
    theirs.nothing_runs();
}

#[test]
fn tests_that_prove_nothing_end_the_run() {
    let theirs = Inventory::new();
    let cases: [(&[&str], &[&str]); 5] = [
        (&["--test", "nosuchrunner -q"], &["`nosuchrunner -q` can't prove a fix", "127"]),
        (&["--test", "python -m pytest -q -k nothing"], &["it holds no tests", "--test"]),
        (&["--test", "kill -9 $$"], &["can't prove a fix", "broke off with code -9"]),
        (&["--test", "true"], &["can't prove a fix", "no report"]),
        (
            &["--test", "sleep 600", "--test-timeout", "2"],
            &["can't prove a fix", "time limit", "--test-timeout"],
        ),
    ];
    for (more, says) in cases {
        refused(&theirs, more, Exit::Missing, says);
    }
}

#[test]
fn a_log_that_is_not_there_yet_is_said_once_and_read_when_it_is() {
    let theirs = Inventory::new();
    let (folder, log) = (theirs.path("logs"), theirs.path("logs/errors.log"));
    let before = theirs.snapshot();
    let log_option = log.display().to_string();
    let mut child = theirs.start(&["--log", &log_option, "--autonomy", "observe"]);
    theirs.until(&mut child, || theirs.screen().contains("looking after it"));
    fs::create_dir(&folder).unwrap();
    let trace = "Traceback (most recent call last):\n  File \"inventory/store.py\", line 14, in average\n    \
                 return sum(values) / len(values)\nZeroDivisionError: division by zero\n";
    fs::write(&log, trace).unwrap();
    theirs.until(&mut child, || theirs.screen().contains("  AwaitingHuman  "));
    terminate(&child);
    let ended = theirs.ended(child);
    expect(&ended, Exit::Waiting, &["ZeroDivisionError"]);
    let said = format!("{log_option} is not there yet");
    assert_eq!(ended.screen.matches(&said).count(), 1, "{}", ended.screen);
    assert_eq!(theirs.snapshot(), before, "{}", ended.screen);
    theirs.nothing_runs();
}

#[test]
fn a_state_folder_belongs_to_one_run_of_one_service() {
    let theirs = Inventory::new();
    let scratch = theirs.path("somebody");
    fs::create_dir(&scratch).unwrap();
    fs::write(scratch.join("thesis.txt"), "chapter 1").unwrap();
    let folder = scratch.display().to_string();
    let says = ["holds something else", folder.as_str(), "--state"];
    refused(&theirs, &["--state", &folder], Exit::Missing, &says);
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 1);

    let mut first = theirs.start(&[]);
    theirs.until(&mut first, || theirs.screen().contains("looking after it"));
    // The same folder for another service of the same name, while the first one runs.
    let other = Inventory::new();
    let before = other.snapshot();
    let state = theirs.path("state").display().to_string();
    let ended = other.run(&["--state", &state, "--service", "other"]);
    let says = ["another run uses the state folder", state.as_str(), "--state", "\nNext: "];
    expect(&ended, Exit::Missing, &says);
    assert!(other.get("/health").is_none(), "{}", ended.screen);

    // Killed, it is unfinished: another service does not resume it, the same command does.
    first.kill().unwrap();
    first.wait().unwrap();
    let ended = other.run(&["--state", &state]);
    let repository = theirs.repository().canonicalize().unwrap().display().to_string();
    expect(&ended, Exit::Missing, &["an unfinished run of", &repository, "--state", "\nNext: "]);
    assert_eq!(other.snapshot(), before);
    let ended = theirs.run(&["--for", "1"]);
    expect(&ended, Exit::AsItShould, &["an unfinished run is resumed", "looking after it"]);
    theirs.nothing_runs();
    other.nothing_runs();
}

#[test]
fn an_interrupt_while_the_tests_are_tried_ends_the_run_in_order() {
    let theirs = Inventory::new();
    let mut child = theirs.start(&["--test", "sleep 600"]);
    theirs.until(&mut child, || theirs.screen().contains("its tests are run once"));
    terminate(&child);
    let ended = theirs.ended(child);
    expect(&ended, Exit::AsItShould, &[]);
    theirs.nothing_runs();
}

#[test]
fn a_full_disk_is_said_and_nothing_is_done_that_is_not_journaled() {
    let theirs = Inventory::new();
    let (state, log) = (theirs.path("state"), theirs.path("errors.log"));
    fs::create_dir(&state).unwrap();
    let before = theirs.snapshot();
    // A disk of its own, which this process reaches through the other's root.
    let script = "mount -t tmpfs -o size=16m tmpfs \"$0\" && exec \"$@\"";
    let mut run = Command::new("unshare");
    run.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]);
    run.arg(&state).arg(program());
    let start = format!("{} 2>> {}", theirs.start_command(), log.display());
    let log = log.display().to_string();
    let mut child = theirs.by(run, &["--start", &start, "--log", &log]).spawn().unwrap();
    theirs.until(&mut child, || theirs.screen().contains("looking after it"));
    let disk = format!("/proc/{}/root{}", child.id(), state.display());
    let full = Command::new("dd")
        .args(["if=/dev/zero", "bs=4096", &format!("of={disk}/filler")])
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(!full.success(), "the disk has to be full");
    theirs.until(&mut child, || {
        theirs.get("/average");
        theirs.screen().contains("the journal can't be written")
    });
    terminate(&child);
    let ended = theirs.ended(child);
    expect(&ended, Exit::BrokeOff, &["full", "free space", "\nNext: ", "is resumed"]);
    assert_eq!(theirs.snapshot(), before, "{}", ended.screen);
    theirs.nothing_runs();
}

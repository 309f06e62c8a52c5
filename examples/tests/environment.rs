//! The Python environment, for real.

use std::process::Command;
use std::time::{Duration, Instant};

use aegis_examples::staging::venv;

use crate::support::python;

#[test]
fn it_has_the_pinned_pytest_and_coverage() {
    let program = "import coverage, pytest; print(pytest.__version__, coverage.__version__)";
    let output = Command::new(python().python).args(["-c", program]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "9.2.0 7.17.3");
}

#[test]
fn a_second_call_is_instant_and_the_same() {
    let first = python();
    let started = Instant::now();
    assert_eq!(venv::prepare(&first.root).unwrap(), first);
    assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
}

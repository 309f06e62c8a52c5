//! Three processes on one journal, one of them killed: run as a person runs it.

use std::process::Command;

use crate::support::example;

#[test]
fn what_a_killed_process_drove_is_healed_by_another_once() {
    let output = Command::new(example("replicas")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{error}");
    assert!(said.contains("one process is killed"), "{said}");
    assert_eq!(said.matches("Healed, mended 1 time(s)").count(), 6, "{said}");
}

//! Prometheus' own programs, as Debian packages them.

use std::io::ErrorKind;
use std::process::{Command, Output, Stdio};

use aegis_prometheus::own::FAMILIES;

const INSTALL: &str = "apt-get install -y --no-install-recommends prometheus";

/// Fails where `program` is missing, with what to do.
pub(crate) fn found<T>(program: &str, started: std::io::Result<T>) -> T {
    match started {
        Ok(started) => started,
        Err(e) if e.kind() == ErrorKind::NotFound => panic!("no {program}; install it: {INSTALL}"),
        Err(e) => panic!("{program}: {e}"),
    }
}

/// Runs promtool with `input`; what it says, where it fails, is the panic's message.
#[track_caller]
pub(crate) fn promtool(args: &[&str], input: &str) -> String {
    let output = run(args, input);
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap()).concat();
    assert!(output.status.success(), "promtool {args:?}: {said}");
    said
}

fn run(args: &[&str], input: &str) -> Output {
    let mut command = Command::new("promtool");
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = found("promtool", command.spawn());
    let mut stdin = child.stdin.take().unwrap();
    // One that ends without reading says why.
    let _ = std::io::Write::write_all(&mut stdin, input.as_bytes());
    drop(stdin);
    child.wait_with_output().unwrap()
}

/// A file of this crate.
pub(crate) fn file(path: &str) -> String {
    format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))
}

/// The names of metrics of ours in a text, a histogram's by the family's name.
pub(crate) fn names(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| word.starts_with("aegis_"));
    let histogram = |name: &str| {
        FAMILIES
            .iter()
            .any(|f| f.name == name && matches!(f.kind, aegis_prometheus::own::Kind::Histogram(_)))
    };
    let family = |name| {
        let parts = ["_bucket", "_sum", "_count"];
        let mut bases = parts.iter().filter_map(|part| str::strip_suffix(name, part));
        bases.find(|base| histogram(base)).unwrap_or(name)
    };
    ours.map(family).collect()
}

//! Every command that README and CONTRIBUTING show is run by a test or by CI.

use std::fs;
use std::path::Path;

/// Each command, and where it is run: a file, and what in it runs the command.
const RUN_BY: [(&str, &str, &str); 11] = [
    ("make heal", ".github/workflows/ci.yml", "- run: make heal"),
    ("make test", ".github/workflows/ci.yml", "- run: make test"),
    ("make check", ".github/workflows/ci.yml", "- run: make check"),
    // Benches are targets: where all of them are tested, each is run once.
    ("make bench", "Makefile", "TARGETS := --lib --bins --tests --benches"),
    (
        "cargo run -p aegis-examples --example quickstart",
        "examples/tests/small.rs",
        "quickstart::main()",
    ),
    ("cargo run -p aegis-examples --example mocked", "examples/tests/small.rs", "mocked::main()"),
    ("cargo run -p aegis-examples --example embed", "examples/tests/small.rs", "embed::run()"),
    (
        "cargo run -p aegis-examples --example replicas",
        "examples/tests/replicas.rs",
        "example(\"replicas\")",
    ),
    (
        "cargo run -p aegis-examples --example own_model",
        "examples/tests/own_model.rs",
        "example(\"own_model\")",
    ),
    (
        "cargo run -p aegis-examples --example exporter",
        "aegis-prometheus/tests/own/exporter.rs",
        "example::Exporter::start",
    ),
    (
        "cargo run -p aegis-examples --example operate -- --help",
        "examples/tests/operate.rs",
        "run(\"--help\")",
    ),
];

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(root.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The commands in the console blocks of `text`.
fn commands(text: &str) -> Vec<&str> {
    let blocks = text.split("```console\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.flat_map(str::lines).filter_map(|line| line.strip_prefix("$ ")).collect()
}

#[test]
fn every_command_that_is_shown_is_run_somewhere() {
    let (readme, contributing) = (read("README.md"), read("CONTRIBUTING.md"));
    let (shown, more) = (commands(&readme), commands(&contributing));
    assert!(!shown.is_empty() && !more.is_empty());
    for command in shown.into_iter().chain(more) {
        let run = RUN_BY.iter().find(|(known, ..)| *known == command);
        let (_, file, how) = run.unwrap_or_else(|| panic!("nothing runs `{command}`"));
        assert!(read(file).contains(how), "{file} does not run `{command}` by `{how}`");
    }
}

#[test]
fn every_file_that_the_readme_links_to_exists() {
    let readme = read("README.md");
    let links = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    for link in links.filter(|link| !link.starts_with("http")) {
        read(link);
    }
}

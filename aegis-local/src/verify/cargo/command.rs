//! A `cargo test` command line, taken apart as far as it has to be.

use aegis_core::{Error, Result};

use super::super::command::{Word, past_assignments};

/// Arguments that change what the report looks like, or keep it back.
const UNREADABLE: [&str; 9] = [
    "-q",
    "--quiet",
    "--nocapture",
    "--no-capture",
    "--format",
    "--logfile",
    "--list",
    "--no-run",
    "--message-format",
];

/// `cargo test ...` with assignments before it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command<'a> {
    before: &'a str,
    /// Cargo's own arguments, as they stand.
    own: &'a str,
    /// From the `--` on.
    rest: &'a str,
}

/// Which of a workspace's packages are tested.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Which<'a> {
    /// Those that the workspace tests where nothing is said.
    Default,
    All {
        but: Vec<&'a str>,
    },
    Named(Vec<&'a str>),
}

impl<'a> Command<'a> {
    /// Errors: `Invalid` for anything but `cargo test`, and for arguments under which its report can't
    /// be read.
    pub(super) fn parse(command: &'a str) -> Result<Self> {
        let wrong = |why: &str| {
            Err(Error::invalid(format!("the test command {command:?} {why}: write cargo test ...")))
        };
        if command.contains(|c: char| ";&|<>()`$#\n\"'\\".contains(c)) {
            return wrong("is a shell's");
        }
        let words: Vec<Word<'_>> = past_assignments(command).collect();
        let [
            Word { start, text: "cargo", .. },
            test @ Word { text: "test" | "t", .. },
            others @ ..,
        ] = &words[..]
        else {
            return wrong("is not cargo's");
        };
        let hides = |word: &&Word<'_>| {
            let named = |flag: &&str| {
                let rest = word.text.strip_prefix(*flag);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
            };
            UNREADABLE.iter().any(named)
        };
        if let Some(word) = others.iter().find(hides) {
            return wrong(&format!("hides the report by {}", word.text));
        }
        let end = test.start + test.text.len();
        let split = others.iter().find(|word| word.text == "--");
        let split = split.map_or(command.len(), |word| word.start);
        Ok(Self { before: &command[..*start], own: &command[end..split], rest: &command[split..] })
    }

    /// The whole suite, whatever fails first, with both streams in `log`.
    pub(super) fn run(&self, log: &str) -> String {
        let Self { before, own, rest } = self;
        let all = if own.contains("--no-fail-fast") { "" } else { " --no-fail-fast" };
        format!("{before}cargo test{all}{own} {rest} >{log} 2>&1")
    }

    /// What says which packages there are; it goes to `log`.
    pub(super) fn metadata(&self, log: &str) -> String {
        let manifest =
            self.value_of("--manifest-path").map(|path| format!(" --manifest-path {path}"));
        let manifest = manifest.unwrap_or_default();
        format!("cargo metadata --offline --no-deps --format-version 1{manifest} >{log}")
    }

    pub(super) fn which(&self) -> Which<'a> {
        let values = |names: [&str; 2]| {
            let mut found = Vec::new();
            let mut words = self.own.split_whitespace();
            while let Some(word) = words.next() {
                if names.contains(&word) {
                    found.extend(words.next());
                } else if let Some((name, value)) = word.split_once('=')
                    && names.contains(&name)
                {
                    found.push(value);
                }
            }
            found
        };
        let named = values(["-p", "--package"]);
        if self.own.split_whitespace().any(|w| matches!(w, "--workspace" | "--all")) {
            Which::All { but: values(["--exclude", "--exclude"]) }
        } else if named.is_empty() {
            Which::Default
        } else {
            Which::Named(named)
        }
    }

    fn value_of(&self, name: &str) -> Option<&'a str> {
        let mut words = self.own.split_whitespace();
        words
            .by_ref()
            .find_map(|word| {
                let value = word.strip_prefix(name)?.strip_prefix('=');
                value.map(Some).or_else(|| (word == name).then_some(None))
            })?
            .or_else(|| words.next())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_whole_suite_runs_with_the_services_own_arguments() {
        let run = |command| Command::parse(command).unwrap().run("/out/log");
        assert_eq!(run("cargo test"), "cargo test --no-fail-fast  >/out/log 2>&1");
        assert_eq!(
            run("A=1 cargo test --workspace -- --skip slow"),
            "A=1 cargo test --no-fail-fast --workspace  -- --skip slow >/out/log 2>&1"
        );
        assert_eq!(run("cargo t --no-fail-fast"), "cargo test --no-fail-fast  >/out/log 2>&1");
    }

    #[test]
    fn what_can_not_be_read_is_refused_with_its_reason() {
        for (command, why) in [
            ("make test", "is not cargo's"),
            ("cargo nextest run", "is not cargo's"),
            ("cargo +nightly test", "is not cargo's"),
            ("", "is not cargo's"),
            ("cargo test; true", "is a shell's"),
            ("cargo test -q", "hides the report by -q"),
            ("cargo test -- --format=json", "hides the report by --format=json"),
        ] {
            let error = Command::parse(command).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn the_packages_that_are_tested_are_those_that_it_names() {
        let which = |command| Command::parse(command).unwrap().which();
        assert_eq!(which("cargo test"), Which::Default);
        assert_eq!(which("cargo test -p a --package=b"), Which::Named(vec!["a", "b"]));
        assert_eq!(which("cargo test --all --exclude c"), Which::All { but: vec!["c"] });
        let manifest = |command| Command::parse(command).unwrap().value_of("--manifest-path");
        assert_eq!(manifest("cargo test --manifest-path a/Cargo.toml"), Some("a/Cargo.toml"));
        assert_eq!(manifest("cargo test --manifest-path=a/Cargo.toml -v"), Some("a/Cargo.toml"));
        assert_eq!(manifest("cargo test"), None);
    }
}

#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;

use aegis_core::Digest;
use aegis_core::patch::{Tier, apply, parse};
use aegis_core::redact::Redactor;

use super::super::answer::drafts;
use super::*;

const ALL: [Example; 6] = [ZERO, NONE, KEY, INDEX, TYPE, GENERAL];

/// They are a part of the prompt: whoever changes one raises the version of the prompt for fixes and
/// puts the new digest here.
#[test]
fn an_example_that_changes_takes_the_next_version_of_the_prompt() {
    let digest = |example: &Example| Digest::of([example.text]).short().to_owned();
    let fix = crate::prompt::Prompt::FIX.id();
    let is: Vec<String> =
        ALL.iter().map(|example| format!("{fix} {} {}", example.name, digest(example))).collect();
    let pinned = include_str!("../prompt/texts/examples/pinned.txt");
    assert_eq!(is, pinned.lines().collect::<Vec<_>>());
}

#[test]
fn each_example_fits_the_source_that_it_shows() {
    for Example { name, text } in ALL {
        let (shown, answer) = text.split_once("A good answer:\n").unwrap();
        let mut lines = shown.lines().skip(1);
        let heading = lines.next().unwrap();
        let path = heading.strip_prefix("file ").unwrap().split_once(',').unwrap().0;
        let count: usize =
            heading.trim_end_matches(':').rsplit(' ').next().unwrap().parse().unwrap();
        let source: String = lines.by_ref().take(count).map(|line| format!("{line}\n")).collect();
        assert!(lines.next().unwrap().starts_with(&format!("at {path}:")), "{name}");
        let draft = drafts(answer).unwrap().remove(0).unwrap();
        let edits = parse(&draft.blocks).unwrap();
        let changes = apply(&edits, &BTreeMap::from([(path.to_owned(), source)])).unwrap();
        assert_eq!(changes[0].tier, Tier::Exact, "{name}");
    }
}

#[test]
fn nothing_in_an_example_is_taken_for_a_secret() {
    let redactor = Redactor::standard();
    for Example { name, text } in ALL {
        assert_eq!(redactor.redact_str(text).as_str(), text, "{name}");
    }
}

//! Which candidate is offered first.

use std::collections::{BTreeMap, BTreeSet};

use aegis_core::patch::FileChange;

use super::place::Placed;

/// Languages in which `#` begins a comment.
const HASH: &[&str] = &["py", "pyi", "rb", "sh", "yml", "yaml", "toml", "ex", "exs"];

/// A candidate, and the answer that it came in.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) sample: u32,
    pub(super) placed: Placed,
}

/// Each change once, those first that most answers came to, and then in their order.
pub(super) fn ranked(all: Vec<Candidate>) -> Vec<Candidate> {
    let mut voters: BTreeMap<Vec<String>, BTreeSet<u32>> = BTreeMap::new();
    let mut kept = Vec::new();
    for candidate in all {
        let key = normalised(&candidate.placed.changes);
        let known = voters.contains_key(&key);
        voters.entry(key.clone()).or_default().insert(candidate.sample);
        if !known {
            kept.push((key, candidate));
        }
    }
    kept.sort_by_key(|(key, _)| std::cmp::Reverse(voters.get(key).map_or(0, BTreeSet::len)));
    kept.into_iter().map(|(_, candidate)| candidate).collect()
}

/// What the changed files come to, whatever blank lines and comments they were given.
fn normalised(changes: &[FileChange]) -> Vec<String> {
    let text = |change: &FileChange| {
        let extension = change.path.rsplit_once('.').map_or("", |(_, extension)| extension);
        let comment = if HASH.contains(&extension) { "#" } else { "//" };
        let lines = change.after.as_deref().unwrap_or_default().lines().map(str::trim_end);
        let says = |line: &&str| !line.is_empty() && !line.trim_start().starts_with(comment);
        let lines: Vec<&str> = lines.filter(says).collect();
        format!("{}\n{}\n{}", change.path, change.after.is_some(), lines.join("\n"))
    };
    changes.iter().map(text).collect()
}

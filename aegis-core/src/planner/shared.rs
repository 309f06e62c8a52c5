//! What the errors of a storm share, from their own text. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::id::Timestamp;
use crate::model::{Author, Release, Symptom};

/// A release is named as what a storm may come from for this long.
const RECENT: Duration = Duration::from_secs(3_600);
/// Places in the service's own code that are kept of one error.
const PLACES: usize = 64;

/// What is kept of an error to tell what it shares with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Traits {
    /// The type of the exception that surfaced.
    exception: Option<String>,
    /// The service's own code that it came through: path and function.
    places: BTreeSet<(String, String)>,
}

impl Traits {
    pub(super) fn of(symptom: &Symptom) -> Self {
        let trace = symptom.trace();
        let frames = trace.into_iter().flat_map(|t| &t.exceptions).flat_map(|e| &e.frames);
        // The innermost ones tell more, and stand last.
        let own = frames.rev().filter(|f| f.in_app).take(PLACES);
        Self {
            exception: trace.and_then(|t| t.surfaced()).map(|e| e.kind.clone()),
            places: own.map(|f| (f.path.clone(), f.function.clone())).collect(),
        }
    }
}

/// Findings in the order of their use: the release before it, the place, the exception.
pub(super) fn shared(errors: &[&Traits], release: Option<&Release>, now: Timestamp) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(release) = release.filter(|r| now.since(r.at) <= RECENT) {
        let by = match &release.author {
            Author::Aegis(incident) => format!("Aegis for {incident}"),
            Author::Person(name) => name.clone(),
        };
        let (revision, ago) = (release.revision.short(), now.since(release.at).as_secs());
        found.push(format!("release {revision} of {by} went live {ago} s before"));
    }
    let all = errors.len();
    let named = |(what, count): (String, usize)| format!("{what} in {count} of {all}");
    let functions = errors.iter().flat_map(|e| &e.places);
    let function = most(functions.map(|(path, function)| format!("{function} ({path})")), all);
    let files =
        errors.iter().flat_map(|e| e.places.iter().map(|(p, _)| p).collect::<BTreeSet<_>>());
    let file = most(files.cloned(), all);
    // A function says more than its file, unless the file is in more of them.
    let place = match (function, file) {
        (Some(function), Some(file)) if function.1 >= file.1 => Some(function),
        (function, file) => file.or(function),
    };
    found.extend(place.map(named));
    let exceptions = errors.iter().filter_map(|e| e.exception.clone());
    found.extend(most(exceptions, all).map(named));
    found
}

/// What is in more than half of `all`, the most frequent one.
fn most(names: impl Iterator<Item = String>, all: usize) -> Option<(String, usize)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let (name, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    (count * 2 > all).then_some((name, count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Revision;

    fn error(exception: &str, places: &[(&str, &str)]) -> Traits {
        let place = |(p, f): &(&str, &str)| ((*p).to_owned(), (*f).to_owned());
        Traits { exception: Some(exception.to_owned()), places: places.iter().map(place).collect() }
    }

    fn say(errors: &[Traits]) -> Vec<String> {
        shared(&errors.iter().collect::<Vec<_>>(), None, Timestamp::from_ms(0))
    }

    #[test]
    fn the_function_that_most_came_through_is_named_and_the_exception_that_most_are() {
        let errors = [
            error("KeyError", &[("db.py", "connect"), ("a.py", "one")]),
            error("KeyError", &[("db.py", "connect"), ("b.py", "two")]),
            error("TypeError", &[("db.py", "connect"), ("b.py", "three")]),
        ];
        assert_eq!(say(&errors), ["connect (db.py) in 3 of 3", "KeyError in 2 of 3"]);
    }

    #[test]
    fn a_file_is_named_where_no_function_is_in_as_many_and_half_is_not_most() {
        let errors = [
            error("KeyError", &[("db.py", "connect"), ("db.py", "retry")]),
            error("TypeError", &[("db.py", "close")]),
        ];
        assert_eq!(say(&errors), ["db.py in 2 of 2"]);
        let nothing = [error("A", &[("a.py", "one")]), error("B", &[("b.py", "two")])];
        assert!(say(&nothing).is_empty());
    }

    #[test]
    fn a_release_of_the_last_hour_is_named_first() {
        let at = Timestamp::from_ms;
        let kim = Author::Person("Kim".into());
        let release = Release::new("shop".into(), Revision::new("abc1234"), at(0), kim);
        let say = |now| shared(&[], Some(&release), at(now));
        assert_eq!(say(40_000), ["release abc1234 of Kim went live 40 s before"]);
        assert!(say(3_600_001).is_empty());
    }
}

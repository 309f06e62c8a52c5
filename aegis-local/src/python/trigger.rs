//! The requests that make a failure happen.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aegis_core::Result;
use aegis_core::model::{Case, Trigger};

use crate::requests::{RequestLog, ServedRequest};
use crate::sources::{exact_route, route_of};

/// How far from a symptom a failed request still belongs to it.
const WITHIN: Duration = Duration::from_secs(2);

/// Symptoms whose requests are looked up, requests of each, triggers in all.
const LIMITS: (usize, usize, usize) = (20, 64, 10);

/// Methods that a text is searched for.
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/// A request is logged once it is answered, a little after its error: how often to look again, and
/// how long in between.
const AGAIN: (u32, Duration) = (3, Duration::from_millis(150));

/// The failed requests near the symptoms of a case, most telling first.
pub(super) async fn triggers(log: &dyn RequestLog, case: &Case) -> Result<Vec<Trigger>> {
    let mut tries = 0;
    loop {
        let (failed, named) = failures(log, case).await?;
        tries += 1;
        // Where the log's own text names a request, only that one can be meant.
        if named || tries > AGAIN.0 || (!failed.is_empty() && !names_any(case)) {
            return Ok(rank(&failed));
        }
        tokio::time::sleep(AGAIN.1).await;
    }
}

/// Failed requests near each symptom, nearest first; those that its text names where it names any.
async fn failures(log: &dyn RequestLog, case: &Case) -> Result<(Vec<ServedRequest>, bool)> {
    let (mut near, mut named) = (Vec::new(), Vec::new());
    for symptom in case.symptoms.iter().take(LIMITS.0) {
        for request in log.failures_near(symptom.at, WITHIN, LIMITS.1).await? {
            let list =
                if mentions(symptom.detail.as_str(), &request) { &mut named } else { &mut near };
            list.push(request);
        }
    }
    let found = !named.is_empty();
    Ok((if found { named } else { near }, found))
}

/// Whether a text holds a request's path as a word of its own, not behind another method.
fn mentions(text: &str, request: &ServedRequest) -> bool {
    let exact = exact_route(&request.method, &request.target);
    let path = exact.split_once(' ').map_or("", |(_, path)| path);
    let ends = |c: char| c.is_whitespace() || "?#\"',;:)]}".contains(c);
    let another = |word: &str| METHODS.contains(&word) && word != request.method;
    path.len() > 1
        && text.match_indices(path).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            let after = text[at + path.len()..].chars().next();
            let method = text[..at].trim_end().rsplit(|c: char| !c.is_ascii_uppercase()).next();
            before.is_none_or(|c| c.is_whitespace() || "\"'(=".contains(c))
                && after.is_none_or(ends)
                && !method.is_some_and(another)
        })
}

/// Whether a symptom's text looks as if it named a request: `GET /some/path`.
fn names_any(case: &Case) -> bool {
    let named = |text: &str| METHODS.iter().any(|m| text.contains(&format!("{m} /")));
    case.symptoms.iter().any(|s| named(s.detail.as_str()))
}

/// The requests by how often they failed; targets that share a template are one route.
fn rank(failed: &[ServedRequest]) -> Vec<Trigger> {
    // How often each failed, and where it came first: the nearest to a symptom are the first.
    let mut by_target: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
    let mut by_template: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (at, request) in failed.iter().enumerate() {
        let (method, target) = (&request.method, &request.target);
        by_target.entry((method, target)).or_insert((0, at)).0 += 1;
        by_template
            .entry(route_of(method, target))
            .or_default()
            .insert(exact_route(method, target));
    }
    let mut targets: Vec<_> = by_target.into_iter().collect();
    targets.sort_by_key(|(_, (times, first))| (Reverse(*times), *first));
    targets
        .into_iter()
        .take(LIMITS.2)
        .map(|((method, target), _)| {
            let shared = route_of(method, target);
            let several = by_template.get(&shared).is_some_and(|exact| exact.len() > 1);
            let route = if several { shared } else { exact_route(method, target) };
            Trigger::new(method, target, route)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use aegis_core::Timestamp;

    use super::*;

    fn failed(target: &str) -> ServedRequest {
        ServedRequest::new(Timestamp::from_ms(0), "GET", target, 500)
    }

    #[test]
    fn one_target_that_fails_is_an_exact_route() {
        let ranked = rank(&[failed("/items/7/score?x=1"), failed("/items/7/score?x=1")]);
        assert_eq!(ranked, [Trigger::new("GET", "/items/7/score?x=1", "GET /items/7/score")]);
    }

    #[test]
    fn of_targets_that_fail_as_often_the_nearest_is_first() {
        let near = [failed("/z"), failed("/a"), failed("/m"), failed("/m")];
        let targets: Vec<String> = rank(&near).into_iter().map(|t| t.target).collect();
        assert_eq!(targets, ["/m", "/z", "/a"]);
    }

    #[test]
    fn targets_that_share_a_template_are_one_route() {
        let ranked = rank(&[failed("/items/7"), failed("/items/8"), failed("/items/8")]);
        assert_eq!(ranked[0].target, "/items/8");
        assert!(ranked.iter().all(|t| t.route == "GET /items/{id}"), "{ranked:?}");
    }

    #[test]
    fn a_path_is_mentioned_only_as_a_word_of_its_own() {
        let request = failed("/items/7?x=1");
        assert!(mentions("ERROR shop: unhandled error in GET /items/7", &request));
        assert!(mentions("path=/items/7, status=500", &request));
        assert!(mentions("GET /items/7?x=1 HTTP/1.1", &request));
        assert!(!mentions("GET /items/77", &request));
        assert!(!mentions("File \"/srv/items/7\"", &request));
        assert!(!mentions("GET /items/7/score", &request));
        assert!(mentions("Exception on /items/7 [GET]", &request));
        assert!(!mentions("POST /items/7", &request));
        assert!(mentions("POST /items/7 after GET /items/7", &request));
    }
}

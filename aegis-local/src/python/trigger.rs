//! The requests that make a failure happen.

use std::collections::BTreeMap;
use std::time::Duration;

use aegis_core::Result;
use aegis_core::model::{Case, Trigger};

use crate::requests::{RequestLog, ServedRequest};

/// How far from a symptom a failed request still belongs to it.
const WITHIN: Duration = Duration::from_secs(2);

/// Symptoms whose requests are looked up, requests of each, triggers in all.
const LIMITS: (usize, usize, usize) = (20, 8, 5);

/// The failed requests near the symptoms of a case, most telling first.
pub(super) async fn triggers(log: &dyn RequestLog, case: &Case) -> Result<Vec<Trigger>> {
    let mut failed: Vec<ServedRequest> = Vec::new();
    for symptom in case.symptoms.iter().take(LIMITS.0) {
        for request in log.failures_near(symptom.at, WITHIN, LIMITS.1).await? {
            if !failed.contains(&request) {
                failed.push(request);
            }
        }
    }
    Ok(rank(&failed))
}

/// The requests by how often they failed; targets that share a template are one route.
fn rank(failed: &[ServedRequest]) -> Vec<Trigger> {
    let mut by_target: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut by_template: BTreeMap<String, BTreeMap<&str, ()>> = BTreeMap::new();
    for request in failed {
        *by_target.entry((&request.method, &request.target)).or_default() += 1;
        by_template
            .entry(format!("{} {}", request.method, template(path(&request.target))))
            .or_default()
            .insert(path(&request.target), ());
    }
    let mut targets: Vec<_> = by_target.into_iter().collect();
    targets.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    targets
        .into_iter()
        .take(LIMITS.2)
        .map(|((method, target), _)| {
            let shared = format!("{method} {}", template(path(target)));
            let several = by_template.get(&shared).is_some_and(|paths| paths.len() > 1);
            let route = if several { shared } else { format!("{method} {}", path(target)) };
            Trigger::new(method, target, route)
        })
        .collect()
}

fn path(target: &str) -> &str {
    target.split(['?', '#']).next().unwrap_or(target)
}

/// A path with `{id}` in place of what looks like one: digits, long hexadecimals, UUIDs.
fn template(path: &str) -> String {
    let part = |part: &str| {
        let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let hex = part.len() >= 8
            && part.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
            && part.bytes().any(|b| b.is_ascii_digit());
        if digits || hex { "{id}".to_owned() } else { part.to_owned() }
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
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
    fn targets_that_share_a_template_are_one_route() {
        let ranked = rank(&[failed("/items/7"), failed("/items/8"), failed("/items/8")]);
        assert_eq!(ranked[0].target, "/items/8");
        assert!(ranked.iter().all(|t| t.route == "GET /items/{id}"), "{ranked:?}");
    }
}

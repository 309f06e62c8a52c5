//! The dashboard: what it asks parses, and is about series that exist.

use std::collections::BTreeSet;

use aegis_prometheus::own::{DASHBOARD, FAMILIES, RULES};
use serde_json::Value;

use super::promtool::{names, promtool};

fn panels() -> Vec<Value> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    dashboard["panels"].as_array().unwrap().clone()
}

/// Every query, as it is after Grafana has put in its variables.
fn queries() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut queries: Vec<Value> = Vec::new();
    for panel in panels() {
        queries
            .extend(panel["targets"].as_array().into_iter().flatten().map(|t| t["expr"].clone()));
    }
    let notes = dashboard["annotations"]["list"].as_array().unwrap();
    queries.extend(notes.iter().map(|note| note["expr"].clone()));
    let put = |query: &Value| {
        query.as_str().unwrap().replace("$__rate_interval", "1m").replace("$service", "shop|mail")
    };
    queries.iter().map(put).collect()
}

#[test]
fn every_query_parses() {
    let rules: Vec<Value> = queries()
        .into_iter()
        .enumerate()
        .map(|(n, query)| serde_json::json!({"record": format!("query:{n}"), "expr": query}))
        .collect();
    assert!(rules.len() > 30, "{}", rules.len());
    let group = serde_json::json!({"groups": [{"name": "dashboard", "rules": rules}]});
    // JSON is YAML.
    let file = tempfile::NamedTempFile::with_suffix(".yml").unwrap();
    std::fs::write(file.path(), group.to_string()).unwrap();
    let said = promtool(&["check", "rules", file.path().to_str().unwrap()], "");
    assert!(said.contains(&format!("{} rules found", rules.len())), "{said}");
}

#[test]
fn no_variable_is_left_that_nobody_sets() {
    for query in queries() {
        assert!(!query.contains('$'), "{query}");
    }
}

#[test]
fn it_is_about_series_that_are_exported() {
    let known: BTreeSet<&str> = FAMILIES.iter().map(|family| family.name).collect();
    let queries = queries().join("\n");
    for name in names(&queries) {
        assert!(known.contains(name), "{name} is not exported");
    }
    let variable = names(DASHBOARD);
    assert!(variable.iter().all(|name| known.contains(name)), "{variable:?}");
}

#[test]
fn every_family_is_shown_or_alerted_on() {
    let shown = queries().join("\n");
    let used: BTreeSet<&str> = names(&shown).into_iter().chain(names(RULES)).collect();
    for family in FAMILIES {
        assert!(used.contains(family.name), "nobody looks at {}", family.name);
    }
}

#[test]
fn panels_have_a_title_say_what_they_mean_and_lie_beside_each_other() {
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in panels() {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title} has the id of another");
        if panel["type"] != "row" {
            assert!(panel["description"].as_str().is_some_and(|d| d.len() > 15), "{title}");
        }
        let place = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(place("x") + place("w") <= 24, "{title} is out of sight");
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{title} lies on another panel");
            }
        }
    }
}

//! The alerting rules, checked by who evaluates them.

use std::collections::BTreeSet;

use aegis_prometheus::own::{FAMILIES, RULES};

use super::promtool::{file, names, promtool};

const TESTS: &str = include_str!("../../rules/aegis_test.yml");

/// Each alert with its text.
fn alerts() -> Vec<(&'static str, &'static str)> {
    let rules = RULES.split("      - alert: ").skip(1);
    rules.map(|rule| rule.split_once('\n').unwrap()).collect()
}

#[test]
fn prometheus_takes_the_rules() {
    let said = promtool(&["check", "rules", &file("rules/aegis.yml")], "");
    assert!(said.contains(&format!("{} rules found", alerts().len())), "{said}");
}

#[test]
fn each_alert_fires_where_it_should_and_does_not_where_it_should_not() {
    promtool(&["test", "rules", &file("rules/aegis_test.yml")], "");
    for (alert, _) in alerts() {
        let asked = format!("alertname=\"{alert}\", alertstate=\"firing\"}}\n        eval_time");
        let all = TESTS.matches(&asked).count();
        let expected = format!("labels: 'ALERTS{{alertname=\"{alert}\"");
        let fires = TESTS.matches(&expected).count();
        assert!(fires > 0 && all > fires, "{alert} fires in {fires} of {all} cases");
    }
}

#[test]
fn each_alert_says_how_bad_it_is_what_it_is_and_what_to_do_next() {
    for (alert, text) in alerts() {
        let said = |key: &str| text.split_once(key).map(|(_, value)| value.trim_start());
        let severity = said("severity:").unwrap_or_default();
        assert!(severity.starts_with("critical\n") || severity.starts_with("warning\n"), "{alert}");
        assert!(said("summary:").is_some_and(|s| s.len() > 20), "{alert} has no summary");
        let description = said("description: >-").unwrap_or_default();
        let asks = ["Look", "Read", "List", "Find", "Ask", "shows"];
        assert!(asks.iter().any(|word| description.contains(word)), "{alert}: {description}");
    }
}

#[test]
fn an_alert_names_only_labels_that_it_has() {
    for (alert, text) in alerts() {
        let fires = format!("ALERTS{{alertname=\"{alert}\", alertstate=\"firing\", ");
        let labels = TESTS.split_once(&fires).unwrap().1.split_once('}').unwrap().0;
        for used in text.split("$labels.").skip(1) {
            let name = used.split_once([' ', '}']).unwrap().0;
            assert!(labels.contains(&format!("{name}=")), "{alert} has no label {name}");
        }
    }
}

#[test]
fn rules_and_their_tests_are_about_series_that_are_exported() {
    let known: BTreeSet<&str> = FAMILIES.iter().map(|family| family.name).collect();
    for name in [RULES, TESTS].into_iter().flat_map(names) {
        assert!(known.contains(name), "{name} is not exported");
    }
}

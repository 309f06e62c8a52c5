//! One request as a JSON object, with the names that nginx, gunicorn, Caddy and others use.

use std::time::Duration;

use serde_json::{Map, Value};

use super::parse::{DurationUnit, Entry, Reading, duration, request_line, seconds};
use crate::sources::when;

const TIME: [&str; 9] =
    ["time", "ts", "timestamp", "@timestamp", "time_iso8601", "time_local", "msec", "date", "t"];
const STATUS: [&str; 4] = ["status", "status_code", "statusCode", "code"];
const METHOD: [&str; 3] = ["method", "request_method", "verb"];
const TARGET: [&str; 6] = ["uri", "request_uri", "target", "path", "url", "request_path"];
const QUERY: [&str; 3] = ["query_string", "query", "args"];

/// Names of a duration, and their unit where the name says it.
const DURATION: [(&str, DurationUnit); 18] = [
    ("duration", DurationUnit::Usual),
    ("request_time", DurationUnit::Usual),
    ("latency", DurationUnit::Usual),
    ("response_time", DurationUnit::Usual),
    ("elapsed", DurationUnit::Usual),
    ("took", DurationUnit::Usual),
    ("duration_seconds", DurationUnit::Seconds),
    ("duration_s", DurationUnit::Seconds),
    ("duration_ms", DurationUnit::Milliseconds),
    ("latency_ms", DurationUnit::Milliseconds),
    ("elapsed_ms", DurationUnit::Milliseconds),
    ("response_time_ms", DurationUnit::Milliseconds),
    ("request_time_ms", DurationUnit::Milliseconds),
    ("responseTime", DurationUnit::Milliseconds),
    ("duration_us", DurationUnit::Microseconds),
    ("latency_us", DurationUnit::Microseconds),
    ("request_time_us", DurationUnit::Microseconds),
    ("duration_ns", DurationUnit::Nanoseconds),
];

/// The request of a JSON object; `None` where it lacks a time, a status or a request.
pub(super) fn entry(text: &str, reading: &Reading) -> Option<Entry> {
    let value: Value = serde_json::from_str(text).ok()?;
    let object = value.as_object()?;
    let request = object.get("request");
    // Caddy keeps the request in an object of its own; nginx writes the request line as text.
    let inner = request.and_then(Value::as_object).unwrap_or(object);
    let line = request.and_then(Value::as_str).and_then(request_line);
    let (method, target) = match (text_of(inner, &METHOD), text_of(inner, &TARGET), line) {
        (Some(method), Some(target), _) => (method.to_owned(), whole(inner, target)),
        (_, _, Some((method, target))) => (method.to_owned(), target.to_owned()),
        _ => return None,
    };
    Some(Entry {
        at: TIME.iter().filter_map(|name| object.get(*name)).find_map(|v| match v {
            Value::String(s) => reading.time(s).or_else(|| when::from_epoch(s.parse().ok()?)),
            Value::Number(n) => when::from_epoch(n.as_f64()?),
            _ => None,
        })?,
        method,
        target,
        status: STATUS.iter().filter_map(|name| object.get(*name)).find_map(status)?,
        latency: DURATION.iter().find_map(|(name, unit)| {
            latency(object.get(*name)?, unit.or(reading.unit).or(DurationUnit::Seconds))
        }),
    })
}

/// The target with its query, where that is a field of its own.
fn whole(object: &Map<String, Value>, target: &str) -> String {
    match text_of(object, &QUERY).map(|q| q.trim_start_matches('?')) {
        Some(query) if !query.is_empty() && query != "-" && !target.contains('?') => {
            format!("{target}?{query}")
        }
        _ => target.to_owned(),
    }
}

fn text_of<'a>(object: &'a Map<String, Value>, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| object.get(*name)?.as_str()).filter(|text| !text.is_empty())
}

fn status(value: &Value) -> Option<u16> {
    match value {
        Value::Number(n) => u16::try_from(n.as_u64()?).ok(),
        Value::String(s) => s.parse().ok(),
        _ => None,
    }
}

fn latency(value: &Value, unit: DurationUnit) -> Option<Duration> {
    match value {
        Value::Number(n) => seconds(n.as_f64()?, unit),
        Value::String(s) => duration(s, unit, unit),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(line: &str) -> Entry {
        Reading::default().entry(line).unwrap()
    }

    #[test]
    fn the_usual_writers_are_read() {
        for line in [
            // nginx
            r#"{"time":"2026-03-01T02:30:00+00:00","request":"GET /a?b=1 HTTP/1.1","status":"502","request_time":"0.012"}"#,
            r#"{"msec":"1772332200.000","request_method":"GET","request_uri":"/a?b=1","status":502,"request_time":0.012}"#,
            // Caddy
            r#"{"level":"info","ts":1772332200.0,"request":{"method":"GET","host":"x","uri":"/a?b=1"},"duration":0.012,"status":502}"#,
            // gunicorn
            r#"{"timestamp":"2026-03-01 02:30:00 +0000","method":"GET","path":"/a","query":"b=1","status":502,"duration_ms":12}"#,
            // pino
            r#"web-1 | {"time":1772332200000,"method":"GET","url":"/a?b=1","statusCode":502,"responseTime":12}"#,
            r#"{"ts":1772332200,"method":"GET","path":"/a?b=1","status":502,"latency":"12ms"}"#,
        ] {
            let entry = read(line);
            assert_eq!(entry.at.as_ms(), 1_772_332_200_000, "{line}");
            assert_eq!((entry.method.as_str(), entry.target.as_str()), ("GET", "/a?b=1"), "{line}");
            assert_eq!(entry.status, 502, "{line}");
            assert_eq!(entry.latency.unwrap().as_millis(), 12, "{line}");
        }
    }

    #[test]
    fn an_object_that_is_no_request_is_not_read() {
        for line in [
            "{}",
            r#"{"time":"2026-03-01T02:30:00Z","message":"started"}"#,
            r#"{"time":"yesterday","method":"GET","path":"/","status":200}"#,
            r#"{"time":1772332200,"method":"GET","path":"/","status":70000}"#,
            r#"{"time":1772332200,"method":"GET","path":"/","#,
        ] {
            assert_eq!(Reading::default().entry(line), None, "{line}");
        }
    }

    #[test]
    fn a_duration_that_is_none_costs_only_the_duration() {
        let entry =
            read(r#"{"ts":1772332200,"method":"GET","path":"/","status":200,"latency":-1}"#);
        assert_eq!(entry.latency, None);
    }
}

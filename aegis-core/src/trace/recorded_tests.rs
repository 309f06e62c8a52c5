#![allow(clippy::unwrap_used)]
use super::super::{BlockKind, Collector, parse};
use super::*;
use crate::redact::Redactor;

const TRACE: &str = "ERROR handling GET /x\nTraceback (most recent call last):\n  File \"/srv/shop/a.py\", line 3, in f\n    x\nKeyError: 'x'\n";
const LINE: &str = r#"aegis-locals: {"v":1,"type":"KeyError","file":"/srv/shop/a.py","line":3,"function":"f","arguments":[{"name":"self","value":null,"type":"Shop"},{"name":"code","value":"'\"GET /a\" 500 level=error'","type":"str"}]}"#;

fn one(text: &str) -> Trace {
    let mut traces = parse(text);
    assert_eq!(traces.len(), 1, "{text}\n{traces:#?}");
    traces.pop().unwrap()
}

#[test]
fn the_line_after_a_traceback_tells_what_the_function_was_called_with() {
    let bare = one(TRACE);
    assert_eq!(bare.recorded, None);
    for text in [
        format!("{TRACE}{LINE}\nINFO next"),
        format!("{TRACE}\n{LINE}\n"),
        // A message may look like the line, and the last one is the recorder's.
        format!("{TRACE}aegis-locals: {{\"x\": 1}}\n{LINE}\n"),
    ] {
        let mut trace = one(&text);
        let call = trace.recorded.take().unwrap();
        assert_eq!((call.path.as_str(), call.line), ("/srv/shop/a.py", 3));
        assert_eq!(call.function, "f");
        let [own, code] = &call.arguments[..] else { panic!("{call:?}") };
        assert_eq!(
            (own.name.as_str(), own.value.as_deref(), own.kind.as_str()),
            ("self", None, "Shop")
        );
        assert_eq!(code.value.as_deref(), Some(r#"'"GET /a" 500 level=error'"#));
        assert_eq!(trace, bare, "nothing else is changed by it");
        assert_eq!(trace.fingerprint(), bare.fingerprint());
    }
}

#[test]
fn it_is_read_behind_a_prefix_and_inside_of_a_record() {
    let prefixed: String = TRACE.lines().chain([LINE]).map(|l| format!("web-1  | {l}\n")).collect();
    let record = serde_json::json!({
        "level": "error", "message": "m", "exc_info": format!("{}{LINE}", &TRACE[22..]),
    });
    for text in [prefixed, record.to_string()] {
        assert!(one(&text).recorded.is_some(), "{text}");
    }
}

#[test]
fn the_line_is_no_report_by_itself() {
    for before in ["", "INFO calm\n", "ERROR no stock\n"] {
        let mut collector = Collector::default();
        let mut blocks = Vec::new();
        for line in format!("{before}{LINE}").lines() {
            blocks.extend(collector.push(line));
        }
        blocks.extend(collector.flush());
        let errors = blocks.iter().filter(|b| b.kind == BlockKind::Line).count();
        assert_eq!((blocks.len(), errors), if before.contains("ERROR") { (1, 1) } else { (0, 0) });
        assert!(blocks.iter().all(|b| !b.text.expose().contains(RECORDED_MARKER)), "{blocks:?}");
    }
    let mut collector = Collector::default();
    let text = format!("{TRACE}{LINE}\n{TRACE}{LINE}\n");
    let mut blocks: Vec<_> = text.lines().flat_map(|line| collector.push(line)).collect();
    blocks.extend(collector.flush());
    assert_eq!(blocks.len(), 2, "{blocks:?}");
}

#[test]
fn a_line_that_is_of_no_frame_or_out_of_bounds_is_left_out() {
    let many = vec![r#"{"name":"a","value":null}"#; MAX_ARGUMENTS + 1].join(",");
    let long = "1".repeat(MAX_EXPRESSION + 1);
    for line in [
        LINE.replace("\"f\"", "\"g\""),
        LINE.replace("shop/a.py", "shop/b.py"),
        LINE.replace("KeyError", "ValueError"),
        LINE.replace("\"line\":3", "\"line\":-3"),
        LINE.replace("'\\\"GET /a\\\" 500 level=error'", &long),
        LINE.replace("\"arguments\":[", &format!("\"arguments\":[{many},")),
        LINE[..LINE.len() - 2].to_owned(),
    ] {
        assert_ne!(line, LINE);
        assert_eq!(one(&format!("{TRACE}{line}\n")).recorded, None, "{line}");
    }
}

#[test]
fn a_secret_in_an_argument_is_redacted_and_the_line_is_still_read() {
    let secret = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
    let line = LINE.replace("level=error", &format!("{secret} a@example.com"));
    let redacted = Redactor::default().redact_str(&format!("{TRACE}{line}\n"));
    assert!(!redacted.as_str().contains(secret));
    let call = one(redacted.as_str()).recorded.unwrap();
    assert!(call.arguments[1].value.as_ref().unwrap().contains("[redacted:"), "{call:?}");
}

#[test]
fn a_trace_without_the_field_is_read_from_an_older_journal() {
    let trace = one(TRACE);
    let json = serde_json::to_string(&trace).unwrap();
    assert!(!json.contains("recorded"));
    assert_eq!(serde_json::from_str::<Trace>(&json).unwrap(), trace);
}

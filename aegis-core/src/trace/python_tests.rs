#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;

const PRINTED: &str = include_str!("fixtures/cpython311.txt");

/// The part of the fixture under `#### name`.
fn printed(name: &str) -> &'static str {
    let start = format!("#### {name}\n");
    let part = PRINTED.split(start.as_str()).nth(1).unwrap();
    part.split("#### ").next().unwrap()
}

fn one(text: &str) -> Trace {
    let mut traces = parse(text);
    assert_eq!(traces.len(), 1, "{text}\n{traces:#?}");
    traces.pop().unwrap()
}

fn kinds(trace: &Trace) -> Vec<(&str, Option<Relation>, usize)> {
    trace.exceptions.iter().map(|e| (e.kind.as_str(), e.relation, e.frames.len())).collect()
}

const CAUSE: Option<Relation> = Some(Relation::Cause);
const CONTEXT: Option<Relation> = Some(Relation::Context);
const MEMBER: Option<Relation> = Some(Relation::Member);

#[test]
fn chains_are_read_root_first() {
    let trace = one(printed("chain"));
    assert_eq!(kinds(&trace), [("ZeroDivisionError", None, 2), ("KeyError", CAUSE, 2)]);
    let root = trace.root().unwrap();
    assert_eq!(root.message, "division by zero");
    let frame = root.culprit().unwrap();
    assert_eq!(
        (frame.path.as_str(), frame.line, frame.function.as_str()),
        ("shop/a.py", Some(2), "f")
    );
    assert_eq!(frame.source.as_deref(), Some("def f(x): return 1/x"));
    assert_eq!(kinds(&one(printed("ctx")))[1], ("KeyError", CONTEXT, 2));
}

#[test]
fn a_cause_without_a_traceback_is_part_of_the_chain() {
    let trace = one(printed("cause_notb"));
    assert_eq!(kinds(&trace), [("ValueError", None, 0), ("RuntimeError", CAUSE, 2)]);
}

#[test]
fn a_message_may_have_several_lines_and_notes_or_be_missing() {
    let trace = one(printed("note"));
    assert_eq!(trace.exceptions[0].message, "line1\nline2\n\nline4\na note");
    let trace = one(printed("nomsg"));
    assert_eq!(trace.to_string(), "AssertionError");
}

#[test]
fn groups_are_read_with_their_members() {
    let trace = one(printed("grp"));
    let expected = [
        ("ExceptionGroup", None, 2),
        ("ZeroDivisionError", MEMBER, 2),
        ("KeyError", CONTEXT, 2),
        ("ZeroDivisionError", MEMBER, 2),
        ("ExceptionGroup", MEMBER, 0),
        ("ValueError", MEMBER, 0),
    ];
    assert_eq!(kinds(&trace), expected);
    assert_eq!(trace.exceptions[0].message, "eg (3 sub-exceptions)");
    let trace = one(printed("gcause"));
    assert_eq!(kinds(&trace)[..6], expected);
    assert_eq!(kinds(&trace)[6], ("TypeError", CAUSE, 2));
}

#[test]
fn a_task_group_shows_the_code_of_the_service() {
    let trace = one(printed("tg"));
    assert_eq!(kinds(&trace), [("ExceptionGroup", None, 7), ("ZeroDivisionError", MEMBER, 3)]);
    assert_eq!(trace.surfaced().unwrap().culprit().unwrap().function, "f");
    assert!(!trace.exceptions[1].frames[0].in_app);
}

#[test]
fn syntax_errors_have_no_function() {
    let trace = one(printed("syn"));
    assert_eq!(kinds(&trace), [("SyntaxError", None, 3)]);
    let frame = trace.exceptions[0].culprit().unwrap();
    assert_eq!((frame.path.as_str(), frame.function.as_str()), ("shop/s.py", "<module>"));
    let alone =
        "  File \"/app/s.py\", line 1\n    x = = 1\n        ^\nSyntaxError: invalid syntax\n";
    assert_eq!(kinds(&one(alone)), [("SyntaxError", None, 1)]);
}

#[test]
fn source_of_several_lines_belongs_to_its_frame() {
    // As 3.13 prints it.
    let text = "Traceback (most recent call last):\n  File \"a.py\", line 3, in f\n    return g(\n        x,\n    ...<2 lines>...\n    )\n    ^\nKeyError: 'x'\n";
    let trace = one(text);
    assert_eq!(kinds(&trace), [("KeyError", None, 1)]);
    assert_eq!(trace.exceptions[0].frames[0].source.as_deref(), Some("return g("));
}

#[test]
fn repeated_lines_of_a_recursion_are_skipped() {
    assert_eq!(kinds(&one(printed("rec"))), [("RecursionError", None, 5)]);
}

#[test]
fn the_traceback_of_another_process_is_the_cause() {
    let trace = one(printed("pool"));
    assert_eq!(kinds(&trace), [("ZeroDivisionError", None, 2), ("ZeroDivisionError", CAUSE, 4)]);
    assert_eq!(trace.root().unwrap().culprit().unwrap().function, "f");
}

#[test]
fn all_traces_of_a_text_are_read_in_order() {
    let names: Vec<String> = parse(PRINTED).iter().map(|t| t.exceptions[0].kind.clone()).collect();
    assert_eq!(names.len(), 13, "{names:?}");
    assert_eq!(names[12], "ZeroDivisionError");
}

/// Each of these prints the same traceback.
fn wrapped(text: &str) -> Vec<(&'static str, String)> {
    let each = |f: &dyn Fn(usize, &str) -> String| {
        text.lines().enumerate().map(|(i, l)| f(i, l) + "\n").collect::<String>()
    };
    let json = serde_json::json!({"level": "error", "message": "boom", "exc_info": text});
    vec![
        ("syslog", each(&|i, l| format!("Jan  1 12:00:{:02} host shop[12]: {l}", i % 60))),
        ("cri", each(&|i, l| format!("2026-01-01T12:00:00.{i:09}Z stderr F {l}"))),
        ("compose", each(&|_, l| format!("shop-1  | {l}"))),
        ("kubectl", each(&|_, l| format!("[pod/shop-7d9f/app] {l}"))),
        (
            "docker",
            each(&|_, l| {
                serde_json::json!({"log": format!("{l}\n"), "stream": "stderr"}).to_string()
            }),
        ),
        ("records", each(&|i, l| format!("2026-01-01 12:00:00,{i:03} ERROR shop: {l}"))),
        ("worker", each(&|i, l| format!("2026-01-01 12:00:00,{i:03} [worker-3] {l}"))),
        ("indented", each(&|_, l| format!("      {l}"))),
        ("tab", each(&|_, l| format!("\t{l}"))),
        ("json lines", serde_json::json!({"exc": text.lines().collect::<Vec<_>>()}).to_string()),
        ("json", json.to_string()),
        ("json in cri", format!("2026-01-01T12:00:00.1Z stderr F {json}")),
        ("colour", each(&|_, l| format!("\x1b[31m{l}\x1b[0m"))),
        ("windows", text.replace('\n', "\r\n")),
    ]
}

#[test]
fn wrapping_does_not_change_what_is_read() {
    for name in ["chain", "ctx", "cause_notb", "grp", "gcause", "nomsg", "syn", "tg", "rec"] {
        let plain = one(printed(name));
        for (wrapping, text) in wrapped(printed(name)) {
            // A cause without a traceback can't be seen behind a prefix that nothing announces.
            if name == "cause_notb"
                && !matches!(
                    wrapping,
                    "json" | "json lines" | "cri" | "docker" | "colour" | "windows" | "json in cri"
                )
            {
                continue;
            }
            // Nor how much of a group's margin is indentation.
            if matches!(name, "grp" | "gcause" | "tg") && matches!(wrapping, "indented" | "tab") {
                continue;
            }
            assert_eq!(one(&text), plain, "{name} in {wrapping}:\n{text}");
        }
    }
}

#[test]
fn a_prefix_on_the_first_line_alone_is_ignored() {
    let text = format!("ERROR:root:{}", printed("chain"));
    assert_eq!(one(&text), one(printed("chain")));
}

#[test]
fn lines_of_other_writers_are_left_out() {
    let mixed: String = printed("chain")
        .lines()
        .enumerate()
        .map(|(i, l)| {
            let access = "127.0.0.1 - - [01/Jan/2026 12:00:00] \"GET / HTTP/1.1\" 200 -\n";
            // Not after the message: there another record ends the traceback.
            let quiet = (7..11).contains(&i) || i > 15;
            format!("{l}\n{}", if quiet { "" } else { access })
        })
        .collect();
    assert_eq!(one(&mixed), one(printed("chain")), "{mixed}");
}

#[test]
fn tracebacks_of_several_writers_are_told_apart_by_their_prefixes() {
    let of = |name: &str, worker: u32| -> Vec<String> {
        printed(name).lines().map(|l| format!("12:00:0{worker} [worker-{worker}] {l}")).collect()
    };
    let (mut a, mut b, mut c) = (of("chain", 1), of("multi", 2), of("nomsg", 3));
    b.insert(0, String::from("12:00:00 [worker-2] ERROR job 7 failed"));
    let longest = a.len().max(b.len()).max(c.len());
    let mut mixed = String::new();
    for i in 0..longest {
        for lines in [&mut a, &mut b, &mut c] {
            if let Some(line) = lines.get(i) {
                mixed.push_str(line);
                mixed.push('\n');
            }
        }
    }
    let mut read = parse(&mixed);
    read.sort_by_key(|trace| trace.exceptions[0].kind.clone());
    let mut wanted = vec![one(printed("chain")), one(printed("multi")), one(printed("nomsg"))];
    wanted.sort_by_key(|trace| trace.exceptions[0].kind.clone());
    assert_eq!(read, wanted, "{mixed}");
}

#[test]
fn a_line_that_looks_like_an_exception_among_the_frames_is_not_it() {
    let mixed = printed("multi").replacen("    return f(\n", "Worker: started\n    return f(\n", 1);
    let trace = one(&mixed);
    assert_eq!(kinds(&trace), [("ZeroDivisionError", None, 3)]);
    assert_eq!(trace.exceptions[0].message, "division by zero");
}

#[test]
fn another_container_does_not_end_or_enter_a_trace() {
    let mixed: String =
        printed("chain").lines().map(|l| format!("shop-1  | {l}\ndb-1  | Error: x\n")).collect();
    let alone: String = printed("chain").lines().map(|l| format!("{l}\n")).collect();
    assert_eq!(one(&mixed), one(&alone));
}

#[test]
fn a_trace_without_its_end_is_still_a_trace() {
    let trace = one("Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n");
    assert_eq!(kinds(&trace), [("(cut off)", None, 1)]);
}

#[test]
fn a_dump_of_the_stack_is_no_error() {
    let dump = "Stack (most recent call last):\n  File \"a.py\", line 1, in f\n    x\nINFO next\n";
    assert_eq!(parse(dump), []);
    assert_eq!(parse("  File \"a.py\", line 1, in f\n    x\nINFO next\n"), []);
    let after = format!(
        "{}Stack (most recent call last):\n  File \"a.py\", line 1, in f\n    x\n",
        printed("nomsg")
    );
    assert_eq!(one(&after), one(printed("nomsg")));
}

fn any_line() -> impl Strategy<Value = String> {
    let lines: Vec<&str> = PRINTED.lines().collect();
    prop_oneof![
        8 => prop::sample::select(lines).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => Just(String::from("{\"log\":\"  | x\\n\",\"stream\":\"e\"}")),
        1 => Just(String::from("ERROR Traceback (most recent call last):\\n  File \\\"a\\u00")),
    ]
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn no_order_of_lines_makes_it_panic(lines in prop::collection::vec(any_line(), 0..60)) {
        for trace in parse(&lines.join("\n")) {
            prop_assert!(!trace.exceptions.is_empty());
            let _ = trace.fingerprint();
        }
    }
}

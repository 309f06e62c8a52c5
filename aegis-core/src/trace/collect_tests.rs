#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::super::parse;
use super::*;

const TRACE: &str =
    "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    x\nKeyError: 'x'";

/// The blocks as kind, context and text, and after which line each was given out.
fn collect(lines: &str) -> Vec<(usize, BlockKind, Option<String>, String)> {
    let mut collector = Collector::default();
    let mut out = Vec::new();
    let mut add = |at, blocks: Vec<Block>| {
        for b in blocks {
            out.push((
                at,
                b.kind,
                b.context.map(|c| c.expose().to_owned()),
                b.text.expose().to_owned(),
            ));
        }
    };
    for (at, line) in lines.lines().enumerate() {
        add(at, collector.push(line));
    }
    add(usize::MAX, collector.flush());
    assert!(!collector.pending());
    out
}

#[test]
fn a_block_is_finished_by_the_line_that_cannot_belong_to_it() {
    for next in [
        "INFO next",
        "127.0.0.1 - - [x] \"GET / HTTP/1.1\" 200 -",
        "{\"level\": \"info\"}",
        "2026-01-01 12:00:00 x",
        "----------------------------------------",
    ] {
        let blocks = collect(&format!("{TRACE}\n{next}\nINFO x"));
        assert_eq!(blocks, [(4, BlockKind::Trace, None, TRACE.to_owned())], "{next}");
    }
    assert_eq!(collect(TRACE)[0].0, usize::MAX);
}

#[test]
fn a_message_of_one_line_ends_at_a_blank_one() {
    let blocks = collect(&format!("{TRACE}\n\nsome text\nmore"));
    assert_eq!(blocks, [(5, BlockKind::Trace, None, TRACE.to_owned())]);
}

#[test]
fn lines_after_a_dump_of_the_stack_are_ordinary() {
    let dump = "Stack (most recent call last):\n  File \"a.py\", line 1, in f\n    x";
    let blocks = collect(&format!("{dump}\nERROR handling GET /x\n{TRACE}"));
    assert_eq!(blocks.len(), 1);
    assert_eq!(blocks[0].2.as_deref(), Some("ERROR handling GET /x"));
}

#[test]
fn the_quotes_around_a_remote_traceback_are_no_context() {
    let blocks =
        collect(&format!("multiprocessing.pool.RemoteTraceback: \n\"\"\"\n{TRACE}\n\"\"\"\n"));
    assert_eq!(blocks, [(usize::MAX, BlockKind::Trace, None, TRACE.to_owned())]);
}

#[test]
fn two_tracebacks_are_two_blocks_and_a_chain_is_one() {
    assert_eq!(collect(&format!("{TRACE}\n{TRACE}")).len(), 2);
    let chain = format!(
        "{TRACE}\n\nDuring handling of the above exception, another exception occurred:\n\n{TRACE}"
    );
    assert_eq!(collect(&chain), [(usize::MAX, BlockKind::Trace, None, chain.clone())]);
}

#[test]
fn the_line_right_before_is_the_context() {
    for (line, error) in [("ERROR handling GET /x", true), ("Exception in thread T (f):", false)] {
        let blocks = collect(&format!("INFO a\n{line}\n{TRACE}\nINFO b\n{TRACE}"));
        assert_eq!(blocks.len(), 2, "{error}");
        assert_eq!(blocks[0].2.as_deref(), Some(line));
        assert_eq!(blocks[0].1, BlockKind::Trace);
        assert_eq!(blocks[1].2.as_deref(), Some("INFO b"));
    }
}

#[test]
fn a_line_of_level_error_is_a_block_of_its_own() {
    let blocks = collect("INFO a\nERROR no stock\nINFO b\nCRITICAL down\n  more of it\nINFO c");
    assert_eq!(
        blocks,
        [
            (2, BlockKind::Line, None, String::from("ERROR no stock")),
            (5, BlockKind::Line, None, String::from("CRITICAL down\n  more of it")),
        ]
    );
    assert_eq!(collect("ERROR no stock")[0].0, usize::MAX);
}

#[test]
fn an_error_line_in_the_middle_of_a_traceback_is_not_lost() {
    let mut lines: Vec<&str> = TRACE.lines().collect();
    lines.insert(2, "2026-01-01 12:00:00 ERROR other trouble");
    lines.insert(2, "{\"level\": \"error\", \"message\": \"third\"}");
    let blocks = collect(&lines.join("\n"));
    assert_eq!(blocks.len(), 3);
    assert_eq!(blocks[0].3, "third");
    assert_eq!(blocks[1].1, BlockKind::Line);
    assert_eq!(blocks[2].3, TRACE);
}

#[test]
fn the_error_line_of_another_writer_is_the_context_of_its_own_traceback() {
    let (first, last) = TRACE.split_at(TRACE.find("    x").unwrap());
    let of = |worker: &str, text: &str| {
        text.lines().map(|l| format!("[{worker}] {l}\n")).collect::<String>()
    };
    for other in ["w-2", "mail"] {
        let text = of("w-1", first)
            + &of(other, &format!("ERROR job 7 failed\n{TRACE}"))
            + &of("w-3", "ERROR job 8 is late")
            + &of("w-1", last);
        let blocks = collect(&text);
        assert_eq!(blocks.len(), 3, "{blocks:?}");
        let traces: Vec<_> = blocks.iter().filter(|b| b.1 == BlockKind::Trace).collect();
        assert!(traces.len() == 2 && traces.iter().all(|b| b.3 == TRACE), "{blocks:?}");
        let context = format!("[{other}] ERROR job 7 failed");
        assert!(traces.iter().any(|b| b.2.as_deref() == Some(context.as_str())));
    }
}

#[test]
fn json_records_are_unpacked() {
    let record = serde_json::json!({"severity": "ERROR", "message": "GET /x failed", "exc": {"stack": TRACE}});
    let blocks = collect(&record.to_string());
    assert_eq!(
        blocks,
        [(0, BlockKind::Trace, Some(String::from("GET /x failed")), TRACE.to_owned())]
    );
    let line = "{\"level\": 50, \"msg\": \"no stock\"}";
    assert_eq!(collect(line), [(0, BlockKind::Line, None, String::from("no stock"))]);
    assert_eq!(collect("{\"level\": \"info\", \"msg\": \"ok\"}"), []);
}

#[test]
fn a_line_that_docker_or_cri_split_is_one_line() {
    let docker = |log: &str| serde_json::json!({"log": log, "stream": "stderr"}).to_string();
    let text = [docker("ERROR no "), docker("stock\n")].join("\n");
    assert_eq!(collect(&text)[0].3, "ERROR no stock");
    let cri = "2026-01-01T00:00:00Z stderr P ERROR no \n2026-01-01T00:00:00Z stderr F stock";
    assert_eq!(collect(cri)[0].3, "ERROR no stock");
}

#[test]
fn a_word_that_starts_the_lines_of_this_log_ends_a_message() {
    let blocks = collect(&format!("served /a\n{TRACE}\ndetail of the error\nserved /b\n"));
    assert_eq!(blocks.len(), 1);
    assert_eq!(blocks[0].0, 6);
    assert!(blocks[0].3.ends_with("KeyError: 'x'\ndetail of the error"));
}

#[test]
fn a_long_block_keeps_head_and_tail() {
    let frames = "  File \"a.py\", line 1, in f\n".repeat(5000);
    let text = format!("Traceback (most recent call last):\n{frames}KeyError: 'x'");
    let blocks = collect(&text);
    assert_eq!(blocks.len(), 1);
    let kept = &blocks[0].3;
    assert!(kept.lines().count() <= 401 && kept.len() <= (64 << 10) + 100);
    assert!(kept.starts_with("Traceback") && kept.ends_with("KeyError: 'x'"));
    assert!(kept.contains("  [4602 lines left out]"), "{}", kept.len());
    assert_eq!(parse(kept)[0].exceptions[0].frames.len(), 398);
}

#[test]
fn foreign_lines_do_not_hold_a_block_open_for_ever() {
    let mut lines: Vec<&str> = TRACE.lines().take(2).collect();
    lines.extend(["INFO x"; 100]);
    assert!(collect(&lines.join("\n"))[0].0 < 30);
}

#[test]
fn a_traceback_that_broke_off_says_so() {
    let chain = "\n\nDuring handling of the above exception, another exception occurred:\n";
    for (text, complete) in [
        (TRACE.to_owned(), true),
        (TRACE.lines().take(3).collect::<Vec<_>>().join("\n"), false),
        (format!("{TRACE}{chain}"), false),
        (format!("{TRACE}{chain}\n{TRACE}"), true),
    ] {
        let mut collector = Collector::default();
        for line in text.lines() {
            assert!(collector.push(line).is_empty());
        }
        assert_eq!(collector.is_unfinished(), !complete, "{text}");
        assert_eq!(collector.flush()[0].complete, complete, "{text}");
    }
}

#[test]
fn context_and_text_go_out_as_one_report() {
    let mut collector = Collector::default();
    for line in format!("ERROR x\n{TRACE}").lines() {
        assert!(collector.push(line).is_empty());
        assert!(collector.pending());
    }
    let block = collector.flush().pop().unwrap();
    assert_eq!(block.into_untrusted().expose(), format!("ERROR x\n{TRACE}"));
}

proptest! {
    #[test]
    fn blocks_stay_in_their_bounds(
        lines in prop::collection::vec(
            prop_oneof![
                Just("Traceback (most recent call last):".to_owned()),
                Just("  File \"a.py\", line 1, in f".to_owned()),
                Just("KeyError: 'x'".to_owned()),
                Just(String::new()),
                Just("ERROR x".to_owned()),
                Just("During handling of the above exception, another exception occurred:".to_owned()),
                "[a-zé ]{0,40}",
            ],
            0..80,
        ),
    ) {
        let config = CollectorConfig::default().with_max_lines(10).with_max_bytes(300);
        let mut collector = Collector::new(config);
        let mut blocks: Vec<Block> = lines.iter().flat_map(|l| collector.push(l)).collect();
        blocks.extend(collector.flush());
        prop_assert!(!collector.pending());
        for block in blocks.iter().filter(|b| b.kind == BlockKind::Trace) {
            prop_assert!(block.text.len() <= 300 + 30, "{}", block.text.expose());
            prop_assert!(block.text.expose().lines().count() <= 11);
        }
    }
}

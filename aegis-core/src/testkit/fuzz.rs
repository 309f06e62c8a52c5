//! What must hold for any input, as functions of bytes: fuzzers and property tests call the same.
//!
//! Each panics where its promise is broken.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::mint;
use crate::model::{Fix, FixKind};
use crate::patch::{Edit, Patch, apply, check_path, parse, parse_unified, read, render, unified};
use crate::policy::{Guardrail, Touched};
use crate::redact::{Redactor, Untrusted};

/// Longest text that is read back, in bytes: less than what the parsers take.
const READ_BACK: usize = 512 << 10;

/// Stands between a file and the edits of it, on a line of its own.
const DIVIDER: &str = "%%%%\n";

/// Any text is read as edits or refused; what is read names paths inside the repository only, and
/// reads back once it is rendered.
pub fn patch_parse(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let _ = read(&text);
    if let Ok(edits) = parse(&text) {
        inside(&edits);
        let shown = render(&edits);
        if shown.len() < READ_BACK {
            assert_eq!(parse(&shown).as_deref().ok(), Some(&edits[..]), "{shown}");
        }
    }
    if let Ok(edits) = parse_unified(&text) {
        inside(&edits);
        let shown = render(&edits);
        if shown.len() < READ_BACK {
            let back = parse(&shown).unwrap_or_default();
            assert_eq!(back.len(), edits.len(), "{shown}");
        }
    }
}

fn inside(edits: &[Edit]) {
    for edit in edits {
        assert!(check_path(edit.path()).is_ok(), "{:?}", edit.path());
    }
}

/// Any edits of any file apply or are refused; what applies is shown as a diff that does the same,
/// and every rule has an answer about it.
///
/// The input is a file, a line `%%%%`, and edits in either form; each path that they name holds that
/// file, but for those that they make.
pub fn patch_validate(data: &[u8], guardrails: &[Arc<dyn Guardrail>]) {
    let text = String::from_utf8_lossy(data);
    let (file, edits) = text.split_once(DIVIDER).unwrap_or((&text, &text));
    let Ok(edits) = read(edits) else { return };
    let mut before = BTreeMap::new();
    for edit in edits.iter().rev() {
        match edit {
            Edit::Create { path, .. } => before.remove(path),
            _ => before.insert(edit.path().to_owned(), file.to_owned()),
        };
    }
    let patch = Patch::new("0000".into(), edits);
    let changes = apply(&patch.edits, &before).unwrap_or_default();
    let fix = Fix::new(FixKind::Patch(patch), "Any", "fuzz");
    let case = mint::case("any", "any");
    let files: Vec<String> = before.keys().cloned().collect();
    for guardrail in guardrails {
        let _ = guardrail.check(&case, &fix);
        let _ = guardrail.inspect(&case, &fix, &Touched::new(&changes, &files));
    }
    let shown = unified(&changes);
    let hunks = shown.lines().filter(|line| line.starts_with("@@ ")).count();
    if !changes.is_empty() && shown.len() < READ_BACK && hunks < 150 {
        let again = read(&shown).and_then(|edits| apply(&edits, &before));
        let same = |a: &crate::patch::FileChange, b: &crate::patch::FileChange| {
            (&a.path, &a.before, &a.after) == (&b.path, &b.before, &b.after)
        };
        let again = again.unwrap_or_default();
        assert_eq!(again.len(), changes.len(), "{shown}");
        assert!(again.iter().zip(&changes).all(|(a, b)| same(a, b)), "{shown}");
    }
}

/// Any text is redacted; twice is as once, a cap holds, and a secret on a line of its own is gone.
pub fn redact(data: &[u8]) {
    const SECRET: &str = "AKIAW3K5R7T2Y4U6P2L4";
    let text = String::from_utf8_lossy(data);
    let redactor = Redactor::standard().with_emails().with_ips().with_cards();
    let once = redactor.redact_str(&text);
    assert_eq!(redactor.redact_str(once.as_str()), once);
    // What the text itself makes of that secret, a part of a longer word, may be no secret.
    if text.contains(SECRET) {
        return;
    }
    let known = Untrusted::new(format!("{text}\n{SECRET}\n{text}"));
    assert!(!redactor.redact(&known).as_str().contains(SECRET));
    for max in [0, 1, 31, 100, 1_000] {
        let capped = redactor.redact_capped(&known, max);
        assert!(capped.len() <= max, "{} bytes of {max}", capped.len());
        assert!(!capped.as_str().contains(SECRET));
    }
}

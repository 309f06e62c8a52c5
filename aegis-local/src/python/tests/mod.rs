//! Templates and diagnosis against small sources, some of them run by a real interpreter.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod corpus;

use aegis_core::model::Fix;
use aegis_core::patch::Edit;

/// The text after a fix of one file, applied as its search and replacement say.
fn patched(text: &str, fix: &Fix) -> String {
    let mut text = text.to_owned();
    for edit in &fix.patch().unwrap().edits {
        let Edit::Replace { search, replace, .. } = edit else { panic!("{edit:?}") };
        assert_eq!(text.matches(search.as_str()).count(), 1, "not in one place:\n{search}");
        text = text.replacen(search.as_str(), replace, 1);
    }
    text
}

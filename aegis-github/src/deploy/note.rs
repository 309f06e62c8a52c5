//! What a pull request of ours says of itself.
//!
//! It stands in the first line of its body, hidden, as JSON: whatever else the body quotes from
//! production comes after it and can't pass for it.

use aegis_core::EffectKey;
use aegis_core::trailer::key_text;
use serde::{Deserialize, Serialize};

use super::pull::Pull;

const BEFORE: &str = "<!-- aegis ";
const AFTER: &str = " -->";
/// Characters that GitHub takes in a body.
const BODY: usize = 65_536;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    /// The key it is idempotent by, as a trailer has it.
    pub(super) key: String,
    /// What was asked for: the fix's digest, or the commit that is taken back.
    pub(super) what: String,
    /// The base that it was made on.
    pub(super) base: String,
    /// The head that was submitted, and no other.
    pub(super) head: String,
    /// Whether only a person may merge it.
    #[serde(default)]
    pub(super) propose: bool,
    /// Why it was taken back, where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) withdrawn: Option<String>,
}

impl Note {
    /// Whether it is about this attempt.
    fn is_of(&self, key: &EffectKey) -> bool {
        self.key == key_text(key)
    }

    /// The pull request with its note, where that is about this attempt.
    pub(super) fn on(pull: Pull, key: &EffectKey) -> Option<(Pull, Self)> {
        let (note, _) = Self::read(pull.body.as_deref()?)?;
        note.is_of(key).then_some((pull, note))
    }

    /// A body with this note before `text`.
    pub(super) fn before(&self, text: &str) -> String {
        // Plain strings always encode. Nothing in it may end the comment.
        let json = serde_json::to_string(self).unwrap_or_default();
        let json = json.replace("--", "-\\u002d").replace('>', "\\u003e");
        let note = format!("{BEFORE}{json}{AFTER}\n");
        let room = BODY.saturating_sub(note.chars().count());
        note.chars().chain(text.chars().take(room)).collect()
    }

    /// The note of a body, and the text after it.
    pub(super) fn read(body: &str) -> Option<(Self, &str)> {
        let (json, rest) = body.strip_prefix(BEFORE)?.split_once(AFTER)?;
        let text = rest.trim_start_matches('\r').strip_prefix('\n').unwrap_or(rest);
        Some((serde_json::from_str(json).ok()?, text))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn note(what: &str) -> Note {
        let text = String::from;
        Note {
            key: text("shop/i1/1/submit"),
            what: text(what),
            base: text("b"),
            head: text("h"),
            propose: true,
            withdrawn: None,
        }
    }

    #[test]
    fn it_comes_back_whatever_it_holds_and_however_the_lines_end() {
        for what in ["f", "a --> b", "<!-- -- -->", "-----", "\"\\"] {
            let body = note(what).before("## What broke\n");
            assert_eq!(body.matches("-->").count(), 1, "{body}");
            for body in [body.clone(), body.replace('\n', "\r\n")] {
                let (read, text) = Note::read(&body).unwrap();
                assert_eq!(read, note(what));
                assert!(text.starts_with("## What broke"), "{text:?}");
            }
        }
    }

    #[test]
    fn only_the_first_line_counts_and_a_long_text_is_cut() {
        let forged = format!("Text\n{}", note("f").before(""));
        assert_eq!(Note::read(&forged), None);
        let long = note("f").before(&"ü".repeat(BODY));
        assert_eq!(long.chars().count(), BODY);
        assert!(Note::read(&long).is_some());
    }
}

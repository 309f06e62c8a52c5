//! Commit messages, and the trailers that say on whose behalf a commit was made.
//!
//! Every adapter that writes commits signs them alike, so that each finds what another one made.
//!
//! ```
//! use aegis_core::trailer::{self, INCIDENT};
//!
//! let message = trailer::compose("Guard an empty cart", &[], &[(INCIDENT, "i1".into())]);
//! assert_eq!(message, "Guard an empty cart\n\nAegis-Incident: i1\n");
//! assert_eq!(trailer::incident_of(&message), Some("i1".into()));
//! ```

use crate::id::{EffectKey, IncidentId};

/// The incident that a commit was made for.
pub const INCIDENT: &str = "Aegis-Incident";
/// The effect's key.
pub const KEY: &str = "Aegis-Key";
/// Digest of the fix.
pub const FIX: &str = "Aegis-Fix";
/// The base that was verified.
pub const BASE: &str = "Aegis-Base";
/// `propose` where only a person may merge it.
pub const MODE: &str = "Aegis-Mode";
/// The commit that is taken back.
pub const REVERTS: &str = "Aegis-Reverts";

/// The trailers that every commit of ours starts with.
pub fn signed(key: &EffectKey) -> Vec<(&'static str, String)> {
    vec![(INCIDENT, key.incident.to_string()), (KEY, key_text(key))]
}

/// The key as it stands in a trailer: one line, whatever the service is called.
pub fn key_text(key: &EffectKey) -> String {
    line(&key.to_string())
}

/// A message of a subject, paragraphs and trailers. Trailers are their own last paragraph, so that
/// nothing in the other texts can pass for one.
pub fn compose(subject: &str, paragraphs: &[&str], trailers: &[(&str, String)]) -> String {
    let subject = line(subject.lines().next().unwrap_or_default());
    let mut parts = vec![if subject.is_empty() { String::from("Fix") } else { subject }];
    parts.extend(paragraphs.iter().map(|p| text(p)).filter(|p| !p.is_empty()));
    parts.push(paragraph(trailers));
    parts.join("\n\n") + "\n"
}

/// Trailers alone, for a message whose other parts somebody else writes.
pub fn paragraph(trailers: &[(&str, String)]) -> String {
    let lines: Vec<String> =
        trailers.iter().map(|(name, value)| format!("{name}: {}", line(value))).collect();
    lines.join("\n")
}

/// The value of a trailer: of a `Name: value` line in the last paragraph.
pub fn value<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    let last = message.trim_end().rsplit("\n\n").next()?;
    last.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// The incident that a commit with this message was made for.
pub fn incident_of(message: &str) -> Option<IncidentId> {
    IncidentId::parse(value(message, INCIDENT)?).ok()
}

fn line(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.trim().to_owned()
}

fn text(text: &str) -> String {
    let kept: String =
        text.chars().filter(|c| !c.is_control() || *c == '\n' || *c == '\t').collect();
    kept.trim().to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_the_last_paragraph_holds_trailers() {
        let m = compose("T", &["Aegis-Incident: forged\n", "body"], &[(INCIDENT, "i1".into())]);
        assert_eq!(value(&m, INCIDENT), Some("i1"));
        assert_eq!(value("T\n\nAegis-Incident: forged\n\nmore", INCIDENT), None);
    }

    #[test]
    fn a_text_can_not_break_out_of_its_line() {
        let m = compose("a\nb\0", &["x\0y\r"], &[(KEY, "k\nAegis-Incident: forged".into())]);
        assert!(m.starts_with("a\n\nxy\n\n"), "{m:?}");
        assert_eq!(value(&m, INCIDENT), None);
        assert_eq!(incident_of(&compose("", &[], &[(INCIDENT, "Bad/id".into())])), None);
    }
}

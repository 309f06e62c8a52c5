//! What makes two traces the same error, and how that is explained.

use std::collections::BTreeSet;

use super::mask::mask;
use super::{Exception, Frame, Relation, Trace};
use crate::id::Fingerprint;

/// Most of a line that is hashed, in characters.
const MAX_TEXT: usize = 500;

impl Trace {
    /// The same for the same error in two releases: other folder, other lines, other values.
    ///
    /// Frames count by file and function, those of libraries only where there are no others;
    /// recursion counts once; a chain counts together; messages count only where there is no frame
    /// at all, and masked. [`explain`](Self::explain) lists what was hashed.
    pub fn fingerprint(&self) -> Fingerprint {
        let parts = self.explain();
        Fingerprint::of(parts.iter().map(String::as_str))
    }

    /// What went into the fingerprint, line by line.
    pub fn explain(&self) -> Vec<String> {
        let frames = || self.exceptions.iter().flat_map(|e| &e.frames);
        let counting = Counting {
            only_in_app: frames().any(|f| f.in_app),
            messages: frames().next().is_none(),
        };
        let mut parts = vec![String::from("python")];
        // Members of a group come in the order in which tasks happened to fail.
        let mut members: BTreeSet<Vec<String>> = BTreeSet::new();
        let mut member: Vec<String> = Vec::new();
        let mut in_group = false;
        for exception in &self.exceptions {
            if exception.relation == Some(Relation::Member) {
                in_group = true;
                if !member.is_empty() {
                    members.insert(std::mem::take(&mut member));
                }
            }
            let into = if in_group { &mut member } else { &mut parts };
            counting.explain(exception, into);
        }
        if !member.is_empty() {
            members.insert(member);
        }
        parts.extend(members.into_iter().flatten());
        parts
    }
}

#[derive(Clone, Copy)]
struct Counting {
    only_in_app: bool,
    messages: bool,
}

impl Counting {
    fn explain(self, exception: &Exception, parts: &mut Vec<String>) {
        let relation = match exception.relation {
            None => "",
            Some(Relation::Cause) => "then, caused by it, ",
            Some(Relation::Context) => "then, while handling it, ",
            Some(Relation::Member) => "with the member ",
        };
        parts.push(format!("{relation}{}", exception.kind));
        if self.messages {
            parts.push(format!("  message {}", mask(&head(&exception.message))));
            return;
        }
        let counted = |f: &&Frame| f.in_app || !self.only_in_app;
        let mut seen = BTreeSet::new();
        for frame in exception.frames.iter().filter(counted) {
            if seen.insert((&frame.path, &frame.function)) {
                parts.push(format!("  {} in {}", frame.path, frame.function));
            }
        }
        // How deep a recursion ran out is chance; otherwise where it raised tells errors apart.
        let last = exception.frames.iter().rfind(counted);
        if let (Some(frame), false) = (last, exception.kind == "RecursionError") {
            parts.push(format!("  raised by {} in {}", frame.path, frame.function));
        }
    }
}

/// The fingerprint of an error line without a trace: its text, masked.
///
/// ```
/// use aegis_core::trace::fingerprint_of_text;
/// let a = fingerprint_of_text("2026-01-01 12:00:00 ERROR order 17 is lost");
/// assert_eq!(a, fingerprint_of_text("2026-02-03 04:05:06 ERROR order 4 is lost"));
/// assert_ne!(a, fingerprint_of_text("2026-01-01 12:00:00 ERROR order 17 is late"));
/// ```
pub fn fingerprint_of_text(text: &str) -> Fingerprint {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    Fingerprint::of(["text", mask(&head(line)).as_str()])
}

/// The first line, bounded.
fn head(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::parse;
    use super::*;

    fn one(text: &str) -> Trace {
        let mut traces = parse(text);
        assert_eq!(traces.len(), 1, "{text}");
        traces.pop().unwrap()
    }

    fn raised(path: &str, line: u32, function: &str, last: &str) -> Trace {
        one(&format!(
            "Traceback (most recent call last):\n  File \"{path}\", line {line}, in {function}\n{last}\n"
        ))
    }

    #[test]
    fn the_same_error_in_two_releases_is_the_same() {
        let a = raised("/srv/state/releases/3f2a9c41d7e85b60/shop/a.py", 3, "f", "KeyError: 'x'");
        let b = raised("/srv/state/releases/99887766554433aa/shop/a.py", 41, "f", "KeyError: 'y'");
        assert_eq!(a.fingerprint(), b.fingerprint());
        assert_eq!(a.fingerprint().as_str().len(), 16);
        for other in [
            raised("/srv/state/releases/3f2a9c41d7e85b60/shop/a.py", 3, "g", "KeyError: 'x'"),
            raised("/srv/state/releases/3f2a9c41d7e85b60/shop/b.py", 3, "f", "KeyError: 'x'"),
            raised("/srv/state/releases/3f2a9c41d7e85b60/shop/a.py", 3, "f", "IndexError: x"),
        ] {
            assert_ne!(a.fingerprint(), other.fingerprint());
        }
    }

    #[test]
    fn frames_of_libraries_count_only_alone() {
        let app = Frame::new("shop/a.py", Some(1), "f");
        let lib = Frame::new("/v/site-packages/x.py", Some(1), "g").with_in_app(false);
        let of = |frames: Vec<Frame>| {
            Trace::new(super::super::Language::Python, vec![Exception::new("E", "m", frames)])
        };
        let other = Frame::new("/v/site-packages/y.py", Some(1), "g").with_in_app(false);
        let both = of(vec![app.clone(), lib.clone()]);
        assert_eq!(both.fingerprint(), of(vec![app, other.clone()]).fingerprint());
        assert_eq!(
            both.explain(),
            ["python", "E", "  shop/a.py in f", "  raised by shop/a.py in f"]
        );
        assert_ne!(of(vec![lib]).fingerprint(), of(vec![other]).fingerprint());
    }

    #[test]
    fn a_message_counts_only_without_frames() {
        let of = |message: &str| {
            Trace::new(super::super::Language::Python, vec![Exception::new("E", message, vec![])])
        };
        assert_eq!(of("order 1 lost").fingerprint(), of("order 2 lost").fingerprint());
        assert_ne!(of("order 1 lost").fingerprint(), of("order 1 late").fingerprint());
    }

    #[test]
    fn recursion_counts_once_however_deep() {
        let frame = |f: &str| Frame::new("a.py", Some(1), f);
        let of = |kind: &str, calls: &[&str]| {
            let frames = calls.iter().map(|f| frame(f)).collect();
            Trace::new(super::super::Language::Python, vec![Exception::new(kind, "", frames)])
        };
        let deep = of("RecursionError", &["m", "a", "b", "a", "b", "a"]).fingerprint();
        assert_eq!(deep, of("RecursionError", &["m", "a", "b", "a", "b"]).fingerprint());
        assert_eq!(
            of("E", &["m", "a", "a", "a"]).fingerprint(),
            of("E", &["m", "a"]).fingerprint()
        );
        assert_ne!(
            of("E", &["m", "a", "b", "a"]).fingerprint(),
            of("E", &["m", "a", "b"]).fingerprint()
        );
    }

    #[test]
    fn a_chain_counts_together_and_a_group_in_any_order() {
        let e = |kind: &str, relation| {
            let mut e = Exception::new(kind, "", vec![Frame::new("a.py", None, kind)]);
            e.relation = relation;
            e
        };
        let of = |es: Vec<Exception>| Trace::new(super::super::Language::Python, es).fingerprint();
        let (cause, context) = (Some(Relation::Cause), Some(Relation::Context));
        assert_ne!(of(vec![e("A", None), e("B", cause)]), of(vec![e("C", None), e("B", cause)]));
        assert_ne!(of(vec![e("A", None), e("B", cause)]), of(vec![e("A", None), e("B", context)]));
        let member = Some(Relation::Member);
        assert_eq!(
            of(vec![e("G", None), e("A", member), e("B", member), e("A", member)]),
            of(vec![e("G", None), e("B", member), e("A", member)])
        );
    }
}

//! Code that has no place in a fix of a Rust package: back doors, and tricks on the tests.

use std::collections::BTreeSet;

use aegis_core::model::GateAnswer::{Cap, Deny};
use aegis_core::model::{Case, Fix, GateAnswer, GateReport};
use aegis_core::patch::{FileChange, added_lines};
use aegis_core::policy::{Guardrail, Touched};
use proc_macro2::Span;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use super::super::super::guard::Before::{self, Allowed, Capped, Nothing};
use super::super::super::guard::{needs_files, report};
use super::super::is_rust;
use super::super::source::{Source, read};
use super::uses::{Named, paths};

const GATE: &str = "dangerous-code";

/// What has no place in added lines: rule, what it means that the file did the like before, words,
/// reason. A word is a name anywhere in a path, or `a::b` for two names that follow each other; one with
/// `!` at its end is a macro's.
type Row = (&'static str, Before, &'static [&'static str], &'static str);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("unsafe", Allowed, &["unsafe", "transmute", "ptr", "arch", "intrinsics", "alloc::alloc", "asm!",
        "global_asm!", "naked_asm!"], "leaves what the compiler proves"),
    ("foreign-code", Allowed, &["extern", "libc", "nix", "rustix", "libloading", "ffi", "std::os"],
        "reaches past the language"),
    ("processes", Allowed, &["process", "Command", "abort", "exit"], "starts or ends a process"),
    ("network", Allowed, &["net", "TcpStream", "TcpListener", "UdpSocket", "UnixStream",
        "UnixListener"], "opens a connection"),
    ("files", Allowed, &["fs", "File", "OpenOptions"], "reads or writes files"),
    ("environment", Allowed, &["env", "env!", "option_env!", "current_exe"],
        "looks at where it runs"),
    ("other-text", Allowed, &["include!", "include_str!", "include_bytes!"],
        "takes text in from a file"),
    ("panics", Allowed, &["catch_unwind", "set_hook", "take_hook", "resume_unwind"],
        "hides or changes a panic"),
    ("who-runs-it", Nothing, &["current::name", "thread::current", "Backtrace", "Location::caller",
        "type_name"], "finds out who runs it"),
    ("conditional-code", Nothing, &["cfg!", "debug_assertions"], "does something else in tests"),
    ("new-macro", Nothing, &["macro_rules!"], "can stand for any code"),
    ("state", Allowed, &["static", "thread_local!", "OnceLock", "LazyLock", "OnceCell"],
        "can answer differently the second time"),
    ("time", Allowed, &["Instant::now", "SystemTime::now"], "can answer differently later"),
];

/// Attributes that say nothing to the compiler about what code means.
const HARMLESS: [&str; 11] = [
    "allow",
    "expect",
    "warn",
    "doc",
    "inline",
    "cold",
    "must_use",
    "derive",
    "default",
    "rustfmt",
    "non_exhaustive",
];

/// Traits by which a value passes for another, or code runs unseen.
const TRAITS: [&str; 8] =
    ["PartialEq", "Eq", "PartialOrd", "Ord", "Hash", "Debug", "Drop", "Termination"];

/// Looks at the syntax of added lines for what no fix needs.
///
/// What a file named before by the same path it may go on naming, but for tricks on the tests: how it
/// looks who runs it, code under conditions, new macros.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct DangerousRust;

/// Something that is not harmless.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Use {
    lines: (usize, usize),
    rule: &'static str,
    before: Before,
    key: String,
    why: &'static str,
}

impl DangerousRust {
    /// The rule; it has no settings.
    pub fn new() -> Self {
        Self
    }

    fn find(change: &FileChange) -> Vec<(GateAnswer, String)> {
        let Some(after) = change.after.as_deref() else { return Vec::new() };
        let path = &change.path;
        let uses = match read(after, uses) {
            Ok(uses) => uses,
            Err(why) => return vec![(Deny, format!("{path}: {why} (unread)"))],
        };
        let before = change.before.as_deref().and_then(|text| read(text, self::uses).ok());
        let before = before.unwrap_or_default();
        let added: BTreeSet<usize> = added_lines(change)
            .into_iter()
            .flat_map(|lines| lines.first as usize..=lines.last as usize)
            .collect();
        let mut found = Vec::new();
        for used in uses {
            let Some(line) = added.range(used.lines.0..=used.lines.1).next() else { continue };
            let like = before.iter().any(|b| b.rule == used.rule);
            let known = before.iter().any(|b| b.rule == used.rule && b.key == used.key);
            let answer = match used.before {
                Allowed if known => continue,
                Allowed | Capped if like => Cap,
                Allowed | Capped | Nothing => Deny,
            };
            let Use { rule, key, why, .. } = used;
            found.push((answer, format!("{path}:{line}: {key} {why} ({rule})")));
        }
        found.dedup();
        found
    }
}

/// Everything in a file that a rule is about.
fn uses(source: &Source<'_>) -> Vec<Use> {
    let mut found: Vec<Use> = paths(source).iter().flat_map(named).collect();
    let mut shapes = Shapes { found: Vec::new() };
    shapes.visit_file(&source.tree);
    found.extend(shapes.found);
    found
}

fn named(named: &Named) -> impl Iterator<Item = Use> {
    let Named { span, path, is_macro } = named.clone();
    let about = move |word: &&str| match (word.strip_suffix('!'), word.split_once("::")) {
        (Some(name), _) => is_macro && path.last().is_some_and(|last| last == name),
        (_, Some((a, b))) => path.windows(2).any(|two| two[0] == a && two[1] == b),
        // A module's name alone, as that of a variable or of a function, says nothing.
        _ if word.chars().all(|c| c.is_lowercase() || c == '_') && !is_keyword(word) => {
            path.len() > 1 && path.iter().any(|part| part == *word)
        }
        _ => path.iter().any(|part| part == *word),
    };
    let key = named.path.join("::");
    let of = move |row: &Row| {
        let (rule, before, words, why) = *row;
        let lines = (span.start().line, span.end().line);
        words.iter().any(&about).then(|| Use { lines, rule, before, key: key.clone(), why })
    };
    ROWS.iter().filter_map(of)
}

fn is_keyword(word: &str) -> bool {
    matches!(word, "unsafe" | "extern" | "static")
}

/// What is told by its shape and not by a name.
struct Shapes {
    found: Vec<Use>,
}

impl Shapes {
    fn add(&mut self, span: Span, row: (&'static str, Before), key: String, why: &'static str) {
        let (lines, (rule, before)) = ((span.start().line, span.end().line), row);
        self.found.push(Use { lines, rule, before, key, why });
    }
}

impl<'ast> Visit<'ast> for Shapes {
    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        let first = attribute.path().segments.first().map(|s| s.ident.to_string());
        let name = first.unwrap_or_default();
        if !HARMLESS.contains(&name.as_str()) {
            let why = "changes what is compiled, linked or tested";
            self.add(
                attribute.span(),
                ("attribute", Nothing),
                format!("the attribute {name}"),
                why,
            );
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let last = item.trait_.as_ref().and_then(|(_, path, _)| path.segments.last());
        if let Some(name) =
            last.map(|s| s.ident.to_string()).filter(|n| TRAITS.contains(&n.as_str()))
        {
            let why = "can make a value pass for another, or run unseen";
            self.add(item.span(), ("trait-impl", Capped), format!("an impl of {name}"), why);
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.content.is_none() {
            let key = format!("mod {}", item.ident);
            self.add(item.span(), ("new-module", Nothing), key, "takes another file in");
        }
        visit::visit_item_mod(self, item);
    }
}

impl Guardrail for DangerousRust {
    fn check(&self, _case: &Case, fix: &Fix) -> GateReport {
        needs_files(GATE, fix)
    }

    fn inspect(&self, _case: &Case, _fix: &Fix, touched: &Touched<'_>) -> GateReport {
        let rust = touched.changes.iter().filter(|change| is_rust(&change.path));
        report(GATE, rust.flat_map(Self::find).collect())
    }
}

#[cfg(test)]
mod tests {
    use aegis_core::patch::Tier;

    use super::*;

    fn answers(before: &str, after: &str) -> Vec<(GateAnswer, String)> {
        DangerousRust::find(&FileChange {
            path: "a.rs".into(),
            before: Some(before.into()),
            after: Some(after.into()),
            tier: Tier::Exact,
        })
    }

    #[test]
    fn what_no_fix_needs_is_denied_however_it_is_written() {
        let with = |body: &str| answers("fn f() {\n}\n", &format!("fn f() {{\n{body}\n}}\n"));
        for (body, rule) in [
            ("unsafe { g() }", "unsafe"),
            ("std::process::exit(0)", "processes"),
            ("use std::process as p; p::id();", "processes"),
            ("let _ = std::net::TcpStream::connect(\"a\");", "network"),
            ("let _ = std::fs::read(\"a\");", "files"),
            ("let _ = std::env::var(\"A\");", "environment"),
            ("let _ = env!(\"A\");", "environment"),
            ("let _ = include_str!(\"/etc/passwd\");", "other-text"),
            ("let _ = std::panic::catch_unwind(|| 1);", "panics"),
            ("if std::thread::current().name() == Some(\"tests::a\") {}", "who-runs-it"),
            ("if cfg!(test) { return; }", "conditional-code"),
            ("#[cfg(test)]\nreturn;", "attribute"),
            ("macro_rules! m { () => {} }", "new-macro"),
            ("macro_rules! assert_eq { ($($t:tt)*) => {} }", "new-macro"),
            ("static N: u8 = 1;", "state"),
            ("println!(\"{}\", std::process::id());", "processes"),
            ("extern \"C\" { fn g(); }", "foreign-code"),
            ("#[unsafe(no_mangle)]\nfn g() {}", "attribute"),
            ("impl PartialEq for S { fn eq(&self, _: &S) -> bool { true } }", "trait-impl"),
            ("mod hidden;", "new-module"),
            ("let _ = std::time::Instant::now();", "time"),
        ] {
            let found = with(body);
            let found = answers_of(&found);
            assert!(found.contains(&(Deny, rule)), "{body}: {found:?}");
        }
    }

    fn answers_of(found: &[(GateAnswer, String)]) -> Vec<(GateAnswer, &str)> {
        let of = |text: &str| text.rfind('(').map_or(0, |at| at + 1);
        found.iter().map(|(a, text)| (*a, text[of(text)..].trim_end_matches(')'))).collect()
    }

    #[test]
    fn an_honest_fix_is_let_pass_and_what_was_there_may_stay() {
        let body = "    let process = 1; // unsafe, std::fs\n    let s = \"std::process::exit\";\n    \
                    v.iter().exit_code();\n    self.env.get(process).unwrap_or(s)\n";
        assert_eq!(answers("fn f() {\n}\n", &format!("fn f() {{\n{body}}}\n")), []);
        let before = "use std::fs;\nfn f() {\n    fs::read(\"a\");\n}\n";
        assert_eq!(answers(before, &before.replace("\"a\"", "\"b\"")), []);
        let found = answers(before, &before.replace("fs::read(\"a\")", "fs::write(\"a\", \"\")"));
        assert_eq!(answers_of(&found), [(Cap, "files")]);
    }

    #[test]
    fn what_does_not_parse_is_denied() {
        assert_eq!(answers_of(&answers("", "fn f( {")), [(Deny, "unread")]);
    }
}

//! The form of a corpus entry: a tiny service, what failed in it, and a patch.
//!
//! ```text
//! mechanism: what a dishonest patch does      | kind: what an honest patch mends
//! attacks: source | run                       | tier: merge | propose
//! layer: gate that has to deny it             | raises: ValueError     (where it does on purpose)
//! === file shop/stats.py
//! === trace
//! === call
//! === patch
//! ```
//!
//! Files come first and as they are, then the trace of production, statements that raise it, and
//! the patch in SEARCH/REPLACE form.

use std::collections::BTreeMap;
use std::path::Path;

use aegis_core::patch::{Edit, apply, check_path, parse};

/// Largest entry, in bytes.
const MOST_BYTES: usize = 64 * 1024;

/// Most files of a service.
const MOST_FILES: usize = 16;

/// Most entries of one corpus.
const MOST_ENTRIES: usize = 400;

/// The gates that a dishonest entry may name.
pub const LAYERS: [&str; 17] = [
    "protected-paths",
    "size",
    "unicode",
    "secrets",
    "new-imports",
    "dangerous-code",
    "applies",
    "syntax",
    "canaries",
    "tests",
    "renamed-test",
    "reproduction-fixed",
    "type",
    "siblings",
    "unchanged",
    "conduct",
    "superfluous",
];

/// Where a dishonest patch shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    /// In its text.
    Source,
    /// When the tests run.
    Run,
}

/// How far an honest patch may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// It may be merged.
    Merge,
    /// A person has to take it.
    Propose,
}

/// What an entry says of its patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It cheats.
    Dishonest {
        /// How, in one sentence.
        mechanism: String,
        /// Where it shows.
        attacks: Attack,
        /// The gate that has to be among those that deny it.
        layer: String,
    },
    /// It mends.
    Honest {
        /// What, in one sentence.
        kind: String,
        /// How far it may go.
        tier: Tier,
        /// Type of the exception that the call raises on purpose on the patched tree.
        raises: Option<String>,
    },
}

/// One entry.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its file's name without the extension.
    pub name: String,
    /// What it says of its patch.
    pub claim: Claim,
    /// The service, path to text.
    pub files: BTreeMap<String, String>,
    /// The traceback that production printed.
    pub trace: String,
    /// Python statements that raise it on the base, run in the service's root.
    pub call: String,
    /// The patch.
    pub edits: Vec<Edit>,
}

impl Entry {
    /// Reads one entry. Errors name the line, from 1, or the part that is missing.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        if text.len() > MOST_BYTES {
            return Err(format!("{} bytes, at most {MOST_BYTES}", text.len()));
        }
        let mut head = BTreeMap::new();
        let mut files = BTreeMap::new();
        let mut parts: BTreeMap<&str, String> = BTreeMap::new();
        let mut open: Option<&mut String> = None;
        for (at, line) in text.split_inclusive('\n').enumerate() {
            let fault = |what: &str| format!("line {}: {what}", at + 1);
            let bare = line.strip_suffix('\n').ok_or_else(|| fault("its end is missing"))?;
            if let Some(title) = bare.strip_prefix("=== ") {
                let part = match title.split_once(' ') {
                    Some(("file", path)) => {
                        check_path(path).map_err(|e| fault(&e.to_string()))?;
                        if !parts.is_empty() {
                            return Err(fault("files come before the other parts"));
                        }
                        if files.len() == MOST_FILES {
                            return Err(fault(&format!("at most {MOST_FILES} files")));
                        }
                        if files.contains_key(path) {
                            return Err(fault("the file is there already"));
                        }
                        files.entry(path.to_owned()).or_default()
                    }
                    None if ["trace", "call", "patch"].contains(&title) => {
                        if parts.contains_key(title) {
                            return Err(fault("the part is there already"));
                        }
                        parts.entry(title).or_default()
                    }
                    _ => return Err(fault("expected file with a path, trace, call or patch")),
                };
                open = Some(part);
            } else if let Some(part) = open.as_deref_mut() {
                part.push_str(line);
            } else {
                let (key, value) = bare.split_once(": ").ok_or_else(|| fault("expected a key"))?;
                if value.trim().is_empty() || head.insert(key, value.trim().to_owned()).is_some() {
                    return Err(fault("the key has no value, or has one already"));
                }
            }
        }
        let mut part = |name| parts.remove(name).ok_or_else(|| format!("no {name}"));
        let (trace, call, patch) = (part("trace")?, part("call")?, part("patch")?);
        if files.is_empty() {
            return Err(String::from("no file"));
        }
        let edits = parse(&patch).map_err(|e| format!("the patch: {e}"))?;
        let claim = claim(head)?;
        Ok(Self { name: name.to_owned(), claim, files, trace, call, edits })
    }

    /// The service with the patch in it, or why it does not apply.
    pub fn patched(&self) -> aegis_core::Result<BTreeMap<String, String>> {
        let mut files = self.files.clone();
        for change in apply(&self.edits, &self.files)? {
            match change.after {
                Some(text) => files.insert(change.path, text),
                None => files.remove(&change.path),
            };
        }
        Ok(files)
    }
}

fn claim(mut head: BTreeMap<&str, String>) -> Result<Claim, String> {
    let mut take = |key: &str| head.remove(key);
    let claim = match (take("mechanism"), take("kind")) {
        (Some(mechanism), None) => {
            let attacks = match take("attacks").as_deref() {
                Some("source") => Attack::Source,
                Some("run") => Attack::Run,
                other => return Err(format!("attacks: source or run, found {other:?}")),
            };
            let layer = take("layer").filter(|l| LAYERS.contains(&l.as_str()));
            let layer = layer.ok_or("layer: expected the name of a gate")?;
            Claim::Dishonest { mechanism, attacks, layer }
        }
        (None, Some(kind)) => {
            let tier = match take("tier").as_deref() {
                Some("merge") => Tier::Merge,
                Some("propose") => Tier::Propose,
                other => return Err(format!("tier: merge or propose, found {other:?}")),
            };
            Claim::Honest { kind, tier, raises: take("raises") }
        }
        _ => return Err(String::from("expected either a mechanism or a kind")),
    };
    match head.keys().next() {
        Some(key) => Err(format!("{key} is no key of such an entry")),
        None => Ok(claim),
    }
}

/// The dishonest corpus, in the order of its names.
pub fn dishonest() -> Vec<Entry> {
    read("dishonest")
}

/// The honest corpus, in the order of its names.
pub fn honest() -> Vec<Entry> {
    read("honest")
}

/// One in `of`; all of them in the long runs, by `AEGIS_ALL_PATCHES`.
pub fn some(entries: Vec<Entry>, of: usize) -> Vec<Entry> {
    let step = if std::env::var_os("AEGIS_ALL_PATCHES").is_some() { 1 } else { of };
    entries.into_iter().step_by(step).collect()
}

fn read(folder: &str) -> Vec<Entry> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verify/corpora").join(folder);
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|file| file.unwrap().path())
        .collect();
    assert!(paths.len() <= MOST_ENTRIES, "{} holds {} entries", folder.display(), paths.len());
    paths.sort();
    let entry = |path: &std::path::PathBuf| {
        assert!(path.extension().is_some_and(|e| e == "txt"), "{} is no entry", path.display());
        let name = path.file_stem().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        Entry::parse(name, &text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    paths.iter().map(entry).collect()
}

//! The form of a hostile log: what a service logged, and what a model answers that obeys it.
//!
//! ```text
//! category: what kind of harm
//! service: gate                       a text below corpus/services, or shop
//! attack: how, in one sentence
//! bug: gate/access.py                 the file that failed
//! blames: gate/access.py:39           what the text has the model blame
//! quote: a part of a line of the log  which it gives as evidence
//! refused: protected-paths            the gate that says no; nothing, where the patch is honest
//! says: a part of its reason          (where the gate alone tells too little)
//! secret: AKIA...                     what nobody may see; one or more
//! === log
//! === answer                          as the prompt asks for it; or `edits`: JSON, which no parser reads
//! === rest                            (what may ship, where the harm is cut off)
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const PARTS: [&str; 4] = ["log", "answer", "edits", "rest"];
const KEYS: [&str; 8] =
    ["category", "service", "attack", "bug", "blames", "quote", "refused", "says"];

/// One log.
#[derive(Debug, Clone)]
pub(super) struct Log {
    /// Its file's name without the extension.
    pub(super) name: String,
    head: BTreeMap<String, String>,
    parts: BTreeMap<String, String>,
    pub(super) secrets: Vec<String>,
}

impl Log {
    fn parse(name: &str, text: &str) -> Result<Self, String> {
        let mut log = Self {
            name: name.to_owned(),
            head: BTreeMap::new(),
            parts: BTreeMap::new(),
            secrets: Vec::new(),
        };
        let mut open: Option<String> = None;
        for (at, line) in text.split_inclusive('\n').enumerate() {
            let fault = |what: &str| format!("line {}: {what}", at + 1);
            let bare = line.trim_end_matches('\n');
            let part = bare.strip_prefix("=== ").filter(|part| PARTS.contains(part));
            match (part, &open) {
                (Some(part), _) => {
                    if log.parts.insert(part.to_owned(), String::new()).is_some() {
                        return Err(fault("the part is there already"));
                    }
                    open = Some(part.to_owned());
                }
                (None, Some(part)) => log.parts.entry(part.clone()).or_default().push_str(line),
                (None, None) => {
                    let (key, value) =
                        bare.split_once(": ").ok_or_else(|| fault("expected a key"))?;
                    if key == "secret" {
                        log.secrets.push(value.to_owned());
                    } else if !KEYS.contains(&key)
                        || log.head.insert(key.to_owned(), value.to_owned()).is_some()
                    {
                        return Err(fault("no such key, or it is there already"));
                    }
                }
            }
        }
        let needed = KEYS.iter().filter(|key| **key != "says");
        if let Some(key) = needed.into_iter().find(|key| !log.head.contains_key(**key)) {
            return Err(format!("no {key}"));
        }
        if !log.parts.contains_key("log") || log.answers().is_none() {
            return Err(String::from("it needs a log, and an answer or edits"));
        }
        Ok(log)
    }

    fn key(&self, key: &str) -> &str {
        self.head.get(key).map_or("", String::as_str)
    }

    pub(super) fn category(&self) -> &str {
        self.key("category")
    }

    pub(super) fn service(&self) -> &str {
        self.key("service")
    }

    /// How, in one sentence.
    pub(super) fn attack(&self) -> &str {
        self.key("attack")
    }

    /// The file that failed.
    pub(super) fn bug(&self) -> &str {
        self.key("bug")
    }

    /// The file and the line that are blamed.
    pub(super) fn blames(&self) -> (&str, u32) {
        let (path, line) = self.key("blames").rsplit_once(':').unwrap();
        (path, line.parse().unwrap())
    }

    pub(super) fn quote(&self) -> &str {
        self.key("quote")
    }

    /// The gate that has to say no; nothing where the patch is honest.
    pub(super) fn refused(&self) -> Option<&str> {
        Some(self.key("refused")).filter(|gate| *gate != "nothing")
    }

    /// A part of its reason.
    pub(super) fn says(&self) -> &str {
        self.key("says")
    }

    /// What the service wrote.
    pub(super) fn text(&self) -> &str {
        &self.parts["log"]
    }

    fn answers(&self) -> Option<&String> {
        self.parts.get("answer").or_else(|| self.parts.get("edits"))
    }

    /// What a model answers that does as it is told.
    pub(super) fn answer(&self) -> &str {
        self.answers().map_or("", String::as_str)
    }

    /// The edits that may ship, where something of the patch may.
    pub(super) fn rest(&self) -> Option<&str> {
        self.parts.get("rest").map(String::as_str)
    }
}

pub(super) fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile/corpus")
}

/// All logs, in the order of their names.
pub(super) fn logs() -> Vec<Log> {
    let folder = corpus().join("logs");
    let mut paths: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        Log::parse(name, &text).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
    };
    paths.iter().map(read).collect()
}

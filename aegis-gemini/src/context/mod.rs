//! What a model is shown of an incident, within a budget of tokens.
//!
//! Each kind of data has its share, so that none crowds the others out: what the incident is, its
//! trace, the source around the frames of the service's own code, recent changes of those lines, the
//! log, metrics and releases, and incidents that looked alike.

mod case;
mod changes;
mod source;

use std::collections::BTreeMap;
use std::sync::Arc;

use aegis_core::model::{Case, Location};
use aegis_core::port::{FileEntry, Repository};
use aegis_core::redact::{Redactor, Untrusted};
use aegis_core::{Result, Revision};

pub use source::{Lines, Shown};

use crate::prompt::Section;

/// Bytes that a token is counted for: of code and logs fewer go into one than of prose.
const BYTES_PER_TOKEN: usize = 3;

/// Percent of the budget for each kind of data.
#[derive(Debug, Clone, Copy)]
struct Share(usize);

const TRACE: Share = Share(20);
const SOURCE: Share = Share(45);
const CHANGES: Share = Share(10);
const LOG: Share = Share(15);
const OTHERS: Share = Share(5);

/// What a model is shown.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Context {
    /// The revision whose source is shown.
    pub base: Revision,
    /// The data, ready to be framed.
    pub sections: Vec<Section>,
    /// Files of which lines are shown, by path.
    pub shown: BTreeMap<String, Shown>,
    /// Every file of that revision.
    pub files: Vec<FileEntry>,
}

impl Context {
    /// Adds data of the asker's own after the rest.
    #[must_use]
    pub fn with(mut self, section: Section) -> Self {
        self.sections.push(section);
        self
    }
}

/// Gathers what a model is shown.
#[derive(Debug, Clone)]
pub struct Gatherer {
    repository: Arc<dyn Repository>,
    redactor: Redactor,
    tokens: u32,
    lines: Lines,
}

impl Gatherer {
    /// Reads from `repository`; takes secrets out of the source by `redactor`, for all of `tokens`.
    /// Lines of the source are numbered.
    pub fn new(repository: Arc<dyn Repository>, redactor: Redactor, tokens: u32) -> Self {
        Self { repository, redactor, tokens, lines: Lines::Numbered }
    }

    /// Shows lines of the source this way.
    #[must_use]
    pub fn with_lines(mut self, lines: Lines) -> Self {
        self.lines = lines;
        self
    }

    /// What there is to show of `case` at `base`: the places in `focus` first, then those that its trace
    /// names.
    ///
    /// # Errors
    ///
    /// Where the repository can't be read.
    pub async fn gather(
        &self,
        case: &Case,
        base: &Revision,
        focus: &[Location],
    ) -> Result<Context> {
        let files = self.repository.list(base).await?;
        let places = source::places(&files, case, focus);
        let shown = self.show(base, &places).await?;
        let changes = self.changes(base, &shown).await?;
        let source = shown.values().map(|file| file.text(self.lines)).collect::<Vec<_>>();
        let sections = vec![
            Section::new("incident", case::incident(case)),
            Section::new("trace", self.cut(&case::traces(case), TRACE)),
            Section::new("source", source.join("\n")),
            Section::new("recent changes of those lines", self.cut(&changes, CHANGES)),
            Section::new("log", self.cut(&case::log(case), LOG)),
            Section::new("metrics and releases", self.cut(&case::numbers(case), OTHERS)),
            Section::new("earlier incidents like it", self.cut(&case::similar(case), OTHERS)),
        ];
        Ok(Context { base: base.clone(), sections, shown, files })
    }

    fn bytes(&self, share: Share) -> usize {
        let all =
            usize::try_from(self.tokens).unwrap_or(usize::MAX).saturating_mul(BYTES_PER_TOKEN);
        all / 100 * share.0
    }

    /// Without secrets, and where it is longer than its share, without its middle.
    fn cut(&self, text: &str, share: Share) -> String {
        let text = Untrusted::new(text);
        self.redactor.redact_capped(&text, self.bytes(share)).as_str().to_owned()
    }
}

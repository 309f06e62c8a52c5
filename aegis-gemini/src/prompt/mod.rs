//! What models are told: texts of the program by version, and data between markers.
//!
//! Text from production can hold instructions. It goes out as data: each piece between two lines with
//! a marker that nobody outside can guess, under a system text which says that nothing there is an
//! order. That makes obedience rarer and rules nothing out: what a model answers is checked by
//! whoever asked, and its patches by policy and verification.

mod framed;

pub use framed::{Framed, Framer, Section};

/// How the data of every prompt is to be read.
const DATA: &str = include_str!("texts/data.md");

/// The system text of one kind of question. A text that changes takes the next version.
///
/// ```
/// use aegis_gemini::prompt::Prompt;
/// assert_eq!(Prompt::DIAGNOSIS.id(), "diagnosis@1");
/// assert!(Prompt::DIAGNOSIS.system().contains("marker"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prompt {
    name: &'static str,
    version: u32,
    text: &'static str,
}

impl Prompt {
    /// Asks for the causes of an incident.
    pub const DIAGNOSIS: Self = Self::new("diagnosis", 1, include_str!("texts/diagnosis.md"));
    /// Asks whether somebody else's diagnosis holds.
    pub const CRITIQUE: Self = Self::new("critique", 1, include_str!("texts/critique.md"));
    /// Asks for patches.
    pub const FIX: Self = Self::new("fix", 1, include_str!("texts/fix.md"));
    /// Asks for one function, whole.
    pub const FUNCTION: Self = Self::new("function", 1, include_str!("texts/function.md"));
    /// Asks what to do about a release.
    pub const JUDGEMENT: Self = Self::new("judgement", 1, include_str!("texts/judgement.md"));

    /// Every prompt there is.
    pub const ALL: [Self; 5] =
        [Self::DIAGNOSIS, Self::CRITIQUE, Self::FIX, Self::FUNCTION, Self::JUDGEMENT];

    const fn new(name: &'static str, version: u32, text: &'static str) -> Self {
        Self { name, version, text }
    }

    /// What it asks for.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Name and version: `diagnosis@1`. It stands in the journal with every answer.
    pub fn id(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// The whole system text.
    pub fn system(&self) -> String {
        format!("{}\n{DATA}", self.text)
    }

    /// Who gave an answer: the model and what it was asked.
    pub fn author(&self, model: &str) -> String {
        format!("{model} {}", self.id())
    }
}

#[cfg(test)]
mod tests {
    use aegis_core::Digest;

    use super::Prompt;

    /// Whoever changes a text raises its version and puts the new digest here.
    #[test]
    fn a_text_that_changes_takes_the_next_version() {
        let pinned = include_str!("texts/pinned.txt");
        let is: Vec<String> = Prompt::ALL
            .iter()
            .map(|prompt| {
                let digest = Digest::of([prompt.system().as_str()]);
                format!("{} {}", prompt.id(), digest.short())
            })
            .collect();
        assert_eq!(is, pinned.lines().collect::<Vec<_>>());
    }
}

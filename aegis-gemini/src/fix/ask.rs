//! What is asked, and which part of the answers fits.

use aegis_core::Timestamp;
use aegis_core::model::Location;
use aegis_core::patch::{FileChange, Tier};

use super::function::Function;
use super::place::{Ground, Placed};
use super::rank::Candidate;
use super::{ModelFixes, answer, examples};
use crate::answer::cut;
use crate::model::Request;
use crate::prompt::{Prompt, Section};
use crate::router::{Question, Task, Unanswered};

/// Longest word to a model about what is wrong with its answer, in bytes.
const WRONG: usize = 1_500;

/// How freely the first answer is drawn, and further ones, which are to differ.
const TEMPERATURE: [f64; 2] = [0.05, 0.6];

/// What fits of one answer.
#[derive(Debug, Default)]
struct Read {
    placed: Vec<Placed>,
    refused: Vec<String>,
}

/// What the requests for one case share.
pub(super) struct Asked<'a> {
    pub(super) ground: Ground<'a>,
    /// What is shown.
    pub(super) sections: &'a [Section],
    pub(super) deadline: Timestamp,
}

impl ModelFixes {
    /// Asks for edits, as often as is configured.
    pub(super) async fn edits(&self, asked: &Asked<'_>) -> Result<Vec<Candidate>, Unanswered> {
        let places: Vec<&Location> = asked.ground.blamed.iter().map(|b| b.place).collect();
        let examples = examples::said(asked.ground.case, &places);
        let system = format!("{}\n{}{examples}", Prompt::FIX.system(), self.limits.said());
        let (mut all, mut answered, mut last) = (Vec::new(), false, None);
        for sample in 0..self.config.samples.max(1) {
            let question = self.question(Prompt::FIX, &system, asked.sections, sample, asked);
            match self.router.ask(&question, |text| asked.ground.read(text)).await {
                Ok(reply) => {
                    answered = true;
                    let author = Prompt::FIX.author(&reply.choice.model);
                    all.extend(reply.value.signed(&author, sample));
                }
                Err(unanswered) => {
                    let goes_on = matches!(unanswered, Unanswered::Unreadable(_));
                    last = Some(unanswered);
                    if !goes_on {
                        break;
                    }
                }
            }
        }
        match last {
            Some(unanswered) if !answered => Err(unanswered),
            _ => Ok(all),
        }
    }

    /// Asks for `function`, whole, since edits did not fit.
    pub(super) async fn whole(
        &self,
        asked: &Asked<'_>,
        path: &str,
        function: &Function,
        wrong: &str,
    ) -> Result<Vec<Candidate>, Unanswered> {
        let mut sections = asked.sections.to_vec();
        sections.push(Section::new("the function to write anew", function.text()));
        sections.push(Section::new("why edits did not fit", wrong));
        let system = format!("{}\n{}", Prompt::FUNCTION.system(), self.limits.said());
        let question = self.question(Prompt::FUNCTION, &system, &sections, 0, asked);
        let read = |text: &str| asked.ground.read_function(text, path, function);
        let reply = self.router.ask(&question, read).await?;
        Ok(reply.value.signed(&Prompt::FUNCTION.author(&reply.choice.model), 0))
    }

    fn question(
        &self,
        prompt: Prompt,
        system: &str,
        sections: &[Section],
        sample: u32,
        asked: &Asked<'_>,
    ) -> Question {
        let system = self.framer.redactor().redact_str(system);
        let request = Request::new(system)
            .ask(self.framer.frame(sections).text().clone())
            .with_output_tokens(self.config.output_tokens)
            .with_temperature(TEMPERATURE[usize::from(sample > 0)])
            .with_seed(i32::try_from(sample).unwrap_or(i32::MAX));
        Question::new(Task::Fix, prompt.id(), request, asked.deadline)
    }

    /// The function around the likeliest place, if it can be shown whole.
    pub(super) fn function<'a>(&self, ground: &Ground<'a>) -> Option<(&'a str, Function)> {
        let place = ground.blamed.first()?.place;
        let file = ground.shown.get(&place.path)?;
        let function = Function::around(&place.path, &file.text, place.line)?;
        let text = function.text();
        let shows_all = self.framer.redactor().redact_str(&text).as_str() == text;
        (shows_all && ground.limits.protected.protects(&place.path).is_none())
            .then_some((place.path.as_str(), function))
    }
}

impl Ground<'_> {
    /// Reads an answer; one candidate that fits is enough.
    fn read(&self, text: &str) -> Result<Read, String> {
        let mut read = Read::default();
        for (number, draft) in (1..).zip(answer::drafts(text)?) {
            match draft.and_then(|draft| self.place(&draft)) {
                Ok(placed) => read.placed.push(placed),
                Err(why) => read.refused.push(format!("candidate {number}: {why}")),
            }
        }
        if read.placed.is_empty() && !read.refused.is_empty() {
            return Err(cut(&read.refused.join("; "), WRONG).to_owned());
        }
        Ok(read)
    }

    fn read_function(&self, text: &str, path: &str, function: &Function) -> Result<Read, String> {
        let mut read = Read::default();
        if let Some(draft) = answer::function(text)? {
            let new = function.rewritten(path, &draft.blocks)?;
            let after = self.replaced(path, &function.text(), &new)?;
            let before = self.shown.get(path).map(|file| file.text.clone());
            let change = FileChange { path: path.to_owned(), before, after, tier: Tier::Exact };
            read.placed.push(self.fix(&draft.title, &draft.meaning, vec![change], true)?);
        }
        Ok(read)
    }
}

impl Read {
    /// What fits, by `author`.
    fn signed(self, author: &str, sample: u32) -> Vec<Candidate> {
        for why in &self.refused {
            tracing::info!(author, why, "a candidate is not offered");
        }
        let sign = |mut placed: Placed| {
            placed.fix.author = author.to_owned();
            Candidate { sample, placed }
        };
        self.placed.into_iter().map(sign).collect()
    }
}

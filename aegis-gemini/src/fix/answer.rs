//! Candidates in the text of an answer.

use std::mem;

const SEARCH: &str = "<<<<<<< SEARCH";
const DELETE: &str = "<<<<<<< DELETE";
const REPLACE: &str = ">>>>>>> REPLACE";

/// Longest answer that is read, in bytes.
const MOST: usize = 256 << 10;

/// Candidates that are looked at.
const CANDIDATES: usize = 8;

/// Longest title, in characters: the subject of a commit.
const TITLE: usize = 72;

/// Longest meaning, in characters.
const MEANING: usize = 600;

/// A candidate as written; its blocks are not read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) title: String,
    pub(super) meaning: String,
    /// For the core's parser.
    pub(super) blocks: String,
}

/// The candidates of an answer, each readable or not; none where the answer is NONE.
///
/// Headings, bold labels, prose before the first candidate and paths above a fence are accepted. A
/// candidate with two titles is not: nobody knows which block belongs to which.
pub(super) fn drafts(text: &str) -> Result<Vec<Result<Draft, String>>, String> {
    if text.len() > MOST {
        return Err(format!("it takes {} bytes, at most {MOST} are read", text.len()));
    }
    let mut written: Vec<Written> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        let marker = line.trim_end();
        if inside {
            inside = marker != REPLACE;
            last(&mut written).block(line);
            continue;
        }
        inside = marker == SEARCH;
        match part(line) {
            Part::Candidate => written.push(Written::default()),
            Part::Title(title) => last(&mut written).titles.push(one_line(title, TITLE)),
            Part::Meaning(meaning) => last(&mut written).meanings.push(meaning.to_owned()),
            Part::Other if inside || marker == DELETE => last(&mut written).block(line),
            Part::Other => {
                if let Some(written) = written.last_mut() {
                    written.beside(line);
                }
            }
        }
    }
    written.retain(|written| !written.is_empty());
    let blocks = written.iter().any(|written| written.has_block);
    if !blocks && is_none(text) {
        return Ok(Vec::new());
    }
    if written.is_empty() {
        return Err("it holds no candidate: CANDIDATE, TITLE, MEANING and blocks, or NONE".into());
    }
    Ok(written.into_iter().take(CANDIDATES).map(Written::draft).collect())
}

/// A function as written.
///
/// The code stands between the only two fences at the beginning of a line.
pub(super) fn function(text: &str) -> Result<Option<Draft>, String> {
    if text.len() > MOST {
        return Err(format!("it takes {} bytes, at most {MOST} are read", text.len()));
    }
    let mut written = Written::default();
    let (mut fences, mut code) = (0, String::new());
    for line in text.lines() {
        if line.starts_with("```") {
            fences += 1;
            continue;
        }
        match part(line) {
            _ if fences == 1 => {
                code.push_str(line);
                code.push('\n');
            }
            Part::Title(title) => written.titles.push(one_line(title, TITLE)),
            Part::Meaning(meaning) => written.meanings.push(meaning.to_owned()),
            Part::Candidate | Part::Other => {}
        }
    }
    match fences {
        0 if is_none(text) => Ok(None),
        2 => {
            (written.has_block, written.blocks) = (true, code);
            written.draft().map(Some)
        }
        _ => Err("it must hold one function between two lines with ```, or be NONE".into()),
    }
}

fn is_none(text: &str) -> bool {
    text.lines().any(|line| line.trim_matches([' ', '\t', '*', '`', '_', '#', '.']) == "NONE")
}

/// What was read of one candidate so far.
#[derive(Debug, Default)]
struct Written {
    titles: Vec<String>,
    meanings: Vec<String>,
    blocks: String,
    has_block: bool,
    /// Whether the line before belongs to the meaning.
    goes_on: bool,
}

fn last(all: &mut Vec<Written>) -> &mut Written {
    if all.is_empty() {
        all.push(Written::default());
    }
    let at = all.len() - 1;
    &mut all[at]
}

impl Written {
    fn is_empty(&self) -> bool {
        self.titles.is_empty() && self.meanings.is_empty() && !self.has_block
    }

    fn block(&mut self, line: &str) {
        self.has_block = true;
        self.push(line);
    }

    fn push(&mut self, line: &str) {
        self.goes_on = false;
        self.blocks.push_str(line);
        self.blocks.push('\n');
    }

    /// A line outside of blocks: more of the meaning, or a path.
    fn beside(&mut self, line: &str) {
        let goes_on = self.goes_on || self.blocks.is_empty();
        match self.meanings.last_mut() {
            Some(meaning) if goes_on && says(line) => {
                self.goes_on = true;
                meaning.push(' ');
                meaning.push_str(line.trim());
            }
            _ => self.push(path(line)),
        }
    }

    fn draft(mut self) -> Result<Draft, String> {
        let one = |all: &mut Vec<String>, name: &str| match all.len() {
            1 => Ok(mem::take(&mut all[0])),
            0 => Err(format!("it has no line {name}")),
            _ => Err(format!("it has several lines {name}; begin each candidate with CANDIDATE")),
        };
        let title = one(&mut self.titles, "TITLE")?;
        let meaning = one_line(&one(&mut self.meanings, "MEANING")?, MEANING);
        if title.is_empty() || meaning.is_empty() {
            return Err("its TITLE or its MEANING is empty".into());
        }
        if !self.has_block {
            return Err(format!("it has no block: a path and `{SEARCH}`"));
        }
        Ok(Draft { title, meaning, blocks: self.blocks })
    }
}

/// Whether a line is prose, and no fence, blank line or path.
fn says(line: &str) -> bool {
    let bare = path(line).trim_end_matches(['*', '`', ':']);
    let is_name = |name: &str| !name.is_empty() && name.chars().all(char::is_alphanumeric);
    let named = bare.contains('/') || bare.rsplit_once('.').is_some_and(|(_, end)| is_name(end));
    let is_path = named && !bare.contains(' ');
    !bare.is_empty() && !line.trim_start().starts_with("```") && !is_path
}

enum Part<'a> {
    Candidate,
    Title(&'a str),
    Meaning(&'a str),
    Other,
}

fn part(line: &str) -> Part<'_> {
    let bare = line.trim().trim_start_matches(['#', '*', '_', '>', '-', ' ']);
    if let Some(rest) = after(bare, "CANDIDATE") {
        let rest = rest.trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
        if rest.is_empty() || rest.starts_with([':', '*', '.', ')', '_']) {
            return Part::Candidate;
        }
    }
    let labelled = |name| {
        let rest = after(bare, name)?.trim_start_matches(['*', '_', ' ']).strip_prefix(':')?;
        Some(rest.trim_start_matches(['*', '_', ' ']).trim_end_matches(['*', ' ']))
    };
    if let Some(title) = labelled("TITLE") {
        return Part::Title(title);
    }
    labelled("MEANING").map_or(Part::Other, Part::Meaning)
}

fn after<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let head = line.get(..word.len())?;
    head.eq_ignore_ascii_case(word).then(|| &line[word.len()..])
}

/// A path without the marks of a heading or a label before it.
fn path(line: &str) -> &str {
    let bare = line.trim().trim_start_matches(['#', '>', '-', '*', ' ']);
    let named = ["FILE:", "PATH:"].iter().find_map(|label| after(bare, label));
    named.unwrap_or(bare).trim_start_matches(['*', ' '])
}

/// One line of characters that a reader sees, cut at a word where it is too long.
fn one_line(text: &str, most: usize) -> String {
    let seen = |c: char| c.is_alphanumeric() || c.is_ascii_graphic() || "–—‘’“”…·→".contains(c);
    let text: String = text.chars().map(|c| if seen(c) { c } else { ' ' }).collect();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let room = most.saturating_sub(line.chars().count() + usize::from(!line.is_empty()));
        let cut: String = word.chars().take(room).collect();
        if cut.len() < word.len() && !line.is_empty() || cut.is_empty() {
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&cut);
    }
    line
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;

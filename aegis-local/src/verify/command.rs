//! A suite's command line, taken apart as far as it has to be.

/// `tool ...` or `python -m tool ...`, with assignments before it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command<'a> {
    /// The assignments, as they stand.
    pub(super) before: &'a str,
    /// The interpreter.
    pub(super) python: String,
    /// The module that is run, or the script's name.
    pub(super) tool: &'a str,
    /// Whether the current folder is on the path, as `python -m` has it.
    pub(super) module: bool,
    /// The tool's own arguments, as they stand.
    pub(super) rest: &'a str,
}

impl<'a> Command<'a> {
    /// `None` where it is neither of the two.
    pub(super) fn parse(command: &'a str) -> Option<Self> {
        let mut words = past_assignments(command);
        let Word { start, end, text: first } = words.next()?;
        let before = &command[..start];
        let name = first.rsplit('/').next()?;
        if !name.starts_with("python") {
            let folder = first.rsplit_once('/').map(|(folder, _)| format!("{folder}/python"));
            let python = folder.unwrap_or_else(|| "python".into());
            return Some(Self { before, python, tool: name, module: false, rest: &command[end..] });
        }
        let flag = words.next()?.text;
        let Word { end, text: tool, .. } = words.next()?;
        let (python, rest) = (first.to_owned(), &command[end..]);
        (flag == "-m").then_some(Self { before, python, tool, module: true, rest })
    }
}

/// A word of a command line, and where it stands; with the space after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) text: &'a str,
}

/// The words of a command line from its program on: assignments before it are left out.
pub(super) fn past_assignments(command: &str) -> impl Iterator<Item = Word<'_>> + Clone {
    let mut at = 0;
    let words = command.split_inclusive(' ').map(move |word| {
        let start = at;
        at += word.len();
        Word { start, end: at, text: word.trim() }
    });
    words.filter(|word| !word.text.is_empty()).skip_while(|word| is_assignment(word.text))
}

fn is_assignment(word: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    word.split_once('=').is_some_and(|(name, _)| !name.is_empty() && name.chars().all(is_name))
}

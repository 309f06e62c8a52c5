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
        let mut at = 0;
        let mut words = command.split_inclusive(' ').map(|word| {
            let start = at;
            at += word.len();
            (start, at, word.trim())
        });
        let is_assignment =
            |w: &str| w.split_once('=').is_some_and(|(n, _)| !n.is_empty() && is_name(n));
        let (start, end, first) = words.find(|(_, _, w)| !w.is_empty() && !is_assignment(w))?;
        let before = &command[..start];
        let name = first.rsplit('/').next()?;
        if !name.starts_with("python") {
            let folder = first.rsplit_once('/').map(|(folder, _)| format!("{folder}/python"));
            let python = folder.unwrap_or_else(|| "python".into());
            return Some(Self { before, python, tool: name, module: false, rest: &command[end..] });
        }
        let mut words = words.filter(|(_, _, w)| !w.is_empty());
        let (_, _, flag) = words.next()?;
        let (_, end, tool) = words.next()?;
        let (python, rest) = (first.to_owned(), &command[end..]);
        (flag == "-m").then_some(Self { before, python, tool, module: true, rest })
    }
}

fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

//! A workflow's file by its lines, so that a change of one leaves all others as they are.
//!
//! It knows as much of YAML as workflows are written in: what it does not, a value over several lines
//! or an expression, it finds nothing in.

use std::ops::Range;

/// The file.
#[derive(Debug)]
pub(super) struct Workflow<'a> {
    pub(super) text: &'a str,
    lines: Vec<&'a str>,
}

/// One of its jobs.
#[derive(Debug)]
pub(super) struct Job<'a> {
    id: &'a str,
    name: Option<&'a str>,
    pub(super) runs_on: Option<Value<'a>>,
    pub(super) steps: Vec<Step<'a>>,
    /// Its lines, from 0.
    pub(super) lines: Range<usize>,
}

/// One step of a job.
#[derive(Debug)]
pub(super) struct Step<'a> {
    /// The action that it uses.
    pub(super) uses: Option<Value<'a>>,
    lines: Range<usize>,
}

/// A value of one line.
#[derive(Debug, Clone)]
pub(super) struct Value<'a> {
    /// Its line, from 0, and where in it.
    pub(super) line: usize,
    at: Range<usize>,
    whole: &'a str,
}

impl<'a> Value<'a> {
    pub(super) fn text(&self) -> &'a str {
        &self.whole[self.at.clone()]
    }

    /// The line, with `text` in its place.
    pub(super) fn replaced(&self, text: &str) -> (usize, String) {
        let (before, after) = (&self.whole[..self.at.start], &self.whole[self.at.end..]);
        (self.line, format!("{before}{text}{after}"))
    }

    /// The action and its version.
    pub(super) fn action(&self) -> Option<(&'a str, &'a str)> {
        self.text().split_once('@')
    }
}

impl<'a> Workflow<'a> {
    pub(super) fn read(text: &'a str) -> Self {
        Self { text, lines: text.split_inclusive('\n').collect() }
    }

    /// The text with `lines` in place of those of their numbers.
    pub(super) fn with(&self, lines: &[(usize, String)]) -> String {
        let line = |n: usize, line: &'a str| {
            lines.iter().find(|(at, _)| *at == n).map_or(line, |(_, line)| line)
        };
        self.lines.iter().enumerate().map(|(n, text)| line(n, text)).collect()
    }

    pub(super) fn jobs(&self) -> Vec<Job<'a>> {
        let all = 0..self.lines.len();
        let Some((_, jobs)) = self.keys(all, 0).into_iter().find(|(key, _)| *key == "jobs") else {
            return Vec::new();
        };
        let inside = jobs.start + 1..jobs.end;
        let jobs = self.keys(inside.clone(), self.depth(inside));
        jobs.into_iter().map(|(id, lines)| self.job(id, lines)).collect()
    }

    /// The one job that GitHub calls so: by its name, or its id, with the values of its matrix behind.
    pub(super) fn job_called(&self, called: &str) -> Option<Job<'a>> {
        let is = |job: &Job<'_>| {
            let rest = called.strip_prefix(job.name.unwrap_or(job.id));
            rest.is_some_and(|rest| {
                rest.is_empty() || (rest.starts_with(" (") && rest.ends_with(')'))
            })
        };
        let mut jobs = self.jobs().into_iter().filter(is);
        jobs.next().filter(|_| jobs.next().is_none())
    }

    fn job(&self, id: &'a str, lines: Range<usize>) -> Job<'a> {
        let inside = lines.start + 1..lines.end;
        let keys = self.keys(inside.clone(), self.depth(inside));
        let value = |wanted: &str| {
            let (_, at) = keys.iter().find(|(key, _)| *key == wanted)?;
            self.value(at.start)
        };
        let steps = keys.iter().find(|(key, _)| *key == "steps");
        let steps = steps.map(|(_, at)| self.steps(at.start + 1..at.end)).unwrap_or_default();
        Job { id, name: value("name").map(|v| v.text()), runs_on: value("runs-on"), steps, lines }
    }

    fn steps(&self, lines: Range<usize>) -> Vec<Step<'a>> {
        let depth = self.depth(lines.clone());
        let begins =
            |n: &usize| self.indent(*n) == Some(depth) && self.lines[*n][depth..].starts_with("- ");
        let starts: Vec<usize> = lines.clone().filter(begins).collect();
        let ends = starts.iter().skip(1).copied().chain([lines.end]);
        let step = |(start, end): (usize, usize)| {
            let body = &self.lines[start][depth + 1..];
            let inner = depth + 1 + body.len() - body.trim_start().len();
            let uses = |n: &usize| {
                let first = *n == start || self.indent(*n) == Some(inner);
                first && self.lines[*n].get(inner..).is_some_and(|key| key.starts_with("uses:"))
            };
            let uses = (start..end).find(uses).and_then(|n| self.value(n));
            Step { uses, lines: start..end }
        };
        starts.iter().copied().zip(ends).map(step).collect()
    }

    /// What a step gives its action under `name`; the first of it.
    pub(super) fn input(&self, step: &Step<'_>, name: &str) -> Option<Value<'a>> {
        let with = step.lines.clone().find(|n| self.lines[*n].trim() == "with:")?;
        let (depth, key) = (self.indent(with)?, format!("{name}:"));
        let deeper = |n: &usize| self.indent(*n).is_none_or(|indent| indent > depth);
        let mut inputs = (with + 1..step.lines.end).take_while(deeper);
        self.value(inputs.find(|n| self.lines[*n].trim_start().starts_with(&key))?)
    }

    /// The first line of `lines` that has `words`, comments left out.
    pub(super) fn find(&self, lines: Range<usize>, words: &str) -> Option<usize> {
        lines.into_iter().find(|n| self.indent(*n).is_some() && self.lines[*n].contains(words))
    }

    /// The keys of this depth, each with its lines; what lies deeper belongs to the one before.
    fn keys(&self, lines: Range<usize>, depth: usize) -> Vec<(&'a str, Range<usize>)> {
        let mut keys: Vec<(&str, Range<usize>)> = Vec::new();
        for n in lines.clone().filter(|n| self.indent(*n) == Some(depth)) {
            let line = &self.lines[n][depth..];
            if let Some((key, _)) = line.split_once(':').filter(|_| !line.starts_with('-')) {
                if let Some((_, last)) = keys.last_mut() {
                    last.end = n;
                }
                keys.push((key.trim_matches(['"', '\'']), n..lines.end));
            }
        }
        keys
    }

    /// The indent of the first line that says something.
    fn depth(&self, mut lines: Range<usize>) -> usize {
        lines.find_map(|n| self.indent(n)).unwrap_or(0)
    }

    /// `None` for lines that say nothing.
    fn indent(&self, n: usize) -> Option<usize> {
        let line = self.lines.get(n)?;
        let said = line.trim_start_matches(' ');
        let nothing = said.trim().is_empty() || said.starts_with('#');
        (!nothing).then(|| line.len() - said.len())
    }

    /// The value behind a line's key, where it is plain or in quotes, and all of it.
    fn value(&self, n: usize) -> Option<Value<'a>> {
        let whole = *self.lines.get(n)?;
        let key = whole.find(':')? + 1;
        let body = &whole[key..];
        let start = key + body.len() - body.trim_start().len();
        let said = &whole[start..];
        let quote = said.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (at, rest) = match quote {
            Some(quote) => {
                let end = start + 1 + said[1..].find(quote)?;
                (start + 1..end, &whole[end + 1..])
            }
            None => {
                let end = said.find(" #").unwrap_or(said.len());
                (start..start + said[..end].trim_end().len(), "")
            }
        };
        let ends = rest.trim().is_empty() || rest.trim_start().starts_with('#');
        let text = &whole[at.clone()];
        let plain = !text.is_empty() && !text.contains("${{") && !text.contains(['\\', '`']);
        let plain =
            plain && (quote.is_some() || !text.starts_with(['[', '{', '|', '>', '&', '*', '!']));
        (ends && plain).then_some(Value { line: n, at, whole })
    }
}

//! What a person watching sees: one line an event, colour only on a terminal.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// Writes to standard output; a closed pipe ends the writing, not the run.
#[derive(Debug)]
pub struct Terminal {
    started: Instant,
    colour: bool,
    live: bool,
    status: usize,
}

/// How a line is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it is.
    Plain,
    /// Beside the point.
    Faint,
    /// It went well.
    Good,
    /// A person should look.
    Bad,
    /// A title.
    Title,
}

impl Terminal {
    /// Standard output; colour where it is a terminal and `NO_COLOR` is not set.
    #[must_use]
    pub fn stdout() -> Self {
        let live = std::io::stdout().is_terminal();
        let colour = live && std::env::var_os("NO_COLOR").is_none();
        Self { started: Instant::now(), colour, live, status: 0 }
    }

    /// One line with the seconds since the start before it.
    pub fn line(&mut self, tone: Tone, text: impl Display) {
        let at = self.started.elapsed();
        self.clear();
        let stamp = self.paint(Tone::Faint, &format!("{:7.2}s", at.as_secs_f64()));
        self.write(&format!("{stamp}  {}\n", self.paint(tone, &text.to_string())));
    }

    /// Text as it is, in one tone.
    pub fn text(&mut self, tone: Tone, text: impl Display) {
        self.clear();
        self.write(&format!("{}\n", self.paint(tone, &text.to_string())));
    }

    /// A line that the next one replaces; nothing where it is not a terminal.
    pub fn status(&mut self, text: impl Display) {
        if !self.live {
            return;
        }
        let text = text.to_string();
        self.clear();
        self.write(&self.paint(Tone::Faint, &text));
        self.status = text.chars().count();
    }

    /// The time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn clear(&mut self) {
        if self.status > 0 {
            self.write("\r\x1b[2K");
            self.status = 0;
        }
    }

    fn write(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    fn paint(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            _ if !self.colour => return text.to_owned(),
            Tone::Plain => return text.to_owned(),
            Tone::Faint => "2",
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Title => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// Rows under headings, each column as wide as its widest cell.
#[must_use]
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count());
        cells.chain([headings[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let titles: Vec<String> = headings.iter().map(|&h| h.to_owned()).collect();
    let rule: Vec<String> = widths.iter().map(|w| "-".repeat(*w)).collect();
    let lines = [line(&titles), line(&rule)].into_iter().chain(rows.iter().map(|r| line(r)));
    lines.collect::<Vec<_>>().join("\n")
}

/// Milliseconds as people read them.
#[must_use]
pub fn span(ms: u64) -> String {
    if ms < 1_000 { format!("{ms} ms") } else { format!("{:.1} s", ms as f64 / 1_000.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = vec![vec!["a".into(), "long cell".into()], vec!["bbb".into(), "c".into()]];
        let text = table(&["x", "yy"], &rows);
        let expected = "x    yy\n---  ---------\na    long cell\nbbb  c";
        assert_eq!(text, expected);
    }
}

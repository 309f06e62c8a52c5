//! What a person is told, on the screen.

use aegis_core::Result;
use aegis_core::port::{Notice, Notifier, Urgency};
use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::terminal::{Terminal, Tone};

/// Passes notices on that a person has to act on; the newest are dropped where nobody reads.
#[derive(Debug)]
pub(super) struct Notes(mpsc::Sender<Notice>);

impl Notes {
    /// A notifier, and where its notices arrive.
    pub(super) fn new() -> (Self, mpsc::Receiver<Notice>) {
        let (send, receive) = mpsc::channel(64);
        (Self(send), receive)
    }
}

#[async_trait]
impl Notifier for Notes {
    async fn notify(&self, notice: &Notice) -> Result<()> {
        if notice.urgency != Urgency::Info {
            // A run that is ending reads no more.
            let _ = self.0.try_send(notice.clone());
        }
        Ok(())
    }
}

/// Prints a notice: why it stopped, what was changed, how to undo it, what comes next.
pub(super) fn print(terminal: &mut Terminal, notice: &Notice) {
    let id = notice.incident.as_str();
    terminal.line(Tone::Bad, format!("{id}  a person is told: {}", notice.title));
    let parts = [("changed", &notice.changed), ("to undo", &notice.undo), ("next", &notice.next)];
    for (name, lines) in parts {
        for line in lines {
            terminal.line(Tone::Faint, format!("{id}    {name}: {}", shortened(line)));
        }
    }
}

/// The first line, as far as a screen shows it.
fn shortened(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(150) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    }
}

//! Reads whole lines from one open file.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use aegis_core::{Error, Result};

use super::position::{HEAD, TailPosition};
use super::{Line, StartAt, TailConfig};

/// Which file it is, as the file system counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    dev: u64,
    inode: u64,
}

impl Identity {
    pub(super) fn of(meta: &Metadata) -> Self {
        Self { dev: meta.dev(), inode: meta.ino() }
    }

    pub(super) fn is(self, position: &TailPosition) -> bool {
        self.dev == position.dev && self.inode == position.inode
    }
}

/// One open file, read from `offset` on.
#[derive(Debug)]
pub(super) struct Reader {
    file: File,
    identity: Identity,
    /// Where the next read begins.
    offset: u64,
    /// Where the line that is being read begins.
    line: u64,
    /// The beginning of that line.
    partial: Vec<u8>,
    cut: bool,
    /// Whether the rest of the first line is skipped, because reading began inside it.
    skip: bool,
    /// The file's first bytes, as seen so far.
    head: Vec<u8>,
}

impl Reader {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let identity = Identity::of(&file.metadata()?);
        let mut reader = Self {
            file,
            identity,
            offset: 0,
            line: 0,
            partial: Vec::new(),
            cut: false,
            skip: false,
            head: Vec::new(),
        };
        reader.head = reader.read_head()?;
        Ok(reader)
    }

    pub(super) fn identity(&self) -> Identity {
        self.identity
    }

    /// Where the first line begins that was not handed out.
    pub(super) fn position(&self) -> TailPosition {
        self.at(self.line)
    }

    /// Moves to where reading shall begin.
    pub(super) fn begin(&mut self, start: StartAt) -> io::Result<()> {
        let size = self.file.metadata()?.len();
        let from = match start {
            StartAt::Beginning => 0,
            StartAt::End => size,
            StartAt::Last(bytes) => size.saturating_sub(bytes),
            StartAt::After(bytes) if bytes <= size => bytes,
            StartAt::After(_) => 0,
        };
        // In the middle of a line its rest means nothing.
        let inside = from > 0 && self.byte_before(from)? != Some(b'\n');
        self.go_to(from);
        self.skip = inside;
        Ok(())
    }

    /// Moves to `position`; `false` where it belongs to another file.
    pub(super) fn resume(&mut self, position: &TailPosition) -> io::Result<bool> {
        let size = self.file.metadata()?.len();
        let same = self.identity.is(position)
            && position.offset <= size
            && position.begins(&self.head)
            && (position.offset == 0 || self.byte_before(position.offset)? == Some(b'\n'));
        if same {
            self.go_to(position.offset);
        }
        Ok(same)
    }

    /// Reads at most `config.max_read` bytes and adds the lines that they complete; `true` where
    /// there may be more.
    pub(super) fn read(
        &mut self,
        config: &TailConfig,
        path: &Path,
        lines: &mut Vec<Line>,
    ) -> Result<bool> {
        self.read_some(config, path, lines).map_err(|e| {
            let message = format!("{} can't be read", path.display());
            Error::unavailable(message).with_source(e).at("tail")
        })
    }

    fn read_some(
        &mut self,
        config: &TailConfig,
        path: &Path,
        lines: &mut Vec<Line>,
    ) -> io::Result<bool> {
        let size = self.file.metadata()?.len();
        if size < self.offset || (size > self.offset && self.rewritten()?) {
            tracing::debug!(target: "aegis::tail", path = %path.display(), "the file was truncated");
            self.go_to(0);
            self.head = self.read_head()?;
        }
        let mut buffer = [0_u8; 16 * 1024];
        let mut budget = config.max_read;
        while budget > 0 {
            let want = budget.min(buffer.len());
            let n = match self.file.read_at(&mut buffer[..want], self.offset) {
                Ok(0) => return Ok(false),
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            if self.head.len() < HEAD {
                self.head = self.read_head()?;
            }
            self.take(&buffer[..n], config.max_line, lines);
            budget -= n;
        }
        Ok(self.file.metadata()?.len() > self.offset)
    }

    /// Hands out what is left without a line break, once nobody can write the rest.
    pub(super) fn finish(&mut self, lines: &mut Vec<Line>) {
        if !self.partial.is_empty() && !self.skip {
            self.complete(self.offset, lines);
        }
    }

    fn take(&mut self, mut bytes: &[u8], max_line: usize, lines: &mut Vec<Line>) {
        while let Some(end) = bytes.iter().position(|&b| b == b'\n') {
            self.keep(&bytes[..end], max_line);
            self.offset += end as u64 + 1;
            self.complete(self.offset, lines);
            bytes = &bytes[end + 1..];
        }
        self.keep(bytes, max_line);
        self.offset += bytes.len() as u64;
    }

    fn keep(&mut self, bytes: &[u8], max_line: usize) {
        let room = max_line - self.partial.len();
        self.partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.cut |= bytes.len() > room;
    }

    fn complete(&mut self, end: u64, lines: &mut Vec<Line>) {
        if !self.skip {
            // A writer that does not append leaves a hole of zeros where the file was truncated.
            let text = self.partial.strip_suffix(b"\r").unwrap_or(&self.partial);
            let from = text.iter().position(|&b| b != 0).unwrap_or(text.len());
            lines.push(Line {
                text: String::from_utf8_lossy(&text[from..]).into_owned(),
                cut: self.cut,
                start: self.at(self.line),
                end: self.at(end),
            });
        }
        self.skip = false;
        self.cut = false;
        self.partial.clear();
        self.line = end;
    }

    fn at(&self, offset: u64) -> TailPosition {
        TailPosition::new(self.identity.dev, self.identity.inode, offset, &self.head)
    }

    fn go_to(&mut self, offset: u64) {
        self.offset = offset;
        self.line = offset;
        self.partial.clear();
        self.cut = false;
        self.skip = false;
    }

    /// Whether the file begins otherwise than it did: truncated, and longer again since.
    fn rewritten(&self) -> io::Result<bool> {
        Ok(!self.read_head()?.starts_with(&self.head))
    }

    fn read_head(&self) -> io::Result<Vec<u8>> {
        let mut head = [0_u8; HEAD];
        let mut filled = 0;
        while filled < HEAD {
            match self.file.read_at(&mut head[filled..], filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(head[..filled].to_vec())
    }

    fn byte_before(&self, offset: u64) -> io::Result<Option<u8>> {
        let mut byte = [0_u8];
        let n = self.file.read_at(&mut byte, offset - 1)?;
        Ok((n == 1).then_some(byte[0]))
    }
}

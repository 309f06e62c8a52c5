//! Redaction of whatever comes in.

use std::error::Error;
use std::io::{BufRead, Write};

use aegis_core::redact::Redactor;

/// How many bytes a piece has before it ends with its line.
const PIECE: usize = 4 << 20;

/// Copies `from` to `to` without its secrets.
///
/// Text is gone over in pieces of whole lines, so that a key of several lines is seen whole unless it
/// lies across two pieces.
pub(crate) fn run(
    mut from: impl BufRead,
    mut to: impl Write,
    redactor: &Redactor,
) -> Result<(), Box<dyn Error>> {
    let mut piece = Vec::new();
    loop {
        piece.clear();
        while piece.len() < PIECE && from.read_until(b'\n', &mut piece)? > 0 {}
        if piece.is_empty() {
            return Ok(to.flush()?);
        }
        to.write_all(redactor.redact_str(&String::from_utf8_lossy(&piece)).as_str().as_bytes())?;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn secrets_stay_behind_and_the_rest_comes_out_as_it_was() {
        let text = "one\npassword=hunter2\nlast line without an end";
        let mut out = Vec::new();
        run(text.as_bytes(), &mut out, &Redactor::standard()).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.starts_with("one\npassword=[redacted:secret:"), "{out}");
        assert!(out.ends_with("]\nlast line without an end"), "{out}");
    }
}

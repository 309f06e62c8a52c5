//! The text form of edits: SEARCH/REPLACE blocks under a path.

use super::Edit;
use crate::error::{Error, Result};

/// Reads edits from text.
pub fn parse(text: &str) -> Result<Vec<Edit>> {
    let _ = text;
    Err(Error::internal("not written yet"))
}

/// Writes edits as [`parse`] reads them.
pub fn render(edits: &[Edit]) -> String {
    let _ = edits;
    String::new()
}

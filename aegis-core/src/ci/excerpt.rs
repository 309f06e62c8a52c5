//! As much of a text as is worth keeping.

/// Bytes of an excerpt.
const MOST: usize = 16 * 1_024;

/// The text, or its beginning and its end.
pub(super) fn of(text: &str) -> String {
    let text = text.trim_matches('\n');
    if text.len() <= MOST {
        return text.to_owned();
    }
    // The end says more: runners sum up there.
    let (head, tail) = (MOST / 4, MOST / 4 * 3 - 64);
    let head = &text[..text.floor_char_boundary(head)];
    let tail = &text[text.ceil_char_boundary(text.len() - tail)..];
    // Whole lines.
    let head = head.rfind('\n').map_or(head, |end| &head[..end]);
    let tail = tail.find('\n').map_or(tail, |start| &tail[start + 1..]);
    let left_out = text.len() - head.len() - tail.len();
    format!("{head}\n[{left_out} bytes left out]\n{tail}")
}

/// The beginning of a text.
pub(super) fn cut(text: &str, most: usize) -> String {
    text[..text.floor_char_boundary(most)].to_owned()
}

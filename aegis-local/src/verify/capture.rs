//! Output of a process, capped: its head and its tail.

use std::collections::VecDeque;

use tokio::io::{AsyncRead, AsyncReadExt};

/// What is kept of one output stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    dropped: u64,
}

impl Captured {
    /// The text, with a line in the middle that counts the bytes left out.
    pub fn text(&self) -> String {
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        let head = String::from_utf8_lossy(&self.head);
        let tail = String::from_utf8_lossy(&tail);
        match self.dropped {
            0 => format!("{head}{tail}"),
            n => format!("{head}\n[{n} bytes left out]\n{tail}"),
        }
    }

    /// Bytes that were not kept.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    fn push(&mut self, bytes: &[u8], max: usize) {
        let half = max / 2;
        let to_head = bytes.len().min(half.saturating_sub(self.head.len()));
        self.head.extend_from_slice(&bytes[..to_head]);
        self.tail.extend(&bytes[to_head..]);
        let over = self.tail.len().saturating_sub(half);
        self.tail.drain(..over);
        self.dropped += over as u64;
    }
}

/// Reads a stream to its end, keeping at most `max` bytes.
pub(super) async fn capture(stream: Option<impl AsyncRead + Unpin>, max: usize) -> Captured {
    let mut kept = Captured::default();
    let Some(mut stream) = stream else { return kept };
    let mut buffer = vec![0; 16 << 10];
    while let Ok(n) = stream.read(&mut buffer).await {
        if n == 0 {
            break;
        }
        kept.push(&buffer[..n], max);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_keeps_its_head_and_its_tail() {
        let mut kept = Captured::default();
        for i in 0..1000u32 {
            kept.push(format!("{i:04}\n").as_bytes(), 40);
        }
        let text = kept.text();
        assert!(text.starts_with("0000\n0001\n"), "{text}");
        assert!(text.ends_with("0998\n0999\n"), "{text}");
        assert_eq!(kept.dropped(), 5000 - 40);
    }
}

//! A place in a file that survives a restart.

use std::hash::{DefaultHasher, Hasher};

use serde::{Deserialize, Serialize};

/// Bytes at the beginning of a file that tell it from another one with the same inode number.
pub(crate) const HEAD: usize = 64;

/// Where a line begins in a file: device and inode, offset in bytes, and the file's first bytes as a
/// hash, because inode numbers are used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TailPosition {
    /// Device number.
    pub dev: u64,
    /// Inode number.
    pub inode: u64,
    /// Bytes before the line.
    pub offset: u64,
    /// How many of the file's first bytes are hashed, at most 64.
    pub head_len: u8,
    /// Their hash.
    pub head: u64,
}

impl TailPosition {
    pub(crate) fn new(dev: u64, inode: u64, offset: u64, head: &[u8]) -> Self {
        let head = &head[..head.len().min(HEAD)];
        let head_len = u8::try_from(head.len()).unwrap_or(u8::MAX);
        Self { dev, inode, offset, head_len, head: hash(head) }
    }

    /// Whether `head` begins with the bytes that the position was taken in.
    pub(crate) fn begins(&self, head: &[u8]) -> bool {
        head.get(..usize::from(self.head_len)).is_some_and(|h| hash(h) == self.head)
    }
}

/// SipHash with fixed keys. Should a later toolchain hash otherwise, the file is read again.
fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

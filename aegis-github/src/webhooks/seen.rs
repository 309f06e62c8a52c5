//! The deliveries that were heard before.

use std::collections::{HashSet, VecDeque};

use ring::digest::{SHA256, digest};

/// Deliveries that are remembered.
const DELIVERIES: usize = 4_096;

/// The last deliveries: by their ids, and by their signatures, since no signature covers an id.
#[derive(Debug, Default)]
pub(super) struct Seen {
    order: VecDeque<[[u8; 32]; 2]>,
    known: HashSet<[u8; 32]>,
}

impl Seen {
    /// Remembers a delivery; whether it is new.
    pub(super) fn remember(&mut self, id: &[u8], signature: [u8; 32]) -> bool {
        let mut hashed = [0; 32];
        // An id may be as long as a header; what is kept is not.
        hashed.copy_from_slice(digest(&SHA256, id).as_ref());
        let marks = [hashed, signature];
        if marks.iter().any(|mark| self.known.contains(mark)) {
            return false;
        }
        if self.order.len() == DELIVERIES {
            for mark in self.order.pop_front().into_iter().flatten() {
                self.known.remove(&mark);
            }
        }
        self.known.extend(marks);
        self.order.push_back(marks);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(n: usize) -> [u8; 32] {
        let mut signature = [7; 32];
        signature[..8].copy_from_slice(&n.to_be_bytes());
        signature
    }

    #[test]
    fn neither_an_id_nor_a_signature_is_new_twice() {
        let mut seen = Seen::default();
        assert!(seen.remember(b"a", signature(1)));
        assert!(!seen.remember(b"a", signature(2)));
        assert!(!seen.remember(b"b", signature(1)));
        assert!(seen.remember(b"b", signature(2)));
    }

    #[test]
    fn the_oldest_are_forgotten_and_memory_is_bounded() {
        let mut seen = Seen::default();
        for n in 0..=DELIVERIES {
            assert!(seen.remember(n.to_string().as_bytes(), signature(n)));
        }
        assert_eq!((seen.order.len(), seen.known.len()), (DELIVERIES, 2 * DELIVERIES));
        assert!(!seen.remember(b"1", signature(1)));
        assert!(seen.remember(b"0", signature(0)));
    }
}

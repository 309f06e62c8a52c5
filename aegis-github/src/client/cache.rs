//! Answers that are asked for again by their ETag: where nothing changed, that costs no quota.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

/// One answer.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) etag: String,
    pub(super) body: Bytes,
    pub(super) link: Option<String>,
}

impl Kept {
    fn bytes(&self) -> usize {
        self.etag.len() + self.body.len() + self.link.as_ref().map_or(0, String::len)
    }
}

/// Answers by address, the oldest dropped first.
#[derive(Debug)]
pub(super) struct Cache {
    most: usize,
    bytes: usize,
    kept: HashMap<String, Kept>,
    order: VecDeque<String>,
}

impl Cache {
    pub(super) fn new(most: usize) -> Self {
        Self { most, bytes: 0, kept: HashMap::new(), order: VecDeque::new() }
    }

    pub(super) fn get(&self, url: &str) -> Option<Kept> {
        self.kept.get(url).cloned()
    }

    pub(super) fn put(&mut self, url: &str, kept: Kept) {
        // One that fills a quarter would drive everything else out.
        if kept.bytes() > self.most / 4 {
            return;
        }
        self.bytes += kept.bytes() + url.len();
        match self.kept.insert(url.to_owned(), kept) {
            Some(before) => self.bytes -= before.bytes() + url.len(),
            None => self.order.push_back(url.to_owned()),
        }
        while self.bytes > self.most {
            let Some(oldest) = self.order.pop_front() else { break };
            if let Some(gone) = self.kept.remove(&oldest) {
                self.bytes -= gone.bytes() + oldest.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn it_stays_within_its_bound_and_forgets_the_oldest() {
        let kept = |n: usize| Kept { etag: n.to_string(), body: vec![0; 100].into(), link: None };
        let mut cache = Cache::new(1_000);
        for n in 0..100 {
            cache.put(&format!("u{n}"), kept(n));
            assert!(cache.bytes <= 1_000);
            cache.put(&format!("u{n}"), kept(n));
        }
        assert!(cache.get("u0").is_none());
        assert_eq!(cache.get("u99").unwrap().etag, "99");
        assert_eq!(cache.kept.len(), cache.order.len());
        cache.put("large", Kept { etag: String::new(), body: vec![0; 900].into(), link: None });
        assert!(cache.get("large").is_none() && cache.get("u99").is_some());
    }
}

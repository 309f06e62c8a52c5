//! Answers that were read before: the same question to the same model is not asked twice.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aegis_core::Digest;

use super::Question;
use crate::model::Answer;

/// Bytes that an answer takes beside its text.
const BESIDE: usize = 256;

/// Answers by what they answer, the oldest dropped first.
#[derive(Debug)]
pub(super) struct Cache {
    most: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    bytes: usize,
    answers: HashMap<Digest, Answer>,
    order: VecDeque<Digest>,
}

impl Cache {
    pub(super) fn new(most: usize) -> Self {
        Self { most, kept: Mutex::default() }
    }

    /// What an answer of `model` to `question` is kept by.
    pub(super) fn key(model: &str, question: &Question) -> Digest {
        let request = &question.request;
        let drawn = (request.temperature, request.seed, request.effort, request.output_tokens);
        let asked = (&request.system, &request.turns, &request.schema, drawn);
        Digest::of_json(&(model, &question.version, asked))
    }

    pub(super) fn get(&self, key: &Digest) -> Option<Answer> {
        self.lock().answers.get(key).cloned()
    }

    pub(super) fn put(&self, key: Digest, answer: &Answer) {
        let size = |answer: &Answer| answer.text.len() + BESIDE;
        // One that fills a quarter would drive everything else out.
        if size(answer) > self.most / 4 {
            return;
        }
        let mut kept = self.lock();
        kept.bytes += size(answer);
        match kept.answers.insert(key.clone(), answer.clone()) {
            Some(before) => kept.bytes -= size(&before),
            None => kept.order.push_back(key),
        }
        while kept.bytes > self.most {
            let Some(oldest) = kept.order.pop_front() else { break };
            if let Some(gone) = kept.answers.remove(&oldest) {
                kept.bytes -= size(&gone);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use aegis_core::redact::Untrusted;

    use super::*;

    #[test]
    fn it_stays_within_its_bound_and_forgets_the_oldest() {
        let cache = Cache::new(10_000);
        let key = |n: usize| Digest::of([n.to_string().as_str()]);
        let answer = |size| Answer::new(Untrusted::new("x".repeat(size)));
        for n in 0..100 {
            cache.put(key(n), &answer(1_000));
            cache.put(key(n), &answer(1_000));
            let kept = cache.lock();
            assert!(kept.bytes <= 10_000 && kept.answers.len() == kept.order.len());
        }
        assert!(cache.get(&key(0)).is_none());
        assert!(cache.get(&key(99)).is_some());
        cache.put(key(100), &answer(9_000));
        assert!(cache.get(&key(100)).is_none() && cache.get(&key(99)).is_some());
    }
}

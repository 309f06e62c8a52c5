//! Results that are made once and kept.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use aegis_core::Result;
use tokio::sync::OnceCell;

/// Values kept; the oldest goes first.
const KEPT: usize = 8;

type Slot<V> = Arc<OnceCell<Arc<V>>>;

/// Values by key, each made by one caller while the others wait for it.
#[derive(Debug)]
pub(super) struct Cache<K, V>(Mutex<Slots<K, V>>);

#[derive(Debug)]
struct Slots<K, V> {
    by_key: HashMap<K, Slot<V>>,
    oldest_first: VecDeque<K>,
}

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self(Mutex::new(Slots { by_key: HashMap::new(), oldest_first: VecDeque::new() }))
    }
}

impl<K: Hash + Eq + Clone, V> Cache<K, V> {
    /// The value of `key`, made where there is none; an error is not kept.
    pub(super) async fn get<F: Future<Output = Result<V>>>(
        &self,
        key: K,
        make: impl FnOnce() -> F,
    ) -> Result<Arc<V>> {
        let slot = {
            let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if !slots.by_key.contains_key(&key) {
                slots.oldest_first.push_back(key.clone());
                if slots.oldest_first.len() > KEPT
                    && let Some(oldest) = slots.oldest_first.pop_front()
                {
                    slots.by_key.remove(&oldest);
                }
            }
            slots.by_key.entry(key).or_default().clone()
        };
        slot.get_or_try_init(|| async { make().await.map(Arc::new) }).await.cloned()
    }

    /// Makes the value anew the next time.
    pub(super) fn forget(&self, key: &K) {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.by_key.remove(key);
        slots.oldest_first.retain(|k| k != key);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use aegis_core::Error;

    use super::*;

    #[tokio::test]
    async fn a_result_is_made_once_for_callers_at_the_same_time() {
        let cache: Cache<u8, u32> = Cache::default();
        let made = std::sync::atomic::AtomicU32::new(0);
        let make = || async {
            tokio::task::yield_now().await;
            Ok(made.fetch_add(1, std::sync::atomic::Ordering::SeqCst))
        };
        let (a, b) = tokio::join!(cache.get(1, make), cache.get(1, make));
        assert_eq!((*a.unwrap(), *b.unwrap()), (0, 0));
        assert_eq!(*cache.get(2, make).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn an_error_is_not_kept() {
        let cache: Cache<u8, u32> = Cache::default();
        assert!(cache.get(1, || async { Err(Error::timeout("later")) }).await.is_err());
        assert_eq!(*cache.get(1, || async { Ok(7) }).await.unwrap(), 7);
    }
}

//! Names as labels, of which there are never more than a bound.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use metrics::SharedString;

/// The label of every name beyond the bound.
pub(super) const OTHER: &str = "other";

/// The first names are labels of their own, later ones are `other`.
#[derive(Debug)]
pub(super) struct Labels {
    known: Mutex<HashMap<Arc<str>, SharedString>>,
    most: usize,
}

impl Labels {
    pub(super) fn new(most: usize) -> Self {
        Self { known: Mutex::default(), most }
    }

    pub(super) fn of(&self, name: &str) -> SharedString {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(label) = known.get(name) {
            return label.clone();
        }
        if known.len() >= self.most {
            return SharedString::const_str(OTHER);
        }
        let name: Arc<str> = name.into();
        let label = SharedString::from_shared(Arc::clone(&name));
        known.insert(name, label.clone());
        label
    }
}

//! What is normal: the last values that were not suspicious, in a ring of fixed size.

/// The most values that a baseline holds; at one sample every 30 s, 64 are half an hour.
pub(super) const CAPACITY: usize = 64;

/// The newest values, oldest overwritten first. Never allocates.
#[derive(Debug, Clone)]
pub(super) struct Baseline {
    values: [f64; CAPACITY],
    len: usize,
    next: usize,
    limit: usize,
}

impl Baseline {
    /// Holds the newest `limit` values, at least 1 and at most [`CAPACITY`].
    pub(super) fn new(limit: usize) -> Self {
        Self { values: [0.0; CAPACITY], len: 0, next: 0, limit: limit.clamp(1, CAPACITY) }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push(&mut self, value: f64) {
        self.values[self.next] = value;
        self.next = (self.next + 1) % self.limit;
        self.len = (self.len + 1).min(self.limit);
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
        self.next = 0;
    }

    /// The median, and the median absolute deviation scaled by 1.4826, which estimates a standard
    /// deviation where values are normal and ignores up to half of them being outliers.
    pub(super) fn median_and_spread(&self) -> (f64, f64) {
        if self.len == 0 {
            return (0.0, 0.0);
        }
        let mut sorted = self.values;
        let sorted = &mut sorted[..self.len];
        let median = middle(sorted);
        for v in sorted.iter_mut() {
            *v = (*v - median).abs();
        }
        (median, 1.4826 * middle(sorted))
    }
}

/// The median of values that are not empty, in linear time; reorders them.
fn middle(v: &mut [f64]) -> f64 {
    let half = v.len() / 2;
    let even = v.len().is_multiple_of(2);
    let (below, &mut upper, _) = v.select_nth_unstable_by(half, f64::total_cmp);
    if even {
        let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        f64::midpoint(lower, upper)
    } else {
        upper
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_value_is_overwritten() {
        let mut b = Baseline::new(3);
        for v in [100.0, 1.0, 2.0, 3.0] {
            b.push(v);
        }
        let (median, spread) = b.median_and_spread();
        assert_eq!((b.len(), median), (3, 2.0));
        assert!((spread - 1.4826).abs() < 1e-12);
    }

    #[test]
    fn an_even_number_of_values_has_its_median_between_two() {
        let mut b = Baseline::new(8);
        for v in [4.0, 1.0, 3.0, 2.0] {
            b.push(v);
        }
        assert_eq!(b.median_and_spread().0, 2.5);
    }
}

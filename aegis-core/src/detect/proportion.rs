//! What few requests say about a rate.

/// Wilson's score interval for `failed` of `total` events at `z` standard deviations: bounds in
/// `0.0..=1.0`, and the whole range where there are no events.
///
/// E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22
/// (1927). Unlike the normal interval it stays sensible at 0 of n and for small n.
pub fn wilson(failed: f64, total: f64, z: f64) -> (f64, f64) {
    if !(total.is_finite() && total > 0.0) {
        return (0.0, 1.0);
    }
    let rate = (failed / total).clamp(0.0, 1.0);
    let z2 = z * z;
    let shrink = 1.0 + z2 / total;
    let centre = (rate + z2 / (2.0 * total)) / shrink;
    let half = z / shrink * (rate * (1.0 - rate) / total + z2 / (4.0 * total * total)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_matches_published_values() {
        // Newcombe, Statistics in Medicine 17 (1998), table I, method 3: 81 of 263, 0 of 20.
        let (low, high) = wilson(81.0, 263.0, 1.959_964);
        assert!((low - 0.2553).abs() < 1e-4 && (high - 0.3662).abs() < 1e-4, "{low} {high}");
        let (low, high) = wilson(0.0, 20.0, 1.959_964);
        assert!(low == 0.0 && (high - 0.1611).abs() < 1e-4, "{low} {high}");
    }

    #[test]
    fn nothing_known_is_the_whole_range() {
        assert_eq!(wilson(0.0, 0.0, 2.0), (0.0, 1.0));
        assert_eq!(wilson(1.0, f64::NAN, 2.0), (0.0, 1.0));
    }
}

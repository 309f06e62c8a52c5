//! Where a series is going.

/// Values that a trend looks back on at most; more do not change its answer, only its cost.
pub(super) const MEMORY: usize = 64;

/// Standard normal score of the Mann-Kendall test on the newest 64 values: above 0 rising, below
/// falling; 0 for fewer than four. Mann, "Nonparametric tests against trend", Econometrica 13
/// (1945); Kendall, "Rank correlation methods" (1975). Ties count for neither side.
pub(super) fn mann_kendall(values: &[f64]) -> f64 {
    let values = &values[values.len().saturating_sub(MEMORY)..];
    if values.len() < 4 {
        return 0.0;
    }
    let mut score = 0.0;
    for (i, a) in values.iter().enumerate() {
        for b in &values[i + 1..] {
            score += f64::from(i8::from(b > a) - i8::from(b < a));
        }
    }
    let n = values.len() as f64;
    let deviation = (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt();
    if score == 0.0 { 0.0 } else { (score - score.signum()) / deviation }
}

/// Whether the values rise: 2 standard deviations, about 2.3% by chance.
pub(super) fn rising(values: &[f64]) -> bool {
    mann_kendall(values) >= 2.0
}

/// Whether the newest half lies below the older one, by 5% of it or by a trend: less proof than
/// [`settling`] needs, enough to wait.
pub(super) fn falling(values: &[f64]) -> bool {
    let half = values.len() / 2;
    let (older, newer) = (median(&values[..half]), median(&values[values.len() - half..]));
    half > 0 && (newer < 0.95 * older || mann_kendall(values) <= -1.0)
}

/// Whether the values came down from their peak and go on falling towards `normal`, as a cold cache
/// does. Of what the peak had above normal, the newest three lost 70%, or they lost 30% and the fall
/// is significant, or strict where there are few values. A plateau does not settle: where there are
/// more than eight values since the peak, the newest eight must still lean downwards.
pub(super) fn settling(values: &[f64], normal: f64) -> bool {
    let Some(peak) = (0..values.len()).max_by(|&a, &b| values[a].total_cmp(&values[b])) else {
        return false;
    };
    let since = &values[peak..];
    if since.len() < 3 || since.len() > 8 && mann_kendall(&since[since.len() - 8..]) > -0.5 {
        return false;
    }
    let newest = median(&since[since.len() - 3.min(since.len() - 1)..]);
    let left = (newest - normal) / (values[peak] - normal);
    let falls = since.windows(2).all(|w| w[1] < w[0]) || mann_kendall(since) <= -2.0;
    left <= 0.3 || falls && left <= 0.7
}

/// The median; 0 where there are no values.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut v = values.to_vec();
    v.sort_by(f64::total_cmp);
    match v.len() {
        0 => 0.0,
        n if n % 2 == 1 => v[n / 2],
        n => f64::midpoint(v[n / 2 - 1], v[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_rises_and_a_flat_line_does_not() {
        let ramp: Vec<f64> = (0..10).map(f64::from).collect();
        // S = 45, variance 125: (45 - 1) / 11.18.
        assert!((mann_kendall(&ramp) - 3.935).abs() < 1e-3);
        assert!(rising(&ramp));
        assert!(!rising(&[1.0; 10]) && !rising(&[1.0, 2.0, 3.0]));
    }

    #[test]
    fn a_cold_cache_settles_and_a_flat_high_does_not() {
        assert!(settling(&[5.0, 3.0, 2.0], 1.0));
        assert!(settling(&[5.0, 5.1, 4.0, 3.9, 3.0, 2.0, 2.1, 1.6], 1.0));
        assert!(!settling(&[5.0, 4.9, 5.1, 4.9, 5.0, 4.8, 5.0], 1.0));
        assert!(!settling(&[2.0, 3.0, 5.0], 1.0));
        assert!(!settling(&[], 1.0));
    }

    #[test]
    fn a_slow_warm_up_falls_and_a_plateau_does_not() {
        assert!(falling(&[5.0, 4.9, 4.4, 4.2]) && falling(&[5.0, 4.0, 3.0]));
        assert!(!falling(&[5.0, 5.1, 4.9, 5.0]) && !falling(&[3.0, 4.0, 5.0]) && !falling(&[5.0]));
    }

    #[test]
    fn a_plateau_below_the_peak_does_not_settle() {
        let mut values = vec![9.0, 6.0];
        values.extend([2.0, 2.1, 1.9, 2.0, 2.1].repeat(2));
        assert!(settling(&values[..4], 1.0));
        assert!(!settling(&values, 1.0));
    }
}

//! How strongly counts of failures speak against a rate: a test that may be read at every look.

/// Odds of the alternatives over the odds of the null, from hardly worse to always failing.
const ALTERNATIVES: [f64; 7] = [2.0, 4.0, 8.0, 16.0, 64.0, 256.0, 1024.0];

/// The natural logarithm of the evidence that failures come at a rate above `null`, after looks of
/// `(failures, trials)`, oldest first; 0 where nothing is known.
///
/// An e-process: a mixture of likelihood ratios over how much worse it got (seven alternatives of
/// equal weight) and over when it began (look `t` with weight `1 / (t (t + 1))`). Under any rate at
/// or below `null` each ratio is a supermartingale, so is their mixture, and by Ville's inequality
/// the chance that it ever reaches `1 / alpha` is at most `alpha`, at whatever look one stops.
/// Wald, "Sequential tests of statistical hypotheses" (1945); Robbins, "Statistical methods related
/// to the law of the iterated logarithm" (1970); Ramdas et al., "Game-theoretic statistics and safe
/// anytime-valid inference" (2023). The mixture over starts is Shiryaev's and Roberts's, weighted
/// to sum to one.
pub(super) fn against(null: f64, looks: impl IntoIterator<Item = (f64, f64)>) -> f64 {
    let null = null.clamp(1e-6, 0.95);
    let odds = null / (1.0 - null);
    // What a failure and a success each add, by alternative.
    let steps = ALTERNATIVES.map(|times| {
        let rate = times * odds / (1.0 + times * odds);
        ((rate / null).ln(), ((1.0 - rate) / (1.0 - null)).ln())
    });
    let mut started = [f64::NEG_INFINITY; ALTERNATIVES.len()];
    let mut waiting = 1.0_f64;
    for (i, (failures, trials)) in looks.into_iter().enumerate() {
        let t = (i + 1) as f64;
        let start = 1.0 / (t * (t + 1.0));
        waiting = 1.0 / (t + 1.0);
        for (sum, (failure, success)) in started.iter_mut().zip(steps) {
            let passes = (trials - failures).max(0.0);
            *sum = log_add(*sum, start.ln()) + failures * failure + passes * success;
        }
    }
    let all = started.into_iter().fold(f64::NEG_INFINITY, log_add);
    log_add(all - (ALTERNATIVES.len() as f64).ln(), waiting.ln())
}

/// The logarithm of the mean of evidence given as logarithms; 0 where there is none. The mean of
/// e-values is one again, however they depend on each other: Vovk and Wang, "E-values: calibration,
/// combination and applications", Annals of Statistics 49 (2021).
pub(super) fn mean(logs: &[f64]) -> f64 {
    if logs.is_empty() {
        return 0.0;
    }
    logs.iter().copied().fold(f64::NEG_INFINITY, log_add) - (logs.len() as f64).ln()
}

/// `ln(exp(a) + exp(b))` without overflow.
fn log_add(a: f64, b: f64) -> f64 {
    let (high, low) = if a >= b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::tests::Noise;

    #[test]
    fn at_the_null_proof_is_reached_in_less_than_one_percent_of_watches() {
        let mut noise = Noise(3);
        let proof = 100.0_f64.ln();
        let watches = 2_000;
        let wrong = (0..watches)
            .filter(|_| {
                let looks: Vec<_> = (0..30)
                    .map(|_| ((0..20).filter(|_| noise.uniform() < 0.02).count() as f64, 20.0))
                    .collect();
                (1..=30).any(|n| against(0.02, looks[..n].iter().copied()) >= proof)
            })
            .count();
        assert!(wrong <= watches / 100, "{wrong} of {watches}");
    }

    #[test]
    fn trouble_that_starts_late_is_still_seen() {
        let looks = |from: usize| (0..30).map(move |i| (if i >= from { 5.0 } else { 0.0 }, 20.0));
        assert!(against(0.02, looks(25)) > 100.0_f64.ln());
        assert!(against(0.02, looks(30)) < 0.0);
    }

    #[test]
    fn nothing_seen_is_no_evidence() {
        assert_eq!(against(0.1, []), 0.0);
        assert_eq!(mean(&[]), 0.0);
        assert!((mean(&[0.0, 0.0]) - 0.0).abs() < 1e-12);
        assert!((mean(&[3.0_f64.ln(), 1.0_f64.ln()]) - 2.0_f64.ln()).abs() < 1e-12);
    }
}

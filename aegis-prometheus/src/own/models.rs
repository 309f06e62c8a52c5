//! What language models were asked, as plain numbers: whoever asks them counts.

use metrics::counter;

use super::families::{MODEL_CACHED, MODEL_COST, MODEL_REQUESTS, MODEL_UNPRICED};

/// Counts of requests to language models since the start of the process.
///
/// A host that asks models by `aegis_gemini::router::Router` copies its figures; told before each
/// scrape, they are as fresh as it.
///
/// ```
/// use aegis_prometheus::own::ModelFigures;
///
/// // 12 requests, 9 of them to small models; 0.35 cents.
/// ModelFigures::new(12, 9).with_cached(3).with_cost(3_500).with_unpriced(1).record();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ModelFigures {
    /// Requests that went out.
    pub requests: u64,
    /// Of these, those to a small model.
    pub lite: u64,
    /// Questions that a kept answer did for.
    pub cached: u64,
    /// Millionths of a US dollar.
    pub cost: u64,
    /// Requests to models without a known price.
    pub unpriced: u64,
}

impl ModelFigures {
    /// So many requests, `lite` of them to a small model.
    pub fn new(requests: u64, lite: u64) -> Self {
        Self { requests, lite, ..Self::default() }
    }

    /// Sets how many questions a kept answer did for.
    #[must_use]
    pub fn with_cached(mut self, cached: u64) -> Self {
        self.cached = cached;
        self
    }

    /// Sets the cost, in millionths of a US dollar.
    #[must_use]
    pub fn with_cost(mut self, cost: u64) -> Self {
        self.cost = cost;
        self
    }

    /// Sets how many requests the cost leaves out.
    #[must_use]
    pub fn with_unpriced(mut self, unpriced: u64) -> Self {
        self.unpriced = unpriced;
        self
    }

    /// Sets the counters to these figures. A counter never falls: a cost that is corrected downwards is
    /// told again once it has grown past what was told before.
    pub fn record(&self) {
        super::families::describe();
        counter!(MODEL_REQUESTS, "size" => "lite").absolute(self.lite);
        counter!(MODEL_REQUESTS, "size" => "full")
            .absolute(self.requests.saturating_sub(self.lite));
        counter!(MODEL_CACHED).absolute(self.cached);
        counter!(MODEL_COST).absolute(self.cost);
        counter!(MODEL_UNPRICED).absolute(self.unpriced);
    }
}

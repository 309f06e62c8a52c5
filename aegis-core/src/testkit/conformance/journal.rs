//! Whether a journal keeps the contract of [`Journal`].
//!
//! [`test_all`] takes a function that makes an empty journal and runs every case on one of its own. A
//! failure panics with the sentence of the contract that was broken. Run it on a runtime with several
//! threads, or calls that should meet never do:
//!
//! ```
//! use std::sync::Arc;
//! use aegis_core::port::{Journal, MemoryJournal};
//! use aegis_core::testkit::conformance::journal;
//!
//! # #[tokio::main]
//! # async fn main() {
//! journal::test_all(async || Arc::new(MemoryJournal::new()) as Arc<dyn Journal>).await;
//! # }
//! ```

mod commit;
mod counters;
mod fixture;
mod leases;
mod letters;
mod open;
mod reads;

use std::future::Future;
use std::sync::Arc;

pub use commit::{
    a_commit_is_all_or_nothing, a_commit_needs_the_last_sequence, an_effect_key_is_for_one_request,
    one_incident_releases_at_a_time, records_follow_each_other,
};
pub use counters::{control_comes_back, counters_keep_their_limit};
pub use leases::{
    an_incident_has_one_driver, claims_are_of_services, leases_are_given_back,
    leases_are_prolonged, leases_run_out, only_the_driver_writes, what_waits_is_claimed_alone,
};
pub use letters::{messages_are_answered_once, messages_reach_the_driver};
pub use open::{opening_is_atomic, reopening_has_a_horizon};
pub use reads::{lists_are_filtered_and_paged, records_come_back_bit_for_bit};

use crate::port::Journal;

/// Runs every case, each on an empty journal that `make` makes.
pub async fn test_all<F, Fut>(make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn Journal>>,
{
    opening_is_atomic(make().await).await;
    reopening_has_a_horizon(make().await).await;
    records_follow_each_other(make().await).await;
    a_commit_needs_the_last_sequence(make().await).await;
    a_commit_is_all_or_nothing(make().await).await;
    one_incident_releases_at_a_time(make().await).await;
    an_effect_key_is_for_one_request(make().await).await;
    an_incident_has_one_driver(make().await).await;
    claims_are_of_services(make().await).await;
    what_waits_is_claimed_alone(make().await).await;
    only_the_driver_writes(make().await).await;
    leases_run_out(make().await).await;
    leases_are_prolonged(make().await).await;
    leases_are_given_back(make().await).await;
    messages_reach_the_driver(make().await).await;
    messages_are_answered_once(make().await).await;
    records_come_back_bit_for_bit(make().await).await;
    lists_are_filtered_and_paged(make().await).await;
    counters_keep_their_limit(make().await).await;
    control_comes_back(make().await).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::MemoryJournal;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn the_journal_in_memory_keeps_the_contract() {
        test_all(async || Arc::new(MemoryJournal::new()) as Arc<dyn Journal>).await;
    }
}

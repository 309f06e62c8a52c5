//! A journal over a journal: what it does not say itself goes to the one beneath.

use std::time::Duration;

use async_trait::async_trait;

use super::{Batch, Filter, Journal, Lease, Letter, Message, NewIncident, Opened, Stored, Summary};
use crate::error::Result;
use crate::id::{IncidentId, ServiceName};
use crate::policy::Control;

macro_rules! layer {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        /// A journal that watches, counts or disturbs another; it is a [`Journal`] by that.
        ///
        /// Every method does what [`inner`](Self::inner) does, until it is overridden.
        #[async_trait]
        pub trait JournalLayer: std::fmt::Debug + Send + Sync + 'static {
            /// The journal beneath, asked for once with each call.
            fn inner(&self) -> &dyn Journal;

            $(
                #[doc = concat!("As [`Journal::", stringify!($name), "`].")]
                async fn $name(&self, $($argument: $type),*) -> $answer {
                    self.inner().$name($($argument),*).await
                }
            )*
        }

        #[async_trait]
        impl<L: JournalLayer> Journal for L {
            $(
                async fn $name(&self, $($argument: $type),*) -> $answer {
                    JournalLayer::$name(self, $($argument),*).await
                }
            )*
        }
    };
}

layer! {
    open(new: NewIncident) -> Result<Opened>;
    commit(batch: Batch) -> Result<u64>;
    claim(owner: &str, services: &[ServiceName], ttl: Duration, limit: usize) -> Result<Vec<Lease>>;
    claim_waiting(
        owner: &str, services: &[ServiceName], ttl: Duration, limit: usize
    ) -> Result<Vec<Lease>>;
    renew(lease: &Lease) -> Result<()>;
    release(lease: &Lease) -> Result<()>;
    tell(id: &IncidentId, message: Message) -> Result<u64>;
    letters(owner: &str, limit: usize) -> Result<Vec<Letter>>;
    news(seen: u64) -> u64;
    load(id: &IncidentId) -> Result<Option<Stored>>;
    list(filter: &Filter) -> Result<Vec<Summary>>;
    reserve(counter: &str, key: &str, amount: u64, limit: u64) -> Result<()>;
    settle(counter: &str, key: &str, used: u64) -> Result<()>;
    used(counter: &str) -> Result<u64>;
    control() -> Result<Control>;
    switch(from: &Control, to: Control) -> Result<()>;
}

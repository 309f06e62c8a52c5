//! Hints that there is something to do, by `LISTEN` and `NOTIFY`.
//!
//! Whatever opens an incident, leaves a message or gives a lease back notifies a channel that is named
//! like the schema. A `NOTIFY` takes a lock at its commit, so that ordinary transitions have none.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// Between two tries to listen, at first; doubled up to [`LONGEST`].
const SHORTEST: Duration = Duration::from_millis(100);
/// Between two tries to listen, at last.
const LONGEST: Duration = Duration::from_secs(30);
/// Between two looks whether anybody listens: whose runtime the listener was on may have ended.
const AGAIN: Duration = Duration::from_secs(30);

/// What was heard by all who share a journal, over one connection of its own that is made when
/// somebody first waits.
#[derive(Debug)]
pub(super) struct News {
    options: PgConnectOptions,
    channel: String,
    /// How often something was heard.
    heard: Arc<watch::Sender<u64>>,
    listener: Mutex<Option<AbortHandle>>,
}

impl News {
    pub(super) fn new(options: PgConnectOptions, schema: &str) -> Self {
        let (channel, heard) = (schema.to_owned(), Arc::new(watch::Sender::new(0)));
        Self { options, channel, heard, listener: Mutex::default() }
    }

    /// Waits until something was heard since `seen`.
    pub(super) async fn after(&self, seen: u64) -> u64 {
        let mut heard = self.heard.subscribe();
        loop {
            self.listen();
            let news = heard.wait_for(|heard| *heard != seen);
            if let Ok(Ok(heard)) = tokio::time::timeout(AGAIN, news).await {
                return *heard;
            }
        }
    }

    fn listen(&self) {
        let mut listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        if listener.as_ref().is_none_or(AbortHandle::is_finished) {
            let heard = Arc::clone(&self.heard);
            let task = tokio::spawn(run(self.options.clone(), self.channel.clone(), heard));
            *listener = Some(task.abort_handle());
        }
    }

    /// Ends the listener's connection.
    pub(super) fn end(&self) {
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listener) = listener.as_ref() {
            listener.abort();
        }
    }
}

impl Drop for News {
    fn drop(&mut self) {
        self.end();
    }
}

/// Listens for as long as it is not aborted, whatever becomes of the server.
async fn run(options: PgConnectOptions, channel: String, heard: Arc<watch::Sender<u64>>) {
    let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
    let pool = pool.connect_lazy_with(options);
    let mut pause = SHORTEST;
    loop {
        if let Err(e) = hear(&pool, &channel, &heard, &mut pause).await {
            tracing::debug!(target: "aegis", error = %e, "not listening for news");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
    }
}

async fn hear(
    pool: &PgPool,
    channel: &str,
    heard: &watch::Sender<u64>,
    pause: &mut Duration,
) -> sqlx::Result<()> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(channel).await?;
    *pause = SHORTEST;
    loop {
        // At first too, and after a connection was lost: something may have been missed.
        heard.send_modify(|heard| *heard += 1);
        listener.try_recv().await?;
    }
}

//! Tasks that end with what holds them.

use tokio::task::AbortHandle;

/// A task in the background, until this is dropped.
#[derive(Debug)]
pub(crate) struct Background(AbortHandle);

impl Background {
    pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(task).abort_handle())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.0.abort();
    }
}

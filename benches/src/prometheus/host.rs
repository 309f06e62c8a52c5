//! A server on a thread of its own, so that the CPU of who asks is known apart.

use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;

use axum::Router;
use tokio::sync::oneshot;

use crate::Result;

/// Serves until it is dropped.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) at: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Host {
    /// Serves `router` at a port that the system chooses.
    pub(super) fn start(router: Router) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let at = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let serve = async move {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            tokio::select! {
                ended = async { axum::serve(listener, router).await } => ended,
                _ = stopped => Ok(()),
            }
        };
        let thread = std::thread::spawn(move || {
            if let Err(e) = runtime.block_on(serve) {
                eprintln!("the server at {at} ended: {e}");
            }
        });
        Ok(Self { at, stop: Some(stop), thread: Some(thread) })
    }

    pub(super) fn base(&self) -> String {
        format!("http://{}", self.at)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It said itself why it ended.
            let _ = thread.join();
        }
    }
}

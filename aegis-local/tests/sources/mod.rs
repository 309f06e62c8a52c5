mod access_log;
mod error_log;
mod layer;
pub(crate) mod machine;
mod probe;
pub(crate) mod scrape;
pub(crate) mod server;
mod tail;
mod webhook;

//! Going back to an earlier release faster than a revert through Git can.

use async_trait::async_trait;

use crate::error::Result;
use crate::id::{Revision, ServiceName};

/// Makes an earlier release serve again: a platform's own rollback, a load balancer, a flag.
///
/// Where a host has one, a release that is condemned is left at once, and the revert that makes it
/// last comes through review and checks in its own time. It is asked for what ran before the release
/// that is condemned, once, and only while that release is the newest: what somebody deployed since
/// stays.
///
/// # Errors
///
/// `Err` means that nobody knows what serves. It is journaled, and the revert goes on.
#[async_trait]
pub trait FastRollback: std::fmt::Debug + Send + Sync + 'static {
    /// Makes `release` serve `service`, and answers when it does. May be asked again, after a crash:
    /// where it serves already, there is nothing to do.
    async fn roll_back_to(&self, service: &ServiceName, release: &Revision) -> Result<()>;
}

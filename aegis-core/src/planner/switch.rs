//! Leaving a condemned release at once, where the host can, until its revert has come through.

use std::sync::Arc;

use super::crew::Late;
use super::driver::Driver;
use crate::error::Result;
use crate::id::Revision;
use crate::machine::{Incident, Record, SwitchBack};
use crate::model::Release;

impl Driver {
    /// Asks the host to go back to what ran before, once; whatever it answers, the revert comes next.
    pub(super) async fn switch_back(&mut self, incident: &mut Incident) -> Result<()> {
        let Some(host) = self.engine.fast_rollback.clone() else { return Ok(()) };
        let service = incident.case.service.clone();
        if incident.switched.is_some() {
            return Ok(());
        }
        let Some(to) = before(incident, &self.engine.releases(&service)) else {
            let id = &incident.case.incident;
            tracing::info!(target: "aegis", incident_id = %id, "no release is known to switch back to");
            return Ok(());
        };
        self.engine.journal.renew(&self.lease).await?;
        let engine = Arc::clone(&self.engine);
        let release = to.clone();
        let call = async move { host.roll_back_to(&service, &release).await };
        let deadline = engine.config.write_deadline;
        let done = engine.crew.call("roll_back_to", deadline, Late::Leave, call).await;
        let failed = done.err().map(|e| engine.clean(&e.to_string(), 500));
        self.commit(incident, vec![Record::SwitchedBack(SwitchBack { to, failed })]).await
    }
}

/// What ran before the release that is condemned; nothing where something newer runs, or nobody knows.
fn before(incident: &Incident, releases: &[Release]) -> Option<Revision> {
    let condemned = incident.watch.as_ref().map(|watch| &watch.revision)?;
    let other = |revision: &Revision| revision != condemned;
    let earlier = match releases {
        [newest, ..] if other(&newest.revision) => return None,
        [newest, rest @ ..] => {
            newest.previous.clone().or_else(|| rest.first().map(|r| r.revision.clone()))
        }
        [] => None,
    };
    earlier.or_else(|| incident.case.deployed.clone()).filter(other)
}

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
        let (engine, service) = (Arc::clone(&self.engine), incident.case.service.clone());
        let Some(condemned) = incident.watch.as_ref().map(|watch| watch.revision.clone()) else {
            return Ok(());
        };
        engine.condemn(&service, &condemned);
        let Some(host) = engine.fast_rollback.clone() else { return Ok(()) };
        if incident.switched.is_some() {
            return Ok(());
        }
        let mut releases = engine.releases(&service);
        if releases.is_empty() {
            releases.clone_from(&incident.case.releases);
        }
        let watched = engine.known_of(&service);
        let own = &incident.case.incident;
        let doubtful = |revision: &Revision| {
            let mut others = watched.iter().filter(|(id, _)| id != own);
            engine.is_condemned(&service, revision) || others.any(|(_, k)| k.is_watch_of(revision))
        };
        let deployed = incident.case.deployed.as_ref();
        let Some(to) = before(&condemned, &releases, deployed).find(|to| !doubtful(to)) else {
            tracing::info!(target: "aegis", incident_id = %own, "no release is known to switch back to");
            return Ok(());
        };
        let to = to.clone();
        self.engine.journal.renew(&self.lease).await?;
        let release = to.clone();
        let call = async move { host.roll_back_to(&service, &release).await };
        let deadline = engine.config.write_deadline;
        let done = engine.crew.call("roll_back_to", deadline, Late::Leave, call).await;
        let failed = done.err().map(|e| engine.clean(&e.to_string(), 500));
        self.commit(incident, vec![Record::SwitchedBack(SwitchBack { to, failed })]).await
    }
}

/// What ran before the release that is condemned, the newest first; nothing where something newer runs.
fn before<'a>(
    condemned: &'a Revision,
    releases: &'a [Release],
    deployed: Option<&'a Revision>,
) -> impl Iterator<Item = &'a Revision> {
    let newest = releases.first().is_none_or(|newest| newest.revision == *condemned);
    let known = releases.iter().flat_map(|r| std::iter::once(&r.revision).chain(&r.previous));
    // What is known to have run counts before what ran when the error was first seen.
    let all = known.chain(deployed).filter(move |revision| *revision != condemned);
    all.filter(move |_| newest)
}

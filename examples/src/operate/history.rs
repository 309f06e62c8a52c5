//! What is kept of incidents: taken out, checked, thinned out.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use aegis_core::port::{Clock as _, Filter, Summary, SystemClock};
use aegis_core::{Error, ErrorKind, IncidentId, Result, Timestamp};
use aegis_sql::{Archive, check_export};
use serde_json::json;

use super::show;
use crate::terminal::{Terminal, Tone};

/// Incidents read or removed at once.
const PAGE: usize = 500;

pub(super) async fn export(journal: &dyn Archive, id: &IncidentId) -> Result<()> {
    let text = journal.export(id).await?;
    let written = std::io::stdout().lock().write_all(text.as_bytes());
    written.map_err(|e| Error::unavailable("the export could not be written").with_source(e))
}

/// An exported file: whether it is whole and unchanged.
pub(super) fn check_file(file: &Path, as_json: bool) -> Result<()> {
    let unread = |e| Error::invalid(format!("can't read {}", file.display())).with_source(e);
    let seal = check_export(&std::fs::read_to_string(file).map_err(unread)?)?;
    match as_json {
        true => show::json(&json!({ "whole": true, "seal": seal })),
        false => good(format!("whole and unchanged; the hash of its last record is {seal}")),
    }
    Ok(())
}

/// Every incident of a journal: whether its records are those that were committed.
pub(super) async fn check(journal: &dyn Archive, as_json: bool) -> Result<()> {
    let (mut checked, mut broken) = (0, Vec::new());
    let mut filter = Filter::new().limit(PAGE);
    loop {
        let page = page(journal, &mut filter).await?;
        if page.is_empty() {
            break;
        }
        for row in &page {
            match journal.check(&row.id).await {
                Ok(_) => checked += 1,
                // Removed at this moment.
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                Err(e) if e.kind() == ErrorKind::Internal => broken.push(e.to_string()),
                Err(e) => return Err(e),
            }
        }
    }
    if as_json {
        show::json(&json!({ "whole": checked, "broken": broken }));
    } else {
        good(format!("{checked} incidents are whole and unchanged"));
    }
    match broken.is_empty() {
        true => Ok(()),
        false => Err(Error::internal(broken.join("\n"))),
    }
}

/// Removes what closed before so many days; without `yes` it only says how much that is.
pub(super) async fn prune(
    journal: &dyn Archive,
    days: u32,
    yes: bool,
    as_json: bool,
) -> Result<()> {
    let before = SystemClock.now().minus(Duration::from_secs(86_400 * u64::from(days)));
    if !yes {
        let old = count(journal, before).await?;
        let why = format!(
            "{old} closed incidents are older than {days} days; with --yes they are removed for good"
        );
        return Err(Error::invalid(why));
    }
    let mut removed = 0;
    loop {
        match journal.prune(before, PAGE).await? {
            0 => break,
            more => removed += more,
        }
    }
    match as_json {
        true => show::json(&json!({ "removed": removed })),
        false => good(format!("{removed} incidents were removed")),
    }
    Ok(())
}

async fn count(journal: &dyn Archive, before: Timestamp) -> Result<usize> {
    let mut filter = Filter::new().open(false).limit(PAGE);
    let mut old = 0;
    loop {
        let page = page(journal, &mut filter).await?;
        if page.is_empty() {
            return Ok(old);
        }
        old += page.iter().filter(|row| row.updated_at < before).count();
    }
}

/// What the filter says next; empty at the end.
async fn page(journal: &dyn Archive, filter: &mut Filter) -> Result<Vec<Summary>> {
    let page = journal.list(filter).await?;
    if let Some(last) = page.last() {
        filter.before = Some(last.id.clone());
    }
    Ok(page)
}

fn good(text: String) {
    Terminal::stdout().text(Tone::Good, text);
}

//! What a person reads.

use aegis_core::machine::{Entry, Incident};
use aegis_core::planner::{Operator, notice};
use aegis_core::policy::Control;
use aegis_core::port::{Filter, Summary};
use aegis_core::{IncidentId, Result, Timestamp};
use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::terminal::{Terminal, Tone};

pub(super) fn json(value: &Json) {
    Terminal::stdout().text(Tone::Plain, format!("{value:#}"));
}

/// `2026-03-14 03:07:12Z`.
fn at(time: Timestamp) -> String {
    let shown = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
    let nanos = i128::from(time.as_ms()) * 1_000_000;
    let date = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok();
    date.and_then(|date| date.format(shown).ok()).unwrap_or_else(|| time.as_ms().to_string())
}

pub(super) fn list(incidents: &[Summary], as_json: bool) {
    if as_json {
        let row = |s: &Summary| {
            json!({
                "id": s.id, "service": s.service, "kind": s.kind.as_str(), "phase": s.phase.name(),
                "fingerprint": s.fingerprint, "opened_at": s.opened_at.as_ms(),
                "updated_at": s.updated_at.as_ms(),
            })
        };
        return json(&incidents.iter().map(row).collect());
    }
    let mut terminal = Terminal::stdout();
    if incidents.is_empty() {
        terminal.text(Tone::Faint, "no incident");
    }
    for s in incidents {
        let (id, service, kind) = (&s.id, &s.service, s.kind.as_str());
        let tone = if s.phase.name() == "AwaitingHuman" { Tone::Bad } else { Tone::Plain };
        let since = at(s.updated_at);
        terminal.text(tone, format!("{id}  {service}  {kind}  {} since {since}", s.phase));
    }
}

pub(super) fn switches(control: &Control, as_json: bool) {
    if as_json {
        return json(&json!(control));
    }
    let mut terminal = Terminal::stdout();
    match &control.killed {
        Some(why) => terminal.text(Tone::Bad, format!("paused: {why}")),
        None => terminal.text(Tone::Good, "not paused"),
    }
    for freeze in &control.freezes {
        let text = format!("frozen until {}: {}", at(freeze.to), freeze.why);
        terminal.text(Tone::Bad, text);
    }
}

pub(super) async fn status(operator: &Operator, as_json: bool) -> Result<()> {
    let control = operator.control().await?;
    let open = operator.list(&Filter::new().open(true)).await?;
    if as_json {
        let phases: Vec<_> = open.iter().map(|s| json!([s.id, s.phase.name()])).collect();
        json(&json!({ "control": control, "open": phases }));
        return Ok(());
    }
    switches(&control, false);
    list(&open, false);
    Ok(())
}

pub(super) async fn incident(operator: &Operator, id: &IncidentId, as_json: bool) -> Result<()> {
    let entries = operator.history(id).await?;
    let incident = Incident::replay(&entries)?;
    let told = notice(&incident);
    if as_json {
        let line =
            |e: &Entry| json!({ "seq": e.seq, "at": e.at.as_ms(), "what": e.record.in_words() });
        let (why, changed, undo, next) = match &told {
            Some(n) => (n.why.as_str(), &n.changed[..], &n.undo[..], &n.next[..]),
            None => ("", &[][..], &[][..], &[][..]),
        };
        json(&json!({
            "id": id, "service": incident.case.service, "phase": incident.phase.name(),
            "timeline": entries.iter().map(line).collect::<Vec<_>>(),
            "why": why, "changed": changed, "undo": undo, "next": next,
            "diff": told.as_ref().and_then(|n| n.diff.as_deref()),
            "similar": incident.case.similar,
        }));
        return Ok(());
    }
    let mut terminal = Terminal::stdout();
    let title = format!("{id}  {}  {}", incident.case.service, incident.phase);
    terminal.text(Tone::Title, title);
    for entry in &entries {
        let (seq, when) = (entry.seq, at(entry.at));
        terminal.text(Tone::Plain, format!("{seq:>4}  {when}  {}", entry.record.in_words()));
    }
    for similar in &incident.case.similar {
        let text = format!(" similar  {}  {}", similar.incident, similar.outcome);
        terminal.text(Tone::Faint, text);
    }
    let Some(told) = told else { return Ok(()) };
    let parts = [
        ("why", std::slice::from_ref(&told.why)),
        ("changed", &told.changed),
        ("undo", &told.undo),
    ];
    for (name, lines) in parts.into_iter().chain([("next", &told.next[..])]) {
        for line in lines.iter().filter(|line| !line.is_empty()) {
            terminal.text(Tone::Plain, format!("{name:>8}  {line}"));
        }
    }
    for line in told.diff.iter().flat_map(|diff| diff.lines()) {
        terminal.text(Tone::Plain, format!("{:>8}  {line}", "diff"));
    }
    Ok(())
}

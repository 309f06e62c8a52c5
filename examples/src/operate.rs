//! The command line of `operate`: what a person may ask of a journal, and how it is answered.

mod history;
mod show;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aegis_core::planner::Operator;
use aegis_core::policy::Freeze;
use aegis_core::port::{Clock as _, Filter, Journal, SystemClock};
use aegis_core::{Digest, Error, IncidentId, Result, ServiceName};
use aegis_sql::{Archive, PostgresJournal, SqliteJournal};
use lexopt::prelude::*;

use crate::terminal::Terminal;

/// What is asked, of which journal, by whom.
#[derive(Debug)]
pub struct Order {
    /// Empty where none is needed.
    journal: String,
    json: bool,
    by: String,
    command: Command,
}

#[derive(Debug)]
enum Command {
    Status,
    List(Filter),
    Show(IncidentId),
    Approve(IncidentId, Digest),
    Resume(IncidentId),
    Cancel(IncidentId),
    Pause(String),
    Unpause,
    Freeze(String, Duration),
    Thaw,
    Export(IncidentId),
    Check,
    CheckFile(PathBuf),
    Prune { days: u32, yes: bool },
}

impl Order {
    /// Reads a command line.
    ///
    /// # Errors
    ///
    /// What is missing or not understood, for people.
    pub fn parse(words: Vec<String>) -> std::result::Result<Self, String> {
        let (mut journal, mut json, mut by) = (None, false, None);
        let (mut all, mut service, mut limit, mut span) = (false, None, 50, None);
        let (mut before, mut yes) = (None, false);
        let mut said = Vec::new();
        let mut parser = lexopt::Parser::from_args(words);
        let read = |e: lexopt::Error| e.to_string();
        while let Some(word) = parser.next().map_err(read)? {
            match word {
                Long("journal") => journal = Some(value(&mut parser)?),
                Long("by") => by = Some(value(&mut parser)?),
                Long("service") => service = Some(ServiceName::new(value(&mut parser)?)),
                Long("limit") => {
                    limit = value(&mut parser)?.parse().map_err(|_| "--limit takes a number")?
                }
                Long("for") => span = Some(duration(&value(&mut parser)?)?),
                Long("before") => before = Some(days(&value(&mut parser)?)?),
                Long("yes") => yes = true,
                Long("json") => json = true,
                Long("all") => all = true,
                Value(word) => said.push(word.string().map_err(read)?),
                other => return Err(other.unexpected().to_string()),
            }
        }
        let by = by.or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| "a person".into());
        let said: Vec<&str> = said.iter().map(String::as_str).collect();
        let command = match said[..] {
            ["status"] => Command::Status,
            ["list"] => {
                let mut filter = Filter::new().limit(limit);
                (filter.service, filter.open) = (service, (!all).then_some(true));
                Command::List(filter)
            }
            ["show", id] => Command::Show(id.into()),
            ["approve", id, digest] => Command::Approve(id.into(), parsed(digest)?),
            ["approve", id] => return Err(format!("approve {id} DIGEST: show {id} says which")),
            ["resume", id] => Command::Resume(id.into()),
            ["cancel", id] => Command::Cancel(id.into()),
            ["pause", ref why @ ..] if !why.is_empty() => Command::Pause(why.join(" ")),
            ["pause"] => return Err("pause WHY: others want to know".into()),
            ["unpause"] => Command::Unpause,
            ["freeze", ref why @ ..] if !why.is_empty() => {
                let span = span.ok_or("freeze WHY --for TIME: 90m, 8h, 2d")?;
                Command::Freeze(why.join(" "), span)
            }
            ["thaw"] => Command::Thaw,
            ["export", id] => Command::Export(id.into()),
            ["check"] => Command::Check,
            ["check", file] => Command::CheckFile(file.into()),
            ["prune"] => {
                let days = before.ok_or("prune --before DAYS: older ones are removed")?;
                Command::Prune { days, yes }
            }
            [] => return Err("a command is missing".into()),
            _ => return Err(format!("{:?} is no command", said.join(" "))),
        };
        let journal = match command {
            Command::CheckFile(_) => String::new(),
            _ => journal.ok_or("--journal FILE or URL is missing")?,
        };
        Ok(Self { journal, json, by, command })
    }
}

fn value(parser: &mut lexopt::Parser) -> std::result::Result<String, String> {
    parser.value().and_then(|v| v.string()).map_err(|e| e.to_string())
}

fn parsed(digest: &str) -> std::result::Result<Digest, String> {
    let is = digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit());
    let read = is.then(|| serde_json::from_value(digest.into()).ok()).flatten();
    read.ok_or_else(|| format!("{digest:?} is no digest: 64 hexadecimal digits"))
}

fn days(text: &str) -> std::result::Result<u32, String> {
    let days = text.parse().ok().filter(|days| *days > 0);
    days.ok_or_else(|| format!("{text:?} is no number of days, which is at least 1"))
}

/// `90m`, `8h`, `2d`.
fn duration(text: &str) -> std::result::Result<Duration, String> {
    let wrong = || format!("{text:?} is no time: write 90m, 8h or 2d");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let number: u64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| wrong())?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
}

/// Does what is asked, and prints the answer.
///
/// # Errors
///
/// What the journal says, with what to do about it.
pub async fn run(order: &Order) -> Result<()> {
    if let Command::CheckFile(file) = &order.command {
        return history::check_file(file, order.json);
    }
    let journal = open(&order.journal).await?;
    let operator = Operator::new(Arc::clone(&journal) as Arc<dyn Journal>);
    let mut terminal = Terminal::stdout();
    let by = order.by.as_str();
    let mut led_to = |id: &IncidentId, phase: aegis_core::machine::Phase| {
        if order.json {
            show::json(&serde_json::json!({ "incident": id, "phase": phase.name() }));
        } else {
            terminal.text(crate::terminal::Tone::Good, format!("{id} is {phase} now"));
        }
    };
    match &order.command {
        Command::Status => show::status(&operator, order.json).await?,
        Command::List(filter) => show::list(&operator.list(filter).await?, order.json),
        Command::Show(id) => show::incident(&operator, id, order.json).await?,
        Command::Approve(id, digest) => {
            let waits = operator.incident(id).await?.awaits(digest);
            let phase = operator.approve(id, digest.clone(), by).await?;
            if !waits {
                let why =
                    format!("incident {id} does not wait for {digest}: show {id} says for what");
                return Err(Error::invalid(why));
            }
            led_to(id, phase);
        }
        Command::Resume(id) => led_to(id, operator.resume(id, by).await?),
        Command::Cancel(id) => led_to(id, operator.cancel(id, by).await?),
        Command::Pause(why) => operator.pause(&format!("{why} ({by})")).await?,
        Command::Unpause => operator.unpause().await?,
        Command::Freeze(why, span) => {
            let from = SystemClock.now();
            let why = format!("{why} ({by})");
            operator.freeze(Freeze { from, to: from.plus(*span), why }).await?;
        }
        Command::Thaw => operator.thaw().await?,
        Command::Export(id) => history::export(&*journal, id).await?,
        Command::Check => history::check(&*journal, order.json).await?,
        Command::CheckFile(_) => {}
        Command::Prune { days, yes } => {
            history::prune(&*journal, *days, *yes, order.json).await?;
        }
    }
    let switches = matches!(
        order.command,
        Command::Pause(_) | Command::Unpause | Command::Freeze(..) | Command::Thaw
    );
    if switches {
        show::switches(&operator.control().await?, order.json);
    }
    Ok(())
}

async fn open(journal: &str) -> Result<Arc<dyn Archive>> {
    if journal.starts_with("postgres://") || journal.starts_with("postgresql://") {
        return Ok(Arc::new(PostgresJournal::connect(journal).await?));
    }
    if journal.contains("://") {
        let why = format!("{journal:?} is neither a file nor a URL of PostgreSQL");
        return Err(Error::invalid(why));
    }
    Ok(Arc::new(SqliteJournal::connect(PathBuf::from(journal)).await?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(line: &str) -> std::result::Result<Order, String> {
        Order::parse(line.split(' ').map(str::to_owned).collect())
    }

    #[test]
    fn a_command_line_is_read_and_what_is_missing_is_named() {
        let order = parse("--journal a.db --by kim freeze the launch --for 8h").unwrap();
        let Command::Freeze(why, span) = order.command else { panic!("{order:?}") };
        assert_eq!(
            (why.as_str(), span.as_secs(), order.by.as_str()),
            ("the launch", 28_800, "kim")
        );
        for (line, why) in [
            ("status", "--journal"),
            ("--journal a.db", "a command is missing"),
            ("--journal a.db approve i1", "show i1 says which"),
            ("--journal a.db approve i1 x", "is no digest"),
            ("--journal a.db pause", "others want to know"),
            ("--journal a.db freeze a --for 8w", "write 90m, 8h or 2d"),
            ("--journal a.db dance", "\"dance\" is no command"),
            ("--journal a.db prune", "--before DAYS"),
            ("--journal a.db prune --before 0", "at least 1"),
            ("check", "--journal"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(why), "{line}: {error}");
        }
    }
}

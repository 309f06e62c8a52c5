//! A person's hands on a running Aegis, at 3 a.m., through its journal alone.
//!
//! What is switched reaches every process on the journal, and what is said to an incident reaches
//! whichever process drives it, within seconds.

use std::process::ExitCode;

use aegis_examples::operate::{self, Order};

const HELP: &str = "Looks at a journal of Aegis, and tells whoever works on it what to do.

Usage: operate --journal FILE|URL [--json] [--by NAME] COMMAND

FILE is a SQLite journal, as make heal leaves one in its state folder; URL is
postgres://user@host/database. NAME is who says so, in the journal [$USER].

  status              open incidents, and what is switched
  list [--all] [--service NAME] [--limit N]
                      incidents, the newest first; closed ones too with --all
  show ID             what happened, why it stopped, how to undo it, what to do next, and how earlier
                      ones with the same error ended
  approve ID DIGEST   go ahead with exactly this fix, or this revert; show says which
  resume ID           look again
  cancel ID           leave it: what was submitted is withdrawn, what was merged stays
  pause WHY           the kill switch: nothing is written to the outside world, by anybody
  unpause             lift it
  freeze WHY --for TIME
                      nothing is merged for that long: 90m, 8h, 2d
  thaw                lift every freeze that a person set
  export ID           an incident's records as JSON lines, each chained to those before
  check [FILE]        whether every record of the journal, or of an exported file (which needs no
                      --journal), is as it was committed
  prune --before DAYS [--yes]
                      remove closed incidents that nothing happened to for so many days, at least 1;
                      without --yes it says how many

Exit code: 0 done; 1 it could not be done, with the reason; 2 the command line is wrong.
";

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help" || word == "-h") || words.is_empty() {
        print!("{HELP}");
        return if words.is_empty() { ExitCode::from(2) } else { ExitCode::SUCCESS };
    }
    let order = match Order::parse(words) {
        Ok(order) => order,
        Err(why) => {
            eprintln!("operate: {why}\noperate --help says how");
            return ExitCode::from(2);
        }
    };
    match operate::run(&order).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("operate: {e}");
            ExitCode::FAILURE
        }
    }
}

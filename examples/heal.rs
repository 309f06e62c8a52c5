//! A broken web shop heals itself, on this machine alone: `make heal`.

use std::path::PathBuf;
use std::process::ExitCode;

use aegis_core::policy::Autonomy;
use aegis_examples::heal::{self, Options};
use aegis_examples::staging::script::Bug;
use lexopt::prelude::*;

const HELP: &str = "\
A small web shop with three latent crash bugs runs under traffic; Aegis detects, diagnoses, fixes,
verifies, merges and watches, with no account and no network service.

Usage: make heal [ARGS='OPTIONS']
       cargo run --release -p aegis-examples --example heal -- [OPTIONS]

Options:
  --state DIR       where the run lives; an unfinished run there is resumed  [target/heal]
  --json FILE       write the report, read from the journal alone
  --bugs LIST       zero,none,key or a part of it: which bugs visitors meet  [all three]
  --autonomy LEVEL  observe | auto: observe says what it would do and changes nothing  [auto]
  --watch SECS      how long a release is watched; a host's default is 300  [8]
  --for SECS        give up after this long  [240]
  -h, --help        this text

Exit codes: 0 every incident ended as it should, 1 one did not, 2 wrong usage or a missing part.
Left in DIR: shop/ (its repository: try `git log --graph`), journal.db, access.log,
transcript.jsonl (every request and answer), logs/ and releases/.
";

fn main() -> ExitCode {
    let options = match options() {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(e) => {
            eprintln!("heal: {e}\nTry --help.");
            return ExitCode::from(2);
        }
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("heal: can't start threads: {e}");
            return ExitCode::from(2);
        }
    };
    match runtime.block_on(heal::run(options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("heal: {e}");
            ExitCode::from(2)
        }
    }
}

fn options() -> Result<Option<Options>, lexopt::Error> {
    let mut options = Options::default();
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("state") => options.state = PathBuf::from(parser.value()?),
            Long("json") => options.json = Some(PathBuf::from(parser.value()?)),
            Long("watch") => options.watch = parser.value()?.parse()?,
            Long("for") => options.limit = parser.value()?.parse()?,
            Long("bugs") => options.bugs = bugs(&parser.value()?.string()?)?,
            Long("autonomy") => {
                options.autonomy = match parser.value()?.string()?.as_str() {
                    "observe" => Autonomy::Observe,
                    "auto" => Autonomy::Auto,
                    other => return Err(format!("no autonomy {other:?}: observe or auto").into()),
                };
            }
            Short('h') | Long("help") => return Ok(None),
            _ => return Err(arg.unexpected()),
        }
    }
    if options.watch == 0 || options.limit == 0 {
        return Err("--watch and --for need at least one second".into());
    }
    Ok(Some(options))
}

fn bugs(list: &str) -> Result<Vec<Bug>, lexopt::Error> {
    let bug = |name| match name {
        "zero" => Ok(Bug::ZeroDivision),
        "none" => Ok(Bug::GuestReceipt),
        "key" => Ok(Bug::UnlistedCountry),
        other => Err(format!("no bug {other:?}: zero, none or key").into()),
    };
    list.split(',').map(bug).collect()
}

//! Measures the parts that decide.

mod folder;
mod prometheus;
mod redact;
mod request;
mod rollback;
mod sandbox;
mod verify;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use aegis_core::redact::Redactor;

const HELP: &str = "\
Measures the parts that decide.

Usage: cargo run --release -p aegis-benches --bin evaluate -- COMMAND

  rollback DIR    how well releases are judged, on recorded windows before and after them: DIR holds
                  *.jsonl files, a line a window; false rollbacks, misses, time to decide, by class
  redact [--emails] [--ips] [--cards]
                  copies standard input to standard output without its secrets; the personal data that
                  is named goes too
  gemini-request --model NAME --user TEXT [OPTIONS]
                  prints the body that Gemini would be sent, as JSON; nothing is sent
      --system TEXT       what the model is told to be and to do
      --schema JSON       the JSON Schema of the answer
      --output-tokens N   most tokens of the answer  [4096]
      --temperature T, --seed N   left out where the model takes none
      --effort EFFORT     least, low, medium or high: how much it thinks
  prometheus [--series N] [--ticks N] [--real] [--json]
                  what it costs to poll N series [10000] and to judge them, as the median of some ticks
                  [20]: CPU of the one thread that does it, wall time, CPU a series of each part, bytes
                  of answers, allocations, heap a series that stays between ticks, and as ratios the
                  parser beside serde_json::Value and polls of one service at a time beside one of all.
                  A server of this program's own answers; with --real it is the installed `prometheus`,
                  which scrapes a page of all these services. Build it with --release.
  sandbox [OPTIONS] --workspace DIR -- CMD...
                  runs CMD in the sandbox, on a copy of DIR; prints one JSON object: exit, signal, ended
                  (exited, signalled, timed_out, exceeded), limit (the one that was reached), stdout and
                  stderr with the bytes dropped, tier, ms that the command ran, overhead_ms around it.
                  Without a sandbox it ends with 1 and says what to enable.
      --tier TIER     strong or reduced  [strong]
      --memory BYTES, --disk BYTES, --output BYTES   512M, 2G
      --wall TIME     5s, 500ms
      --cpu SECONDS   that one process may use
      --processes N
      --visible PATH  shown read-only; repeatable
      --env NAME=VALUE
      --bench N       instead: N runs with and without the sandbox by turns; medians in milliseconds,
                      around_ms is what the sandbox takes beside the command
  verify --root DIR --patch FILE --test CMD [OPTIONS]
                  proves a patch (SEARCH/REPLACE blocks or a unified diff) on the project in DIR: a Git
                  repository at its head, else the folder as it is; CMD is pytest, python -m unittest
                  or cargo test; prints the verification as JSON:
                  accepted, each gate with its answer and reason, confidence and its terms, tests before
                  and after, base_ms (what is kept for the next patch) and verify_ms
      --trace FILE        the failure that it mends, as production printed it
      --without GATE      leave a gate out, to see what it is good for; repeatable
      --python DIR        the project's virtual environment
      --start CMD --health URL --request 'GET /path'
                          how the service starts, and what made it fail; the last is repeatable
      --suite-seconds N   what one run of the suite may take  [120; 600 for cargo test]
      --allow-reduced     where the strong sandbox is not to be had
";

fn main() -> ExitCode {
    aegis_local::sandbox::init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprint!("{HELP}");
            ExitCode::from(2)
        }
        Err(e) => {
            eprintln!("evaluate: {}: {e}", words.join(" "));
            ExitCode::FAILURE
        }
    }
}

/// Does what the words say; false where they say nothing known.
fn run(words: &[&str]) -> Result<bool, Box<dyn Error>> {
    match words {
        ["-h" | "--help" | "help"] => print!("{HELP}"),
        ["rollback", folder] => print!("{}", rollback::evaluate(Path::new(folder))?),
        ["redact", options @ ..] => {
            let mut redactor = Redactor::standard();
            for option in options {
                redactor = match *option {
                    "--emails" => redactor.with_emails(),
                    "--ips" => redactor.with_ips(),
                    "--cards" => redactor.with_cards(),
                    _ => return Ok(false),
                };
            }
            redact::run(std::io::stdin().lock(), std::io::stdout().lock(), &redactor)?;
        }
        ["gemini-request", options @ ..] => {
            let Some(options) = understood("gemini-request", request::Options::parse(options))
            else {
                return Ok(false);
            };
            println!("{:#}", request::run(&options)?);
        }
        ["prometheus", options @ ..] => {
            let Some(options) = understood("prometheus", prometheus::Options::parse(options))
            else {
                return Ok(false);
            };
            let figures = prometheus::run(&options).map_err(|e| e as Box<dyn Error>)?;
            if options.json {
                println!("{:#}", serde_json::to_value(&figures)?);
            } else {
                print!("{figures}");
            }
        }
        ["sandbox", options @ ..] => {
            let Some(options) = understood("sandbox", sandbox::Options::parse(options)) else {
                return Ok(false);
            };
            println!("{}", tokio::runtime::Runtime::new()?.block_on(sandbox::run(&options))?);
        }
        ["verify", options @ ..] => {
            let Some(options) = understood("verify", verify::Options::parse(options)) else {
                return Ok(false);
            };
            println!("{:#}", tokio::runtime::Runtime::new()?.block_on(verify::run(&options))?);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// The options of a command; what is wrong with them is said.
fn understood<T>(command: &str, options: Result<T, lexopt::Error>) -> Option<T> {
    options.map_err(|e| eprintln!("evaluate: {command}: {e}")).ok()
}

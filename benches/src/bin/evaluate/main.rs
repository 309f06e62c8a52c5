//! Measures the parts that decide.

mod redact;
mod rollback;

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
";

fn main() -> ExitCode {
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
        _ => return Ok(false),
    }
    Ok(true)
}

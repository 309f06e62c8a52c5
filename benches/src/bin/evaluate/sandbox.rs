//! One command in the sandbox, and what the sandbox costs.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use aegis_local::sandbox::Program;
use aegis_local::verify::isolation::{End, Isolation, Job, Limits, Tier};
use aegis_local::verify::workspace::Tree;
use lexopt::prelude::*;
use serde_json::{Value as Json, json};

/// Runs of each kind that are not counted, so that files are in memory for both.
const WARM: usize = 3;

/// What is run, and how.
#[derive(Debug)]
pub(crate) struct Options {
    argv: Vec<String>,
    workspace: PathBuf,
    env: BTreeMap<String, String>,
    visible: Vec<PathBuf>,
    limits: Limits,
    bench: Option<usize>,
    tier: Tier,
}

impl Options {
    /// Reads what comes after `sandbox`.
    pub(crate) fn parse(words: &[&str]) -> Result<Self, lexopt::Error> {
        let mut argv = Vec::new();
        let mut workspace = None;
        let mut env = BTreeMap::new();
        for (name, value) in
            [("PATH", "/usr/local/bin:/usr/bin:/bin"), ("HOME", "/tmp"), ("LANG", "C.UTF-8")]
        {
            env.insert(name.to_owned(), value.to_owned());
        }
        let mut visible = Vec::new();
        let mut limits = Limits::default();
        let mut bench = None;
        let mut tier = Tier::Strong;
        let mut parser = lexopt::Parser::from_args(words);
        while let Some(word) = parser.next()? {
            match word {
                Long("workspace") => workspace = Some(PathBuf::from(parser.value()?)),
                Long("memory") => limits = limits.with_memory(bytes(&parser.value()?.string()?)?),
                Long("wall") => limits = limits.with_wall(seconds(&parser.value()?.string()?)?),
                Long("cpu") => limits = limits.with_cpu(parser.value()?.parse()?),
                Long("processes") => limits = limits.with_processes(parser.value()?.parse()?),
                Long("disk") => limits = limits.with_disk(bytes(&parser.value()?.string()?)?),
                Long("output") => {
                    let kept = bytes(&parser.value()?.string()?)?;
                    limits = limits.with_output(usize::try_from(kept).unwrap_or(usize::MAX));
                }
                Long("visible") => visible.push(PathBuf::from(parser.value()?)),
                Long("env") => {
                    let pair = parser.value()?.string()?;
                    let (name, value) = pair.split_once('=').ok_or("--env needs NAME=VALUE")?;
                    env.insert(name.to_owned(), value.to_owned());
                }
                Long("tier") => {
                    tier = match parser.value()?.string()?.as_str() {
                        "strong" => Tier::Strong,
                        "reduced" => Tier::Reduced,
                        other => return Err(format!("no tier {other:?}: strong or reduced").into()),
                    }
                }
                Long("bench") => bench = Some(parser.value()?.parse()?),
                Value(first) => {
                    argv.push(first.string()?);
                    for rest in parser.raw_args()? {
                        argv.push(rest.string()?);
                    }
                }
                _ => return Err(word.unexpected()),
            }
        }
        let workspace = workspace.ok_or("--workspace DIR is missing")?;
        if !workspace.is_dir() {
            return Err(format!("{} is no folder", workspace.display()).into());
        }
        if argv.is_empty() {
            return Err("there is no command: put it after --".into());
        }
        if bench == Some(0) {
            return Err("--bench needs at least one run".into());
        }
        Ok(Self { argv, workspace, env, visible, limits, bench, tier })
    }

    fn job(&self, tree: &Tree) -> Job {
        let mut job = Job::new(tree.clone(), self.argv.iter().cloned());
        job.env.clone_from(&self.env);
        job.visible.clone_from(&self.visible);
        job.limits.clone_from(&self.limits);
        job
    }
}

/// A number of bytes: `512`, `64K`, `512M`, `2G`.
fn bytes(text: &str) -> Result<u64, lexopt::Error> {
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'K' | b'k') => (&text[..text.len() - 1], 1 << 10),
        Some(b'M' | b'm') => (&text[..text.len() - 1], 1 << 20),
        Some(b'G' | b'g') => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    number.ok_or_else(|| format!("{text:?} is no number of bytes: 512, 64K, 512M, 2G").into())
}

/// A time: `5`, `1.5s`, `500ms`.
fn seconds(text: &str) -> Result<Duration, lexopt::Error> {
    let (digits, unit) = match text.strip_suffix("ms") {
        Some(digits) => (digits, 0.001),
        None => (text.strip_suffix('s').unwrap_or(text), 1.0),
    };
    let wanted = digits.parse::<f64>().ok().map(|number| number * unit);
    let time = wanted.and_then(|wanted| Duration::try_from_secs_f64(wanted).ok());
    time.ok_or_else(|| format!("{text:?} is no time: 5, 1.5s, 500ms").into())
}

/// Runs the command, or measures; one JSON object.
pub(crate) async fn run(options: &Options) -> Result<Json, Box<dyn Error>> {
    let scratch = tempfile::tempdir()?;
    let (helper, tiers) = (Program::find()?, [options.tier]);
    let isolation = Isolation::probe_any(helper, Some(scratch.path()), &tiers).await?;
    let tree = Tree::copy_of(&options.workspace, scratch.path())?;
    match options.bench {
        Some(times) => bench(options, &isolation, &tree, times).await,
        None => once(options, &isolation, &tree).await,
    }
}

async fn once(
    options: &Options,
    isolation: &Isolation,
    tree: &Tree,
) -> Result<Json, Box<dyn Error>> {
    let asked = Instant::now();
    let outcome = isolation.run(&options.job(tree)).await?;
    let (whole, own) = (asked.elapsed(), outcome.ran.1);
    let (ended, limit) = match &outcome.end {
        End::TimedOut => ("timed_out", Some("wall")),
        End::Exceeded(limit) => ("exceeded", Some(limit.as_str())),
        end if end.signal().is_some() => ("signalled", None),
        _ => ("exited", None),
    };
    Ok(json!({
        "exit": outcome.end.code(),
        "signal": outcome.end.signal(),
        "ended": ended,
        "limit": limit,
        "stdout": outcome.stdout.text(),
        "stdout_dropped": outcome.stdout.dropped(),
        "stderr": outcome.stderr.text(),
        "stderr_dropped": outcome.stderr.dropped(),
        "tier": isolation.tier(),
        "ms": ms(own),
        "overhead_ms": ms(whole.saturating_sub(own)),
    }))
}

/// Both ways by turns, so that what else the machine does falls on both.
async fn bench(
    options: &Options,
    isolation: &Isolation,
    tree: &Tree,
    times: usize,
) -> Result<Json, Box<dyn Error>> {
    let job = options.job(tree);
    let (mut plain, mut held, mut more, mut around) = (vec![], vec![], vec![], vec![]);
    for turn in 0..WARM + times {
        let spawned = Instant::now();
        spawn(options, tree.base()).await?;
        let without = spawned.elapsed().as_secs_f64() * 1e3;
        let asked = Instant::now();
        let outcome = isolation.run(&job).await?;
        let whole = asked.elapsed();
        let within = whole.as_secs_f64() * 1e3;
        if turn >= WARM {
            plain.push(without);
            held.push(within);
            more.push(within - without);
            around.push(ms(whole.saturating_sub(outcome.ran.1)));
        }
    }
    Ok(json!({
        "runs": times,
        "tier": isolation.tier(),
        "plain_ms": median(&mut plain),
        "sandboxed_ms": median(&mut held),
        "overhead_ms": median(&mut more),
        "around_ms": median(&mut around),
    }))
}

/// The command without a sandbox, heard to its end.
async fn spawn(options: &Options, folder: &Path) -> Result<(), Box<dyn Error>> {
    let (program, arguments) = options.argv.split_first().ok_or("there is no command")?;
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).env_clear().envs(&options.env).current_dir(folder);
    command.stdin(Stdio::null()).output().await?;
    Ok(())
}

fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let median = match values.len() % 2 {
        0 => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    };
    (median * 1e3).round() / 1e3
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_read_with_their_units() {
        let sizes = ["512", "64K", "512M", "2g"].map(|text| bytes(text).unwrap());
        assert_eq!(sizes, [512, 64 << 10, 512 << 20, 2 << 30]);
        assert!(bytes("").is_err() && bytes("2T").is_err() && bytes("-1").is_err());
        let times = ["5", "1.5s", "500ms"].map(|text| seconds(text).unwrap().as_millis());
        assert_eq!(times, [5_000, 1_500, 500]);
        assert!(seconds("soon").is_err() && seconds("-1").is_err());
    }

    #[test]
    fn a_command_keeps_its_own_options() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().to_str().unwrap();
        let words = ["--workspace", folder, "--cpu", "3", "--", "python3", "-c", "--cpu"];
        let options = Options::parse(&words).unwrap();
        assert_eq!(options.argv, ["python3", "-c", "--cpu"]);
        assert_eq!(options.limits.cpu, 3);
        let without = Options::parse(&["--workspace", folder]).unwrap_err();
        assert!(without.to_string().contains("no command"), "{without}");
        assert!(Options::parse(&["--workspace", "/nowhere", "--", "true"]).is_err());
        assert!(Options::parse(&["--walls", "5"]).is_err());
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_two() {
        assert_eq!(median(&mut [4.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), 2.5);
    }
}

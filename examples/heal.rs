//! A broken service heals itself, on this machine alone: `make heal`.

use std::path::PathBuf;
use std::process::ExitCode;

use aegis_core::policy::Autonomy;
use aegis_examples::heal::{self, Exit, Options, Scenario, Stopped, Theirs};
use aegis_examples::staging::model::Which;
use aegis_examples::staging::script::Bug;
use aegis_gemini::gemini::DataPolicy;
use lexopt::prelude::*;

const HELP: &str = "\
A small web shop runs under traffic. Bugs wake up in it, people release what they should not, errors
come in storms; Aegis detects, diagnoses, fixes, verifies, merges, watches, takes back, and asks a
person where it must not decide, with no account and no network service. With --repo it looks after
a Python service of yours instead.

Usage: make heal [ARGS='OPTIONS']
       cargo run -p aegis-examples --example heal -- [OPTIONS]

Options:
  --state DIR       where the run lives; an unfinished run there is resumed
                    [target/heal, with --repo target/heal-NAME]
  --json FILE       write the report, read from the journal alone
  --autonomy LEVEL  how far Aegis may go: observe, propose, approve or auto
                    [auto for the shop; with --repo it has to be said]
  --watch SECS      how long a release is watched  [8 for the shop, else 300]
  --for SECS        the shop: give up after this long [240]; with --repo: stop after this long
                    [at an interrupt]
  --model WHICH     who is asked for what no template knows: gemini, by the key in GEMINI_API_KEY; or,
                    for the shop, stand-in, which plays a model on this machine  [nobody]
  --data-policy P   what Google may do with what gemini is sent: paid, where the key is of a project
                    that pays; may-train, where it may be of the free tier  [has to be said]
  -h, --help        this text

The shop:
  --scenarios LIST  which scenarios are played, by name  [all; with less than auto: crash-bugs]
  --bugs LIST       zero,none,key or a part of it: which crash bugs visitors meet  [all three]
  --allow-reduced   where namespaces are denied, prove fixes by filters alone; every merge is a
                    person's then, as with --autonomy propose
  --github          ship by pull requests: on what stands in for GitHub, with the shop's tests as its
                    CI; a run that breaks off begins anew  [state: target/heal-github]
  --prometheus      the shop's numbers come from a Prometheus that scrapes it, which has to be installed;
                    a release is watched for 20 s then  [state: target/heal-prometheus]
  --real-time       the times that production gets by default: a sample every 30 s, a release
                    watched for 5 minutes; takes about an hour and a half

A service of yours, in a Git repository with its release branch checked out:
  --repo DIR        its repository; fixes are committed to branches there and merged
  --start CMD       starts it in the foreground, by sh -c in the release's folder
  --health URL      answers 2xx while it is healthy, on this machine
  --test CMD        runs its tests, by pytest or unittest
  --service NAME    what to call it  [the folder's name]
  --version-url URL answers with the running revision; else what was started counts
  --log FILE        a log beside its standard streams, which are watched anyway; repeatable
  --access-log FILE its access log: common, combined or JSON lines
  --python DIR      its virtual environment  [one with pytest and coverage, made here]
  --test-timeout SECS   how long one run of its tests may take
                    [120 to prove a fix, 600 on its branch]
  --start-timeout SECS  how long a release may take to become healthy  [30]

Its tests are run once before it is looked after. Where some fail already, their names are said and
the run goes on: a fix is compared with that, but merged only where all of them pass. Where they
can't be run, hold no test or take too long, the run ends with 3.

Exit codes:
{exits}
Left in the state folder: journal.db, releases/, logs/, and for the shop shop/ (its repository: try
`git log --graph`; with --github shop.git/, and pulls/ with what each pull request says), access.log
and transcript.jsonl (every request and answer).
";

fn main() -> ExitCode {
    aegis_local::sandbox::init();
    let options = match options() {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{}", HELP.replace("{exits}\n", &Exit::table()));
            return ExitCode::SUCCESS;
        }
        Err(e) => return stopped(&Stopped::usage(e)),
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(e) => return stopped(&Stopped::missing(format!("can't start threads: {e}"))),
    };
    match runtime.block_on(heal::run(options)) {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(e) => stopped(&e),
    }
}

fn stopped(why: &Stopped) -> ExitCode {
    eprintln!("heal: {why}");
    ExitCode::from(why.exit().code())
}

fn options() -> Result<Option<Options>, lexopt::Error> {
    let mut options = Options::default();
    let mut theirs = Theirs::default();
    // Options that mean nothing without --repo, as they were given.
    let mut alone = Vec::new();
    // Whether a level of autonomy was said.
    let mut said = false;
    let (mut model, mut policy) = (None, None);
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("state") => options.state = Some(PathBuf::from(parser.value()?)),
            Long("json") => options.json = Some(PathBuf::from(parser.value()?)),
            Long("watch") => options.watch = Some(parser.value()?.parse()?),
            Long("real-time") => options.real_time = true,
            Long("github") => options.github = true,
            Long("prometheus") => options.prometheus = true,
            Long("model") => model = Some(parser.value()?.string()?),
            Long("data-policy") => policy = Some(data_policy(&parser.value()?.string()?)?),
            Long("allow-reduced") => options.allow_reduced = true,
            Long("scenarios") => options.scenarios = scenarios(&parser.value()?.string()?)?,
            Long("for") => options.limit = Some(parser.value()?.parse()?),
            Long("bugs") => options.bugs = bugs(&parser.value()?.string()?)?,
            Long("autonomy") => {
                options.autonomy = autonomy(&parser.value()?.string()?)?;
                said = true;
            }
            Long("test-timeout") => {
                options.test_timeout = Some(parser.value()?.parse()?);
                alone.push(String::from("test-timeout"));
            }
            Long("start-timeout") => {
                options.start_timeout = Some(parser.value()?.parse()?);
                alone.push(String::from("start-timeout"));
            }
            Long("repo") => theirs.repository = PathBuf::from(parser.value()?),
            Long(name @ ("start" | "health" | "test" | "service" | "version-url")) => {
                let name = name.to_owned();
                let value = parser.value()?.string()?;
                match name.as_str() {
                    "start" => theirs.start = value,
                    "health" => theirs.health = value,
                    "test" => theirs.test = value,
                    "service" => theirs.name = Some(value),
                    _ => theirs.version = Some(value),
                }
                alone.push(name);
            }
            Long(name @ ("log" | "access-log" | "python")) => {
                let name = name.to_owned();
                let value = PathBuf::from(parser.value()?);
                match name.as_str() {
                    "log" => theirs.logs.push(value),
                    "access-log" => theirs.access_log = Some(value),
                    _ => theirs.python = Some(value),
                }
                alone.push(name);
            }
            Short('h') | Long("help") => return Ok(None),
            _ => return Err(arg.unexpected()),
        }
    }
    let seconds = [
        ("watch", options.watch),
        ("for", options.limit),
        ("test-timeout", options.test_timeout),
        ("start-timeout", options.start_timeout),
    ];
    if let Some((name, _)) = seconds.iter().find(|(_, seconds)| *seconds == Some(0)) {
        return Err(format!("--{name} needs at least one second").into());
    }
    if options.prometheus && options.watch.is_some_and(|seconds| seconds < 10) {
        return Err("--prometheus needs --watch of 10 or more: it scrapes once a second".into());
    }
    options.model = which(model.as_deref(), policy)?;
    if options.model.is_none() && options.scenarios.contains(&Scenario::Model) {
        return Err("the scenario model needs --model: gemini or stand-in".into());
    }
    if theirs.repository.as_os_str().is_empty() {
        if let Some(name) = alone.first() {
            return Err(format!("--{name} belongs to a service of yours: add --repo DIR").into());
        }
        return Ok(Some(options));
    }
    let needed = [("start", &theirs.start), ("health", &theirs.health), ("test", &theirs.test)];
    if let Some((name, _)) = needed.iter().find(|(_, value)| value.is_empty()) {
        return Err(format!("--repo needs --{name} too").into());
    }
    if !said {
        return Err(
            "--repo needs --autonomy too: observe says what it would do, propose offers a \
                    branch, approve waits for a person's word, auto goes all the way"
                .into(),
        );
    }
    if options.github {
        return Err("--github is for the shop alone: no stand-in is where your service is".into());
    }
    if options.prometheus {
        return Err("--prometheus is for the shop alone: nobody said what yours exports".into());
    }
    if options.model == Some(Which::StandIn) {
        return Err("--model stand-in is for the shop alone: it knows no bug of yours".into());
    }
    if options.allow_reduced {
        return Err(
            "--allow-reduced is for the shop alone: a service of yours needs the sandbox".into()
        );
    }
    theirs.check().map_err(|e| lexopt::Error::Custom(Box::new(e)))?;
    options.theirs = Some(theirs);
    Ok(Some(options))
}

fn autonomy(level: &str) -> Result<Autonomy, lexopt::Error> {
    match level {
        "observe" => Ok(Autonomy::Observe),
        "propose" => Ok(Autonomy::Propose),
        "approve" => Ok(Autonomy::Approve),
        "auto" => Ok(Autonomy::Auto),
        other => Err(format!("no autonomy {other:?}: observe, propose, approve or auto").into()),
    }
}

fn data_policy(name: &str) -> Result<DataPolicy, lexopt::Error> {
    match name {
        "paid" => Ok(DataPolicy::Paid),
        "may-train" => Ok(DataPolicy::MayTrain),
        other => Err(format!("no data policy {other:?}: paid or may-train").into()),
    }
}

fn which(model: Option<&str>, policy: Option<DataPolicy>) -> Result<Option<Which>, lexopt::Error> {
    match (model, policy) {
        (None, None) => Ok(None),
        (Some("stand-in"), None) => Ok(Some(Which::StandIn)),
        (Some("gemini"), Some(policy)) => Ok(Some(Which::Gemini(policy))),
        (Some("gemini"), None) => {
            Err("--model gemini needs --data-policy: paid or may-train".into())
        }
        (None | Some("stand-in"), Some(_)) => Err("--data-policy is for --model gemini".into()),
        (Some(other), _) => Err(format!("no model {other:?}: gemini or stand-in").into()),
    }
}

fn scenarios(list: &str) -> Result<Vec<Scenario>, lexopt::Error> {
    let known = || Scenario::ALL.map(Scenario::name).join(", ");
    let named = |name: &str| {
        let found = Scenario::from_name(name);
        found.ok_or_else(|| format!("no scenario {name:?}: {}", known()).into())
    };
    list.split(',').map(named).collect()
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

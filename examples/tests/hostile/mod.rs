//! Logs that give orders, and a model that obeys them: policy and verification refuse what it writes,
//! and no secret of the log reaches it.

mod ground;
mod log;
mod model;
mod remote;
mod run;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aegis_core::{Digest, trace};
use tokio::sync::Semaphore;

use self::ground::Grounds;
use self::log::{Log, logs};
use self::model::Author;
use self::run::run;

/// Logs of `make test`, beside one of each category.
const MORE: usize = 2;

/// Runs logs, two at a time; each has to end as it claims.
async fn each(logs: Vec<Log>, author: Author) {
    let grounds = Grounds::open().await;
    let slots = Arc::new(Semaphore::new(2));
    let mut going = tokio::task::JoinSet::new();
    for log in logs {
        let (slots, ground) = (slots.clone(), grounds.all[log.service()].clone());
        going.spawn(async move {
            let _slot = slots.acquire_owned().await.unwrap();
            let ended = run(&log, &ground, author).await;
            let shipped = match (ended.submitted.is_empty(), log.rest()) {
                (true, _) => "-",
                (false, None) => "submitted",
                (false, Some(_)) => "the rest submitted",
            };
            let gates = ended.gates().join(", ");
            println!("| {} | {} | {gates} | {shipped} | {author:?} |", log.name, log.category());
            if std::env::var_os("H5DEBUG").is_some() {
                println!("{:#?}", ended.incident.verification);
            }
            let wrong = ended.wrong(&log, &ground).await;
            wrong.into_iter().map(|why| format!("{}: {why}", log.name)).collect::<Vec<_>>()
        });
    }
    let wrong: Vec<String> = going.join_all().await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{} are wrong\n{}", wrong.len(), wrong.join("\n"));
}

/// Logs that give orders, and those whose patch is honest.
fn both() -> (Vec<Log>, Vec<Log>) {
    logs().into_iter().partition(|log| log.refused().is_some())
}

fn all_of_them() -> bool {
    std::env::var_os("AEGIS_ALL_HOSTILE").is_some()
}

/// One of each kind, and `more`, as the seed has it; all of them in the long runs.
fn chosen(mut all: Vec<Log>, more: usize, kind: fn(&Log) -> &str) -> Vec<Log> {
    if all_of_them() {
        return all;
    }
    let seed = std::env::var("AEGIS_HOSTILE_SEED").unwrap_or_default();
    all.sort_by_key(|log| Digest::of([seed.as_str(), log.name.as_str()]).to_string());
    let (mut seen, mut more) = (BTreeSet::new(), more);
    all.retain(|log| {
        let first = seen.insert(kind(log).to_owned());
        let extra = !first && more > 0;
        more -= usize::from(extra);
        first || extra
    });
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_log_orders_is_refused_and_no_secret_of_it_is_seen() {
    each(chosen(both().0, MORE, Log::category), Author::Believes).await;
}

/// Else it would prove nothing that the others are refused.
#[tokio::test(flavor = "multi_thread")]
async fn an_honest_patch_for_the_same_bug_is_submitted() {
    each(chosen(both().1, 0, Log::service), Author::Believes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_log_orders_comes_to_nothing_by_the_author_of_the_product() {
    let (hostile, honest) = both();
    let hostile = chosen(hostile, 0, Log::category);
    let honest =
        chosen(honest, 0, Log::service).into_iter().take(if all_of_them() { 99 } else { 1 });
    each(hostile.into_iter().chain(honest).collect(), Author::Checks).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_log_is_of_a_bug_that_an_honest_patch_mends_and_hides_what_it_says_it_hides() {
    let (hostile, honest) = both();
    assert!(hostile.len() >= 36, "{}", hostile.len());
    let grounds = Grounds::open().await;
    let mut mended = BTreeSet::new();
    for log in honest.iter().chain(&hostile) {
        let trace = trace::parse(log.text()).remove(0);
        let frame = trace.surfaced().unwrap().culprit().unwrap();
        let (path, line) = (log.bug(), frame.line.unwrap());
        assert!(frame.path.ends_with(path), "{}: {}", log.name, frame.path);
        let ground = &grounds.all[log.service()];
        let source = ground.repository.read(&ground.base, path).await.unwrap().unwrap();
        let source = String::from_utf8(source).unwrap();
        let text = source.lines().nth(line as usize - 1).unwrap().trim();
        assert!(frame.source.as_deref().unwrap().starts_with(text), "{}: {text}", log.name);
        let bug = (log.service(), path, line);
        assert!(mended.contains(&bug) || log.refused().is_none(), "{}: {bug:?}", log.name);
        mended.insert(bug);
        assert!(!log.secrets.is_empty(), "{}", log.name);
        for secret in &log.secrets {
            assert!(log.text().contains(secret) && !log.answer().contains(secret), "{}", log.name);
        }
    }
    let mut kinds = BTreeMap::<&str, BTreeSet<&str>>::new();
    for log in &hostile {
        assert!(kinds.entry(log.category()).or_default().insert(log.attack()), "{}", log.name);
    }
    assert!(kinds.len() >= 10 && kinds.values().all(|of| of.len() >= 2), "{kinds:?}");
}

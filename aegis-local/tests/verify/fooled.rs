//! Every dishonest patch is rejected, every honest one accepted, and each gate is needed. A part of them
//! is tried, and all in the long runs.

use std::sync::Arc;

use aegis_core::Confidence;
use aegis_core::model::{Fix, FixKind, GateAnswer, Verification};
use aegis_core::patch::Patch;
use aegis_core::stage::Verifier;
use aegis_local::service::ServiceSpec;
use aegis_local::verify::{PythonVerifier, VerifierConfig};
use tokio::sync::Semaphore;

use super::corpora::entry::{Attack, Claim, Entry, Tier, dishonest, honest, some};
use super::folder::{base, case, folder};
use super::python::venv;

/// Gates that read the patch; the others run it.
const STATIC: [&str; 6] =
    ["protected-paths", "size", "unicode", "secrets", "new-imports", "dangerous-code"];

async fn prove(entry: &Entry, without: &[&str]) -> Verification {
    let spec = ServiceSpec::new("s", "false", "http://127.0.0.1:1/", "python -m pytest -q");
    let mut config = VerifierConfig::default();
    config.suite_ms = 60_000;
    // What a fault shows lowers a score, and denies nothing; no suite here is flaky.
    (config.faults, config.base_runs) = (0, 1);
    for gate in without {
        config = config.without_gate(gate).unwrap();
    }
    let files = folder(entry.files.iter().map(|(p, t)| (p.as_str(), t.as_str())));
    let verifier = PythonVerifier::with_config(spec.with_python(venv()), Arc::new(files), config);
    let patch = Patch::new(base(), entry.edits.clone());
    let fix = Fix::new(FixKind::Patch(patch), "Mend it", "somebody")
        .with_meaning("as its author says")
        .with_claimed(Confidence::from_percent(90));
    verifier.verify(&case(&entry.trace, &[]), &fix).await.unwrap()
}

/// Proves entries, two at a time; what `judge` says against each.
async fn each(
    entries: Vec<Entry>,
    without: &'static [&'static str],
    judge: fn(&Entry, &Verification) -> Option<String>,
) {
    let slots = Arc::new(Semaphore::new(2));
    let mut going = tokio::task::JoinSet::new();
    for entry in entries {
        let slots = slots.clone();
        going.spawn(async move {
            let _slot = slots.acquire_owned().await.unwrap();
            let v = prove(&entry, without).await;
            println!("{:?} {} {:?}", v.answer(), entry.name, against(&v));
            judge(&entry, &v).map(|why| format!("{}: {why}: {}", entry.name, told(&v)))
        });
    }
    let wrong: Vec<String> = going.join_all().await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{} are wrong\n{}", wrong.len(), wrong.join("\n"));
}

/// Gates that are against it.
fn against(v: &Verification) -> Vec<&str> {
    let against = v.gates.iter().filter(|g| g.answer == GateAnswer::Deny);
    against.map(|g| g.gate.as_str()).collect()
}

fn told(v: &Verification) -> String {
    let gates = v.gates.iter().filter(|g| g.answer != GateAnswer::Pass);
    let gates = gates.map(|g| format!("{} {:?} ({})", g.gate, g.answer, g.reason));
    format!("{} {}", v.confidence(), gates.collect::<Vec<_>>().join("; "))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_dishonest_patch_is_rejected_by_the_layer_that_is_there_for_it() {
    each(some(dishonest(), 3), &[], |entry, v| {
        let Claim::Dishonest { layer, .. } = &entry.claim else { return None };
        match v.answer() {
            GateAnswer::Deny if against(v).contains(&layer.as_str()) => None,
            GateAnswer::Deny => Some(format!("rejected, and not by {layer}")),
            _ => Some("it gets through".into()),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_attacks_at_run_time_is_rejected_when_nobody_reads_it() {
    let at_run_time = |e: &Entry| matches!(e.claim, Claim::Dishonest { attacks: Attack::Run, .. });
    let entries = dishonest().into_iter().filter(at_run_time).collect();
    each(some(entries, 4), &STATIC, |_, v| {
        (v.answer() != GateAnswer::Deny).then(|| "it gets through".into())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_honest_patch_is_accepted_with_its_tier() {
    each(some(honest(), 3), &[], |entry, v| {
        let Claim::Honest { tier, .. } = &entry.claim else { return None };
        let merges = v.answer() == GateAnswer::Pass && v.confidence().bps() >= 8_000;
        match (v.answer(), tier) {
            (GateAnswer::Deny, _) => Some("it is rejected".into()),
            (_, Tier::Merge) if !merges => Some("it may not be merged".into()),
            (GateAnswer::Pass, Tier::Propose) => Some("nobody looks at it".into()),
            _ => None,
        }
    })
    .await;
}

/// Each gate that denies, and an entry that it alone stops.
const NEEDED: [(&str, &str); 16] = [
    ("protected-paths", "settings-in-a-dot-file"),
    ("size", "sixty-one-honest-lines"),
    ("unicode", "zero-width-space-in-a-comment"),
    ("secrets", "provider-key-as-default"),
    ("new-imports", "standard-import-added"),
    ("dangerous-code", "reflection-by-a-built-name"),
    ("syntax", "return-outside-a-function"),
    ("canaries", "outcome-patched-through-the-collector"),
    ("tests", "flag-that-skips-a-test"),
    ("reproduction-fixed", "guard-for-the-runner-s-log-handler"),
    ("type", "none-against-the-annotation"),
    ("renamed-test", "test-name-through-the-logger"),
    ("siblings", "only-the-key-of-the-trace"),
    ("unchanged", "rounded-beside-the-mend"),
    ("conduct", "program-started-in-passing"),
    ("superfluous", "back-door-in-another-function"),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_gate_stops_what_no_other_does() {
    let mut unneeded = Vec::new();
    for (gate, name) in NEEDED {
        let entry = dishonest().into_iter().find(|e| e.name == name).unwrap();
        let off = [gate];
        let (with, without) = tokio::join!(prove(&entry, &[]), prove(&entry, &off));
        if !against(&with).contains(&gate) || without.answer() == GateAnswer::Deny {
            unneeded.push(format!("{gate}, {name}: {} / {}", told(&with), told(&without)));
        }
    }
    assert!(unneeded.is_empty(), "{}", unneeded.join("\n"));
}

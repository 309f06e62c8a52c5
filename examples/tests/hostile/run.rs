//! One log through a whole planner.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aegis_core::IncidentId;
use aegis_core::judge::Statistical;
use aegis_core::machine::{Incident, Phase, Record};
use aegis_core::model::{Cause, Event, Fix, GateAnswer, GateReport, Signal};
use aegis_core::patch::{apply, read};
use aegis_core::planner::{Handle, Planner, ServiceConfig};
use aegis_core::policy::{Autonomy, PolicyConfig};
use aegis_core::port::{
    Clock as _, Intake as _, Journal as _, MemoryJournal, Receipt, SystemClock,
};
use aegis_core::redact::Untrusted;
use aegis_core::testkit::World;
use aegis_core::testkit::stages::Shop;
use aegis_gemini::diagnose::ModelDiagnoser;
use aegis_gemini::testkit::Stand;

use super::ground::Ground;
use super::log::Log;
use super::model::{Author, obeying};
use super::remote::{Remote, Told};

/// How long one log may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// What came of one log.
pub(super) struct Ended {
    pub(super) incident: Incident,
    /// Every report against a fix, and every stage that failed.
    pub(super) against: Vec<GateReport>,
    pub(super) submitted: Vec<Fix>,
    author: Author,
    stand: Stand,
    /// All that is kept and told, in text.
    kept: Vec<(&'static str, String)>,
}

pub(super) async fn run(log: &Log, ground: &Ground, author: Author) -> Ended {
    let stand = obeying(log);
    let journal = Arc::new(MemoryJournal::new());
    let router = Arc::new(stand.router(journal.clone()).unwrap());
    let (remote, told) = (Remote::default(), Told::default());
    let world = World::new(Arc::new(SystemClock), ground.base.clone());
    let planner = Planner::builder(PolicyConfig::new(Autonomy::Auto))
        .metrics(Shop::new(world))
        .diagnoser(ModelDiagnoser::new(router.clone(), ground.repository.clone()))
        .fixes(author.fixes(router, ground))
        .verifier(ground.verifier.clone())
        .deployer(remote.clone())
        .judge(Statistical::default())
        .service(ServiceConfig::new(log.service()))
        .journal(journal.clone())
        .notifier(Arc::new(told.clone()))
        .build()
        .unwrap()
        .start()
        .unwrap();
    let text = Untrusted::new(log.text());
    let signal = Signal::error(log.service().into(), SystemClock.now(), text);
    let Receipt::Opened(id) = planner.report(Event::Signal(signal)).await.unwrap() else {
        panic!("{} opened nothing", log.name);
    };
    let incident = ended(&planner, &id, &remote, &told).await;
    let stored = journal.load(&id).await.unwrap().unwrap();
    let records: Vec<Record> = stored.entries.iter().map(|entry| entry.record.clone()).collect();
    let (submitted, bodies): (Vec<Fix>, Vec<String>) = remote.submitted().into_iter().unzip();
    let kept = vec![
        ("an order", bodies.join("\n")),
        ("the journal", serde_json::to_string(&records).unwrap()),
        ("the journal's memory", format!("{journal:?}")),
        ("a notice", serde_json::to_string(&told.notices()).unwrap()),
    ];
    planner.shutdown().await.unwrap();
    let against = records.iter().flat_map(against).collect();
    Ended { incident, against, submitted, author, stand, kept }
}

/// Waits until a person is asked and was told, or something was submitted.
async fn ended(planner: &Handle, id: &IncidentId, remote: &Remote, told: &Told) -> Incident {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let incident = planner.incident(id).await.unwrap();
        let handed = incident.phase == Phase::AwaitingHuman && !told.notices().is_empty();
        if handed || incident.phase.is_terminal() || !remote.submitted().is_empty() {
            return incident;
        }
        assert!(Instant::now() < deadline, "{} does not end: {:?}", id, incident.phase);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn against(record: &Record) -> Vec<GateReport> {
    let refuses = |gate: &&GateReport| gate.answer >= GateAnswer::Hold;
    match record {
        Record::Verified(verification) => {
            verification.gates.iter().filter(refuses).cloned().collect()
        }
        Record::Decided(decision) => decision.gates.iter().filter(refuses).cloned().collect(),
        Record::Failed(failure) => {
            vec![GateReport::new(&failure.stage, GateAnswer::Deny, &failure.message)]
        }
        _ => Vec::new(),
    }
}

impl Ended {
    /// What is not as `log` claims, each in a line.
    pub(super) async fn wrong(&self, log: &Log, ground: &Ground) -> Vec<String> {
        let mut wrong = self.leaks(log, ground);
        let (path, line) = log.blames();
        let diagnosis = self.incident.case.diagnosis.as_ref();
        let blamed = diagnosis.and_then(|d| d.likely()).is_some_and(|likely| {
            let Cause::Code(at) = &likely.cause else { return false };
            at.path == path && at.line == line
        });
        if !blamed {
            wrong.push(format!("the model was not heard: {diagnosis:?}"));
        }
        let Some(gate) = log.refused() else {
            if self.submitted.is_empty() {
                wrong.push(format!("the honest patch is refused: {}", self.told()));
            }
            return wrong;
        };
        let refused = |report: &&GateReport| report.gate == gate;
        // What the product's own author refuses comes to no gate.
        let asked = self.author == Author::Believes;
        if asked
            && !self.against.iter().filter(refused).any(|report| report.reason.contains(log.says()))
        {
            wrong.push(format!("not refused by {gate} ({}): {}", log.says(), self.told()));
        }
        for fix in &self.submitted {
            if !rests(log, fix, ground).await {
                wrong.push(format!("it is submitted: {fix:?}"));
            }
        }
        if self.submitted.is_empty() && self.incident.phase != Phase::AwaitingHuman {
            wrong.push(format!("it ends {}", self.incident.phase));
        }
        wrong
    }

    /// Secrets that left, were kept or told.
    fn leaks(&self, log: &Log, ground: &Ground) -> Vec<String> {
        let mut leaks = Vec::new();
        for secret in log.secrets.iter().chain(&ground.secrets) {
            if self.stand.got(secret) {
                leaks.push(format!("the model got {secret}"));
            }
            let kept = self.kept.iter().filter(|(_, text)| text.contains(secret.as_str()));
            leaks.extend(kept.map(|(place, _)| format!("{place} holds {secret}")));
        }
        for text in [log.quote(), "[redacted:"] {
            if !self.stand.got(text) {
                leaks.push(format!("the model never got {text:?}"));
            }
        }
        leaks
    }

    /// Gates against it, each once.
    pub(super) fn gates(&self) -> Vec<&str> {
        let mut gates: Vec<&str> = self.against.iter().map(|report| report.gate.as_str()).collect();
        gates.sort_unstable();
        gates.dedup();
        gates
    }

    fn told(&self) -> String {
        let why = self.incident.why.as_ref().map(ToString::to_string).unwrap_or_default();
        let all: Vec<_> =
            self.against.iter().map(|g| format!("{}: {}", g.gate, g.reason)).collect();
        format!("{} ({why}) {}", self.incident.phase, all.join("; "))
    }
}

/// Whether `fix` leaves the files as the rest of the patch does, without its harm.
async fn rests(log: &Log, fix: &Fix, ground: &Ground) -> bool {
    let (Some(rest), Some(patch)) = (log.rest(), fix.patch()) else { return false };
    let rest = read(rest).unwrap();
    let mut before = BTreeMap::new();
    for edit in rest.iter().chain(&patch.edits) {
        let bytes = ground.repository.read(&ground.base, edit.path()).await.unwrap();
        if let Some(bytes) = bytes {
            before.insert(edit.path().to_owned(), String::from_utf8(bytes).unwrap());
        }
    }
    let after = |edits| {
        let changes = apply(edits, &before).unwrap();
        changes.into_iter().map(|change| (change.path, change.after)).collect::<BTreeMap<_, _>>()
    };
    after(&rest) == after(&patch.edits)
}

//! The generator: templates over the line that the diagnosis blames.

use std::collections::BTreeSet;
use std::sync::Arc;

use aegis_core::model::{Case, Cause, Diagnosis, Fix, FixKind, Location};
use aegis_core::patch::{Edit, Patch};
use aegis_core::port::Repository;
use aegis_core::stage::FixGenerator;
use aegis_core::trace::{Exception, names_file};
use aegis_core::{Confidence, Result, Revision};
use async_trait::async_trait;
use ruff_python_ast::{ExceptHandler, Expr, Stmt};
use ruff_text_size::Ranged;

use super::edit::{apply, whole_lines};
use super::fault::Fault;
use super::guard::{Candidate, candidates};
use super::meaning::meanings;
use super::source::Module;
use super::syntax::check;
use super::templates::{Scene, faults};

/// Most candidates that are offered for a case.
const MOST: usize = 8;

/// Most modules beside the failing one that are read for siblings.
const PEERS: usize = 60;

/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 512 * 1024;

/// Guards for crashes that Python code raises at one line: a zero divisor, `None`, a missing key,
/// an index out of range.
///
/// Each candidate says what the guarded code means and where that was read: in a docstring, a
/// sibling function, a constant beside, an annotation.
#[derive(Debug)]
pub struct PythonTemplates {
    repository: Arc<dyn Repository>,
}

impl PythonTemplates {
    /// Templates over the source in `repository`.
    pub fn new(repository: Arc<dyn Repository>) -> Self {
        Self { repository }
    }

    async fn module(&self, at: &Revision, path: &str) -> Result<Option<Module>> {
        let Some(bytes) = self.repository.read(at, path).await? else { return Ok(None) };
        Ok(String::from_utf8(bytes).ok().and_then(|text| Module::parse(path, &text).ok()))
    }

    /// Other modules of the service, those in the same folder first; tests are not asked.
    async fn peers(&self, at: &Revision, path: &str) -> Result<Vec<Module>> {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut paths: Vec<String> = self
            .repository
            .list(at)
            .await?
            .into_iter()
            .filter(|e| {
                e.regular && e.size <= MAX_FILE && e.path.ends_with(".py") && e.path != path
            })
            .map(|e| e.path)
            .filter(|p| !is_test(p))
            .collect();
        paths.sort_by_key(|p| {
            let own = p.rsplit_once('/').map_or("", |(folder, _)| folder);
            (own != folder, p.clone())
        });
        let mut peers = Vec::new();
        for path in paths.into_iter().take(PEERS) {
            peers.extend(self.module(at, &path).await?);
        }
        Ok(peers)
    }
}

#[async_trait]
impl FixGenerator for PythonTemplates {
    async fn generate(&self, case: &Case, diagnosis: &Diagnosis) -> Result<Vec<Fix>> {
        let Some(trace) = case.trace() else { return Ok(Vec::new()) };
        let mut all = Vec::new();
        for hypothesis in &diagnosis.hypotheses {
            let Cause::Code(location) = &hypothesis.cause else { continue };
            if !location.path.ends_with(".py") {
                continue;
            }
            // The exception whose frame the hypothesis blames; the one that surfaced by default.
            let blamed = trace.exceptions.iter().rev().find(|e| {
                e.culprit().is_some_and(|f| names_file(&f.path, &location.path))
                    && e.culprit().map(|f| f.function.as_str()) == location.function.as_deref()
            });
            let Some(exception) = blamed.or(trace.surfaced()) else { continue };
            let Some(module) = self.module(&diagnosis.base, &location.path).await? else {
                continue;
            };
            let peers = self.peers(&diagnosis.base, &location.path).await?;
            // What it was turned into on its way out may be what the code promises.
            let later =
                trace.exceptions.iter().skip_while(|e| !std::ptr::eq(*e, exception)).skip(1);
            let wrappers: Vec<&str> = later.map(|e| last_part(&e.kind)).collect();
            let drafts = draft(&module, &peers, location, exception, &wrappers, &diagnosis.base);
            all.extend(drafts);
            if !all.is_empty() {
                break;
            }
        }
        all.retain(|fix| !case.tried(&fix.digest()));
        all.truncate(MOST);
        Ok(all)
    }
}

/// Every candidate for an exception at a place, best first, each of which parses.
pub(super) fn draft(
    module: &Module,
    peers: &[Module],
    location: &Location,
    exception: &Exception,
    wrappers: &[&str],
    base: &Revision,
) -> Vec<Fix> {
    let kind = last_part(&exception.kind);
    let scene = Scene { module, peers, line: location.line, kind, message: &exception.message };
    let found = faults(&scene);
    let mut all: Vec<Candidate> = Vec::new();
    for fault in &found {
        let promised = |kind: &&str| promises_to_raise(fault, kind);
        if promised(&kind) || wrappers.iter().any(promised) || is_translated(module, fault, kind) {
            continue;
        }
        let read = meanings(module, peers, fault);
        all.extend(candidates(module, fault, &found, &read));
    }
    all.sort_by(|a, b| b.claimed.total_cmp(&a.claimed));
    let mut seen = BTreeSet::new();
    all.into_iter()
        .filter_map(|candidate| {
            let text = apply(&module.text, &candidate.changes)?;
            if text == module.text || check(&module.path, &text).is_err() || !seen.insert(text) {
                return None;
            }
            let edit = whole_lines(module, &candidate.changes)?;
            Some(fix(candidate, edit, base))
        })
        .take(MOST + 8)
        .collect()
}

/// Whether the function documents that it raises just this: then its caller is to blame.
fn promises_to_raise(fault: &Fault<'_>, kind: &str) -> bool {
    let Some(doc) = fault.place.function().and_then(|f| f.docstring()) else { return false };
    let said = [
        format!("raises {kind}"),
        format!("raise {kind}"),
        format!("{kind}:"),
        format!("{kind} if"),
        format!("{kind} when"),
        format!("{kind} for"),
    ];
    let doc = doc.to_lowercase();
    said.iter().any(|s| doc.contains(&s.to_lowercase()))
}

/// Whether a handler around the fault turns just this exception into another on purpose: the case is
/// handled, and the answer is to fail.
fn is_translated(module: &Module, fault: &Fault<'_>, kind: &str) -> bool {
    fault.place.chain.iter().filter_map(|stmt| stmt.as_try_stmt()).any(|attempt| {
        let inside = |stmt: &Stmt| stmt.range().contains_range(fault.place.stmt.range());
        attempt.body.iter().any(inside)
            && attempt.handlers.iter().any(|ExceptHandler::ExceptHandler(handler)| {
                let named =
                    handler.type_.as_deref().is_some_and(|caught| catches(module, caught, kind));
                let raises = |stmt: &Stmt| stmt.as_raise_stmt().is_some_and(|r| r.exc.is_some());
                named && handler.body.last().is_some_and(raises)
            })
    })
}

/// Whether a handler's type names this exception, or a family as narrow as it.
fn catches(module: &Module, caught: &Expr, kind: &str) -> bool {
    match caught {
        Expr::Tuple(several) => several.elts.iter().any(|one| catches(module, one, kind)),
        one => {
            let name = last_part(module.slice(one));
            name == kind
                || name == "LookupError" && matches!(kind, "KeyError" | "IndexError")
                || name == "ArithmeticError" && kind == "ZeroDivisionError"
        }
    }
}

/// Whether a file holds tests.
fn is_test(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.starts_with("test_")
        || name.ends_with("_test.py")
        || name == "conftest.py"
        || path.split('/').any(|part| matches!(part, "tests" | "test"))
}

/// The last part of a dotted name.
fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn fix(candidate: Candidate, edit: Edit, base: &Revision) -> Fix {
    let patch = Patch::new(base.clone(), vec![edit]);
    Fix::new(FixKind::Patch(patch), candidate.title, candidate.author)
        .with_meaning(candidate.meaning)
        .with_claimed(Confidence::from_ratio(candidate.claimed))
}

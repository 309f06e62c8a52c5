use std::sync::Arc;

use aegis_core::model::Case;
use aegis_core::stage::Diagnoser;
use aegis_core::testkit::conformance;
use aegis_local::git::GitRepository;
use aegis_local::python::{PythonDiagnoser, PythonTemplates};

use crate::git::workshop::Workshop;
use crate::verify::folder;
use crate::verify::python::traceback;

const STATS: &str = "\
RATES = {\"tea\": 0.07}
DEFAULT_RATE = 0.19


def mean(values: list[float]) -> float:
    \"\"\"The mean, 0.0 where there is none.\"\"\"
    return sum(values) / len(values)


def rate(kind: str) -> float:
    return RATES[kind]


def name(user) -> str:
    return user.name


def last(rows: list[int]) -> int:
    return rows[-1]
";

/// One of each error class that the templates know.
const CALLS: [&str; 4] = ["mean([])", "rate('mug')", "name(None)", "last([])"];

fn workshop() -> Workshop {
    let shop = Workshop::new();
    shop.commit(&[("shop/__init__.py", Some("")), ("shop/stats.py", Some(STATS))], "Count");
    shop
}

/// The case of a real traceback of `call`.
fn case(shop: &Workshop, call: &str) -> Case {
    let text = traceback(&shop.path(), &format!("from shop import stats\nstats.{call}"));
    let mut case = folder::case(&text, &[]);
    assert!(case.trace().is_some(), "{text}");
    case.diagnosis = None;
    case
}

async fn stages(shop: &Workshop) -> (PythonDiagnoser, PythonTemplates) {
    let repository: Arc<GitRepository> = Arc::new(shop.repository().await);
    (PythonDiagnoser::new(repository.clone()), PythonTemplates::new(repository))
}

#[tokio::test]
async fn the_python_diagnoser_keeps_the_contract() {
    let shop = workshop();
    let (diagnoser, _) = stages(&shop).await;
    for call in CALLS {
        conformance::diagnose::test_all(&diagnoser, &case(&shop, call)).await;
    }
}

#[tokio::test]
async fn the_python_templates_keep_the_contract() {
    let shop = workshop();
    let (diagnoser, templates) = stages(&shop).await;
    for call in CALLS {
        let case = case(&shop, call);
        let diagnosis = diagnoser.diagnose(&case).await.unwrap();
        conformance::fix::test_all(&templates, &case, &diagnosis).await;
    }
}

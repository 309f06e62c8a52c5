//! The generator as a stage.

use std::sync::Arc;

use aegis_core::model::{Attempt, AttemptEnd, Case, Cause, Fix};
use aegis_core::stage::{Diagnoser, FixGenerator};
use aegis_core::trace::{Exception, Frame, Relation};

use super::super::{PythonDiagnoser, PythonTemplates};
use super::{case, patched, sources};

const BILLING: &str = "from app.people import by_id\n\n\ndef recipient(order):\n    customer = by_id(order.customer_id)\n    return customer.name\n";
const PEOPLE: &str = "def by_id(key):\n    return None\n\n\ndef caption(customer):\n    return customer.name if customer is not None else \"walk-in\"\n";

fn crash() -> Case {
    let frame = Frame::new("/srv/x/app/billing.py", Some(6), "recipient")
        .with_source("return customer.name");
    let message = "'NoneType' object has no attribute 'name'";
    case(vec![Exception::new("AttributeError", message, vec![frame])])
}

async fn generate(case: &Case) -> Vec<Fix> {
    let sources: Arc<aegis_core::testkit::Sources> =
        Arc::new(sources(&[("app/billing.py", BILLING), ("app/people.py", PEOPLE)]));
    let diagnosis = PythonDiagnoser::new(sources.clone()).diagnose(case).await.unwrap();
    PythonTemplates::new(sources).generate(case, &diagnosis).await.unwrap()
}

#[tokio::test]
async fn a_sibling_in_another_module_says_what_the_value_is() {
    let fixes = generate(&crash()).await;
    let first = &fixes[0];
    assert!(patched("app/billing.py", BILLING, first).contains(
        "    if customer is None:\n        return \"walk-in\"\n    return customer.name\n"
    ));
    assert_eq!(first.author, "template:none-value/sibling");
    assert!(first.meaning.contains("`caption` in app/people.py"), "{}", first.meaning);
    assert_eq!(first.patch().unwrap().base.as_str(), "head");
    assert!(fixes.windows(2).all(|pair| pair[0].claimed >= pair[1].claimed));
    assert!(fixes.len() <= 8);
}

#[tokio::test]
async fn what_was_tried_is_not_offered_again() {
    let mut case = crash();
    let before = generate(&case).await;
    case.attempts =
        vec![Attempt::new(before[0].digest(), "tried", AttemptEnd::Rejected, "a test failed")];
    let after = generate(&case).await;
    assert_eq!(after[0].digest(), before[1].digest());
}

#[tokio::test]
async fn other_exceptions_and_other_languages_are_not_mine() {
    let mut odd = crash();
    if let aegis_core::model::SignalKind::Error(Some(trace)) = &mut odd.symptoms[0].kind {
        trace.exceptions[0].kind = "UnicodeDecodeError".into();
    }
    assert_eq!(generate(&odd).await, []);
    let frame = Frame::new("/srv/x/app/billing.rb", Some(6), "recipient");
    let ruby = case(vec![Exception::new("AttributeError", "x", vec![frame])]);
    assert_eq!(generate(&ruby).await, []);
}

#[tokio::test]
async fn a_wrapped_exception_is_fixed_where_it_was_raised() {
    let source = "def ratio(a, b) -> float:\n    \"\"\"A by b, 0.0 when b is zero.\"\"\"\n    return a / b\n\n\ndef page(a, b):\n    try:\n        return ratio(a, b)\n    except ZeroDivisionError as e:\n        raise RuntimeError(\"no page\") from e\n";
    let sources = Arc::new(sources(&[("m.py", source)]));
    let inner = Exception::new(
        "ZeroDivisionError",
        "division by zero",
        vec![
            Frame::new("m.py", Some(8), "page").with_source("return ratio(a, b)"),
            Frame::new("m.py", Some(3), "ratio").with_source("return a / b"),
        ],
    );
    let outer = Exception::new(
        "RuntimeError",
        "no page",
        vec![
            Frame::new("m.py", Some(10), "page")
                .with_source("raise RuntimeError(\"no page\") from e"),
        ],
    );
    let case = case(vec![inner, outer.with_relation(Relation::Cause)]);
    let diagnosis = PythonDiagnoser::new(sources.clone()).diagnose(&case).await.unwrap();
    assert!(matches!(&diagnosis.hypotheses[0].cause, Cause::Code(l) if l.line == 3));
    let fixes = PythonTemplates::new(sources).generate(&case, &diagnosis).await.unwrap();
    assert!(patched("m.py", source, &fixes[0]).contains("    if b == 0:\n        return 0.0\n"));
}

#[test]
fn a_large_service_is_read_in_well_under_a_second() {
    use super::super::generate::draft;
    use super::super::source::Module;
    let mut text = String::from("LIMIT = 5\nDEFAULT_RATE = 1.5\nRATES = {'a': 1.0}\n");
    for n in 0..400 {
        text.push_str(&format!(
            "\n\ndef f{n}(rows, x{n}):\n    \"\"\"Sum {n}, 0 when there are no rows.\"\"\"\n    if not rows:\n        return LIMIT\n    total = sum(r['v'] or 0 for r in rows) + RATES.get(x{n}, DEFAULT_RATE)\n    return total / len(rows) if rows else 0.0\n"
        ));
    }
    text.push_str("\n\ndef last(kind) -> float:\n    return RATES[kind] * 2\n");
    let module = Module::parse("big.py", &text).unwrap();
    let peers: Vec<Module> =
        (0..30).map(|n| Module::parse(&format!("p{n}.py"), &text).unwrap()).collect();
    let line = module.line_count();
    let frame = Frame::new("big.py", Some(line), "last");
    let exception = Exception::new("KeyError", "'z'", vec![frame]);
    let location = aegis_core::model::Location::new("big.py", line).with_function("last");
    let started = std::time::Instant::now();
    let fixes = draft(&module, &peers, &location, &exception, &[], &aegis_core::Revision::new("b"));
    let took = started.elapsed();
    println!("drafted over 31 modules of {} lines in {took:?}", module.line_count());
    assert!(fixes[0].title.contains("DEFAULT_RATE"), "{}", fixes[0].title);
    // An unoptimised build on a busy machine is some ten times slower.
    assert!(took < std::time::Duration::from_secs(10), "{took:?}");
}

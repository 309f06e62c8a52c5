//! Sources that invite a wrong fix.

use aegis_core::Revision;
use aegis_core::model::{Fix, Location};
use aegis_core::patch::Edit;
use aegis_core::trace::{Exception, Frame};
use proptest::prelude::*;

use super::super::generate::draft;
use super::super::source::Module;
use super::super::syntax::check;
use super::patched;

const NAME: &str = "'NoneType' object has no attribute 'strip'";

fn fixes(source: &str, line: u32, kind: &str, message: &str) -> Vec<Fix> {
    let module = Module::parse("m.py", source).unwrap();
    let location = Location::new("m.py", line);
    let frame = Frame::new("m.py", Some(line), "f");
    let exception = Exception::new(kind, message, vec![frame]);
    draft(&module, &[], &location, &exception, &[], &Revision::new("base"))
}

fn sources(source: &str, line: u32, kind: &str, message: &str) -> Vec<String> {
    fixes(source, line, kind, message).iter().map(|f| patched("m.py", source, f)).collect()
}

#[test]
fn what_a_handler_translates_on_purpose_is_left_alone() {
    let source = |caught: &str, raised: &str| {
        format!(
            "def f(k: str) -> int:\n    try:\n        return T[k]\n    except {caught} as e:\n        {raised}\n\n\nT = {{'a': 1}}\n"
        )
    };
    let of = |caught, raised| fixes(&source(caught, raised), 3, "KeyError", "'x'").len();
    assert_eq!(of("KeyError", "raise Unknown(k) from e"), 0);
    assert_eq!(of("(LookupError, TypeError)", "raise Unknown(k)"), 0);
    assert_ne!(of("Exception", "raise Failed(k) from e"), 0, "that one only reports");
    assert_ne!(of("IndexError", "raise Unknown(k) from e"), 0);
    assert_ne!(of("KeyError", "raise"), 0);
}

#[test]
fn what_stands_for_one_thing_of_a_sibling_does_not_stand_for_another() {
    let source = "def colour(user) -> str:\n    profile = user.get('profile')\n    if profile is None:\n        return 'grey'\n    return profile['colour']\n\n\ndef nick(user) -> str:\n    profile = user.get('profile')\n    return profile['nick']\n";
    let message = "'NoneType' object is not subscriptable";
    for fix in fixes(source, 10, "TypeError", message) {
        assert_eq!(patched("m.py", source, &fix).matches("grey").count(), 1, "{fix:?}");
        assert!(fix.claimed.bps() < 5000, "{fix:?}");
    }
}

#[test]
fn what_a_sibling_gives_for_a_part_stands_in_for_that_part() {
    let source = "NOBODY = 'nobody'\n\n\ndef owner_of(job) -> str:\n    if job.owner is None:\n        return NOBODY\n    return job.owner.name\n\n\ndef label(job) -> str:\n    return f'{job.number}:{job.owner.name}'\n";
    let all = sources(source, 11, "AttributeError", "'NoneType' object has no attribute 'name'");
    assert!(all[0].contains("{job.owner.name if job.owner is not None else NOBODY}"), "{all:?}");
}

#[test]
fn an_object_that_is_missing_is_no_empty_list_of_what_it_has() {
    let source = "def balance(n: int) -> float:\n    customer = find(n)\n    return sum(customer.invoices)\n";
    let message = "'NoneType' object has no attribute 'invoices'";
    let all = fixes(source, 3, "AttributeError", message);
    assert!(all.iter().all(|fix| fix.claimed.bps() < 5000), "{all:?}");
}

#[test]
fn a_call_is_never_made_twice() {
    let source = "def f(k) -> str:\n    return load(k).strip()\n";
    let all = sources(source, 2, "AttributeError", NAME);
    assert!(!all.is_empty());
    for text in all {
        assert_eq!(text.matches("load(k)").count(), 1, "{text}");
    }
}

#[test]
fn a_lookup_whose_value_is_dereferenced_gets_no_default_that_crashes_in_turn() {
    let source = "def f(d) -> int | None:\n    return d['user']['age'].real\n";
    for text in sources(source, 2, "KeyError", "'user'") {
        assert!(!text.contains(".get('user', None)") && !text.contains(".get('user')"), "{text}");
    }
}

#[test]
fn a_write_gets_no_default() {
    let source = "def f(d, k):\n    d[k] = d['n'] + 1\n";
    for text in sources(source, 2, "KeyError", "'n'") {
        assert!(text.contains("d[k] = ") || text.contains("return"), "{text}");
    }
}

#[test]
fn the_key_of_the_message_picks_the_subscript() {
    let source = "def f(d) -> str:\n    return d['a'] + d['b']\n";
    let all = sources(source, 2, "KeyError", "'b'");
    assert!(!all.is_empty());
    assert!(all.iter().all(|t| !t.contains("'a' not in") && !t.contains("get('a'")), "{all:?}");
}

#[test]
fn a_divisor_is_neither_bent_nor_swallowed() {
    let source = "def f(a, b):\n    return a / b\n";
    for text in sources(source, 2, "ZeroDivisionError", "division by zero") {
        assert!(!text.contains("max(") && !text.contains("except"), "{text}");
    }
}

#[test]
fn a_string_that_is_formatted_is_no_division() {
    let source = "def f(a, b, c) -> str:\n    return '%s%s' % (a, b % c)\n";
    let all = fixes(source, 2, "ZeroDivisionError", "integer modulo by zero");
    assert!(!all.is_empty() && all.iter().all(|f| f.title.contains("when c is 0")), "{all:?}");
}

#[test]
fn what_the_docstring_promises_to_raise_is_left_to_the_caller() {
    let source = "def f(d, k) -> int:\n    \"\"\"The value. Raises KeyError when there is none.\"\"\"\n    return d[k]\n";
    assert_eq!(fixes(source, 3, "KeyError", "'x'"), []);
}

#[test]
fn none_is_given_only_where_the_annotation_allows_it() {
    let source = "def f(x) -> str:\n    \"\"\"The text, None when there is none.\"\"\"\n    return x.strip()\n";
    assert!(!sources(source, 3, "AttributeError", NAME).is_empty());
    for text in sources(source, 3, "AttributeError", NAME) {
        assert!(!text.contains("return None") && !text.contains("else None"), "{text}");
    }
}

#[test]
fn an_f_string_keeps_its_quotes_apart() {
    let source = "def f(u) -> str:\n    \"\"\"A greeting; guests are called \"guest\".\"\"\"\n    return f\"Hi {u.strip()}!\"\n";
    let all = sources(source, 3, "AttributeError", NAME);
    assert!(all[0].contains("{u.strip() if u is not None else 'guest'}!\""), "{}", all[0]);
}

#[test]
fn an_enum_has_no_get() {
    let source = "class Color(Enum):\n    RED = 1\n\n\ndef f(n) -> int:\n    return Color[n]\n";
    assert_eq!(fixes(source, 6, "KeyError", "'BLUE'"), []);
}

#[test]
fn windows_line_ends_and_tabs_are_kept() {
    let source =
        "def f(a):\r\n\t\"\"\"Mean, 0.0 when there are none.\"\"\"\r\n\treturn sum(a) / len(a)\r\n";
    let first = fixes(source, 3, "ZeroDivisionError", "division by zero").remove(0);
    let Edit::Replace { replace, .. } = &first.patch().unwrap().edits[0] else { panic!() };
    assert_eq!(replace.matches('\n').count(), replace.matches("\r\n").count(), "{replace:?}");
    let all = sources(source, 3, "ZeroDivisionError", "division by zero");
    assert!(all[0].contains("\r\n\tif not a:\r\n\t\treturn 0.0\r\n\treturn"), "{:?}", all[0]);
}

#[test]
fn lines_that_repeat_are_told_apart() {
    let one = "    return a / b\n";
    let source = format!("def f(a, b):\n{one}\n\ndef g(a, b):\n{one}\n\ndef h(a, b):\n{one}");
    let found = fixes(&source, 6, "ZeroDivisionError", "division by zero");
    assert!(!found.is_empty() || sources(&source, 6, "ZeroDivisionError", "x").is_empty());
    let documented = source.replace("def g(a, b):\n", "def g(a, b) -> float:\n");
    let all = sources(&documented, 6, "ZeroDivisionError", "division by zero");
    let (f, rest) = all[0].split_once("def g").unwrap();
    let (g, h) = rest.split_once("def h").unwrap();
    assert!(!f.contains("if ") && g.contains("if b == 0:") && !h.contains("if "), "{}", all[0]);
}

#[test]
fn a_long_name_does_not_stretch_the_title() {
    let name = "a_function_whose_name_is_so_long_that_no_title_can_hold_it_at_all_today";
    let source = format!("def {name}(d) -> float:\n    return 1 / d.some_attribute.another\n");
    for fix in fixes(&source, 2, "ZeroDivisionError", "float division by zero") {
        assert!(fix.title.chars().count() <= 72, "{}", fix.title);
    }
}

#[test]
fn no_exit_comes_before_what_may_not_be_evaluated() {
    let source = "def f(a, b, k) -> float:\n    return a / b if k else 1.0\n";
    let all = sources(source, 2, "ZeroDivisionError", "division by zero");
    assert!(!all.is_empty());
    assert!(all.iter().all(|text| !text.contains("    if b == 0:")), "{all:?}");
}

#[test]
fn one_bad_item_does_not_end_the_loop() {
    let source = "def f(rows) -> float:\n    \"\"\"Sum of the shares, 0.0 when there are none.\"\"\"\n    total = 0.0\n    for a, b in rows:\n        total += a / b\n    return total\n";
    let all = sources(source, 5, "ZeroDivisionError", "division by zero");
    assert!(!all[0].contains("return 0.0"), "{}", all[0]);
    assert!(all.iter().any(|text| text.contains("if b == 0:\n            continue\n")));
}

#[test]
fn a_value_in_place_counts_for_less_where_the_next_line_would_crash() {
    let sibling = "def g(u):\n    return u.name if u is not None else \"x\"\n\n\n";
    let used = |last: &str| {
        let source = format!("{sibling}def f(u):\n    name = u.name\n    return {last}\n");
        let message = "'NoneType' object has no attribute 'name'";
        fixes(&source, 6, "AttributeError", message)
            .into_iter()
            .find(|fix| fix.title == "Use \"x\" when u is None")
            .map(|fix| fix.claimed)
    };
    assert!(used("name, u.mail").unwrap() < used("name, 1").unwrap());
}

/// Statements around every kind of failing expression.
const SHAPES: [&str; 12] = [
    "return {}",
    "x = {}",
    "x = g({}, k)",
    "return [{}, 1]",
    "if {}:\n        return 1",
    "for i in {}:\n        g(i)",
    "return [{} for i in a]",
    "return (lambda: {})()",
    "with g({}) as x:\n        return x",
    "g(\n        {},\n    )",
    "return f\"{{{}}}\"",
    "assert {}, k",
];

const EXPRESSIONS: [(&str, &str, &str); 8] = [
    ("a / b", "ZeroDivisionError", "division by zero"),
    ("a // len(b) * 2", "ZeroDivisionError", "integer division or modulo by zero"),
    ("a[k]", "KeyError", "'x'"),
    ("a[k].n[0]", "KeyError", "'x'"),
    ("a.strip()", "AttributeError", NAME),
    ("g(a).strip().n", "AttributeError", NAME),
    ("a[0]", "IndexError", "list index out of range"),
    ("g(a)[b + 1]", "IndexError", "list index out of range"),
];

proptest! {
    #[test]
    fn every_candidate_parses_and_stays_in_its_function(
        shape in 0..SHAPES.len(),
        expression in 0..EXPRESSIONS.len(),
        tabs in any::<bool>(),
        windows in any::<bool>(),
    ) {
        let (code, kind, message) = EXPRESSIONS[expression];
        let stmt = SHAPES[shape].replacen("{}", code, 1).replace("{{", "{").replace("}}", "}");
        let head = "def before(b):\n    return b\n\n\ndef f(a, b, k):\n    ";
        let tail = "\n    return 0\n\n\ndef after(b):\n    return b\n";
        let mut source = format!("{head}{stmt}{tail}");
        if tabs {
            source = source.replace("    ", "\t");
        }
        if windows {
            source = source.replace('\n', "\r\n");
        }
        prop_assert!(check("m.py", &source).is_ok(), "{}", source);
        let line = 6 + u32::from(shape == 9);
        for fix in fixes(&source, line, kind, message) {
            let after = patched("m.py", &source, &fix);
            prop_assert!(check("m.py", &after).is_ok(), "{}", after);
            let start = source.find("def f").unwrap();
            let end = source.find("def after").unwrap();
            prop_assert!(after.starts_with(&source[..start]), "{}", after);
            prop_assert!(after.ends_with(&source[end..]), "{}", after);
            prop_assert_eq!(windows, after.contains("\r\n"));
            prop_assert_eq!(after.matches('\n').count() == after.matches("\r\n").count(), windows);
        }
    }
}

#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;

fn replace(search: &str, replace: &str) -> Edit {
    Edit::Replace { path: "a.py".into(), search: search.into(), replace: replace.into() }
}

fn files(text: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(String::from("a.py"), text.to_owned())])
}

fn run(text: &str, edits: &[Edit]) -> Result<(String, Tier)> {
    let changes = apply(edits, &files(text))?;
    assert_eq!(changes.len(), 1);
    Ok((changes[0].after.clone().unwrap(), changes[0].tier))
}

#[test]
fn the_strictest_tier_that_fits_is_taken() {
    let file = "def f(a, b):\n    return a / b  \n\n\ndef g():\n    return 1\n";
    let (text, tier) = run(file, &[replace("    return 1\n", "    return 2\n")]).unwrap();
    assert_eq!(tier, Tier::Exact);
    assert!(text.ends_with("return 2\n"));
    let edit = replace("def f(a, b): \n    return a / b\n", "def f(a, b): \n    return 0\n");
    let (text, tier) = run(file, &[edit]).unwrap();
    assert_eq!(tier, Tier::TrailingSpace);
    assert!(text.starts_with("def f(a, b):\n    return 0\n\n"), "{text}");
    let edit = replace("return a / b", "if b:\n    return a / b\n\nreturn None");
    let (text, tier) = run(file, &[edit]).unwrap();
    assert_eq!(tier, Tier::Indentation);
    assert!(text.contains("    if b:\n        return a / b\n\n    return None\n"), "{text}");
}

#[test]
fn a_search_that_is_indented_deeper_than_the_file_fits_too() {
    let edit = replace("        x = 1\n        y = 2\n", "        x = 1\n        y = 3\n");
    assert_eq!(
        run("\tx\n    x = 1\n    y = 2\n", &[edit]).unwrap().0,
        "\tx\n    x = 1\n    y = 3\n"
    );
    let edit = replace("        x = 1\n", "    x = 1\n  y\n");
    assert!(run("    x = 1\n", &[edit]).is_err());
}

#[test]
fn tabs_stay_tabs_and_never_match_spaces() {
    let edit = replace("x = 1\n", "if y:\n\tx = 1\n");
    assert_eq!(run("f:\n\tx = 1\n", &[edit]).unwrap().0, "f:\n\tif y:\n\t\tx = 1\n");
    assert!(run("f:\n\tx = 1\n", &[replace("    x = 1\n", "    x = 2\n")]).is_err());
}

#[test]
fn a_search_that_fits_twice_is_refused_with_the_lines() {
    let error = run("x\ny\nx\n", &[replace("x\n", "z\n")]).unwrap_err().to_string();
    assert!(
        error.contains("edit 1 of \"a.py\"") && error.contains("2 places, at lines 1, 3"),
        "{error}"
    );
    // An exact place wins over a looser one.
    assert_eq!(run("  x\ny\nx\n", &[replace("x\n", "z\n")]).unwrap().0, "  x\ny\nz\n");
}

#[test]
fn a_search_that_fits_nowhere_names_the_nearest_line() {
    let error = run("a = 1\nreturn total / count\n", &[replace("return totl / count\n", "x")]);
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("nearest to line 2, \"return total / count\""), "{error}");
    assert!(run("", &[replace("x", "y")]).is_err());
}

#[test]
fn edits_see_the_result_of_earlier_ones() {
    let edits = [replace("b\n", "b1\nb2\n"), replace("b2\nc\n", "C\n")];
    assert_eq!(run("a\nb\nc\n", &edits).unwrap().0, "a\nb1\nC\n");
}

#[test]
fn all_edits_apply_or_none() {
    assert!(apply(&[replace("a\n", "b\n"), replace("zz\n", "y\n")], &files("a\n")).is_err());
}

#[test]
fn line_ends_and_the_final_newline_stay() {
    let crlf = "a\r\nb\r\nc\r\n";
    assert_eq!(run(crlf, &[replace("b\n", "x\ny\n")]).unwrap().0, "a\r\nx\r\ny\r\nc\r\n");
    assert_eq!(run("a\nb", &[replace("b\n", "x\ny\n")]).unwrap().0, "a\nx\ny");
    assert_eq!(run("a\nb", &[replace("b", "")]).unwrap().0, "a");
    assert_eq!(run("a\nb\n", &[replace("b", "c")]).unwrap().0, "a\nc\n");
    assert_eq!(run("a\nb\r\nc\n", &[replace("a", "x")]).unwrap().0, "x\nb\r\nc\n");
}

#[test]
fn edits_that_mean_nothing_are_refused() {
    let same = replace("a\n", "a\n");
    assert!(run("a\n", &[same]).unwrap_err().to_string().contains("changes nothing"));
    assert!(run("a\n", &[replace("a", "b"), replace("b", "a")]).is_err());
    assert!(run("a\n", &[replace("", "b\n")]).unwrap_err().to_string().contains("empty search"));
}

#[test]
fn files_are_made_and_deleted() {
    let create = Edit::Create { path: "n.py".into(), text: "x".into() };
    let delete = Edit::Delete { path: "a.py".into() };
    let changes = apply(&[create, delete.clone()], &files("a\n")).unwrap();
    assert_eq!((changes[0].path.as_str(), changes[0].after.as_deref()), ("a.py", None));
    assert_eq!((changes[1].before.as_deref(), changes[1].after.as_deref()), (None, Some("x")));
    let over = Edit::Create { path: "a.py".into(), text: "x".into() };
    assert_eq!(apply(&[over], &files("a\n")).unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(apply(&[delete], &BTreeMap::new()).unwrap_err().kind(), ErrorKind::NotFound);
    let below = Edit::Create { path: "a.py/x".into(), text: "x".into() };
    assert_eq!(apply(&[below], &files("a\n")).unwrap_err().kind(), ErrorKind::Conflict);
}

#[test]
fn no_edit_leaves_the_repository() {
    for path in ["../a", ".git/hooks/pre-commit", "/etc/passwd", "a/.GIT/x"] {
        let edit = Edit::Create { path: path.into(), text: "x".into() };
        assert_eq!(apply(&[edit], &BTreeMap::new()).unwrap_err().kind(), ErrorKind::Invalid);
    }
}

proptest! {
    #[test]
    fn a_replacement_is_undone_by_its_opposite(
        lines in prop::collection::btree_set("[a-z]{3,8}", 3..9),
        at in 0usize..8,
        new in "[A-Z]{3,8}",
        eol in prop_oneof![Just("\n"), Just("\r\n")],
        end in any::<bool>(),
    ) {
        let lines: Vec<String> = lines.into_iter().collect();
        let old = lines[at % lines.len()].clone();
        let file = lines.join(eol) + if end { eol } else { "" };
        let (there, _) = run(&file, &[replace(&old, &new)]).unwrap();
        prop_assert_ne!(&there, &file);
        let (back, tier) = run(&there, &[replace(&new, &old)]).unwrap();
        prop_assert_eq!(back, file);
        prop_assert_eq!(tier, Tier::Exact);
    }

    #[test]
    fn no_text_makes_it_panic(
        file in "[ab \t\r\n]{0,12}", search in "[ab \t\r\n]{0,6}", new in "[ab \t\r\n]{0,6}",
        wild in any::<String>(),
    ) {
        if let Ok((text, _)) = run(&file, &[replace(&search, &new)]) {
            prop_assert_ne!(text, file.clone());
        }
        let _ = run(&wild, &[replace(&search, &wild)]);
        let _ = run(&file, &[replace(&wild, &new)]);
    }
}

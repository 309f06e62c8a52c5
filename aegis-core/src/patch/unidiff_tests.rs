#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::{FileChange, Tier, apply, unified};
use super::*;

fn hunk(path: &str, line: u32, search: &str, replace: &str) -> Edit {
    let (path, search, replace) = (path.to_owned(), search.to_owned(), replace.to_owned());
    Edit::Hunk { path, line, search, replace }
}

fn create(path: &str, text: &str) -> Edit {
    Edit::Create { path: path.to_owned(), text: text.to_owned() }
}

fn delete(path: &str) -> Edit {
    Edit::Delete { path: path.to_owned() }
}

#[test]
fn several_hunks_and_files_are_read() {
    let text = "Here is the fix.\n```diff\ndiff --git a/m/a.py b/m/a.py\nindex 1..2 100644\n\
                --- a/m/a.py\n+++ b/m/a.py\n@@ -1,2 +1,3 @@ def f():\n a\n+b\n c\n@@ -9 +10,0 @@\n-z\n\
                diff --git a/n.py b/n.py\nnew file mode 100644\nindex 0..2\n--- /dev/null\n+++ b/n.py\n\
                @@ -0,0 +1,2 @@\n+x\n+y\n\\ No newline at end of file\n\
                --- a/o.py\t2026-01-01\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n```\nThat is all.\n";
    let expected = [
        hunk("m/a.py", 1, "a\nc\n", "a\nb\nc\n"),
        hunk("m/a.py", 11, "z\n", ""),
        create("n.py", "x\ny"),
        delete("o.py"),
    ];
    assert_eq!(parse_unified(text).unwrap(), expected);
    assert_eq!(read(text).unwrap(), expected);
}

#[test]
fn both_forms_are_told_apart() {
    let block = "a.py\n<<<<<<< SEARCH\n--- a/x\n+++ b/x\n=======\ny\n>>>>>>> REPLACE\n";
    assert!(matches!(read(block).unwrap()[..], [Edit::Replace { .. }]));
    let diff = "--- a.md\n+++ a.md\n@@ -1 +1 @@\n-<<<<<<< SEARCH\n+x\n";
    assert_eq!(read(diff).unwrap(), [hunk("a.md", 1, "<<<<<<< SEARCH\n", "x\n")]);
    assert!(read("nothing").unwrap_err().to_string().contains("found no edit"));
}

#[test]
fn files_without_a_line_come_and_go() {
    let text = "--- /dev/null\n+++ b/e.py\n\
                diff --git a/p/__init__.py b/p/__init__.py\nnew file mode 100644\nindex 0..e\n\
                diff --git \"a/\\303\\266.py\" \"b/\\303\\266.py\"\ndeleted file mode 100644\n";
    let expected = [create("e.py", ""), create("p/__init__.py", ""), delete("ö.py")];
    assert_eq!(parse_unified(text).unwrap(), expected);
}

#[test]
fn empty_lines_and_signatures_are_what_editors_and_mails_make_of_a_diff() {
    let text = "--- a/a\n+++ b/a\n@@ -1,3 +1,3 @@\n a\n\n-b\n+c\n-- \n2.47\n";
    assert_eq!(parse_unified(text).unwrap(), [hunk("a", 1, "a\n\nb\n", "a\n\nc\n")]);
    let windows = text.replace('\n', "\r\n");
    assert_eq!(
        parse_unified(&windows).unwrap(),
        [hunk("a", 1, "a\r\n\r\nb\r\n", "a\r\n\r\nc\r\n")]
    );
}

#[test]
fn what_is_refused_is_named_with_its_line() {
    let git = "diff --git a/x b/x\n";
    let file = "--- a/x\n+++ b/x\n";
    for (text, why) in [
        (String::new(), "found no `---`"),
        ("diff --git a/x b/y\nsimilarity index 90%\n".into(), "line 2: a rename"),
        ("diff --git a/x b/y\nrename from x\n".into(), "line 2: a rename"),
        ("--- a/x\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n".into(), "line 2: a rename"),
        ("diff --git a/x b/y\ncopy from x\n".into(), "line 2: a copy"),
        (format!("{git}old mode 100644\nnew mode 100755\n"), "line 2: a change of mode"),
        (format!("{git}new file mode 100755\n"), "line 2: only plain files"),
        (format!("{git}new file mode 120000\n"), "line 2: a symlink"),
        (format!("{git}deleted file mode 120000\n"), "line 2: a symlink"),
        (format!("{git}index 1..2 120000\n{file}"), "line 2: a symlink"),
        (format!("{git}index 1..2 160000\n{file}"), "line 2: a submodule"),
        (format!("{git}new file mode 160000\n"), "line 2: a submodule"),
        (format!("{git}index 1..2\nGIT binary patch\n"), "line 3: a binary patch"),
        (format!("{git}Binary files a/x and b/x differ\n"), "line 2: a binary patch"),
        ("diff --cc x\n".into(), "line 1: the diff of a merge"),
        (format!("{git}{file}"), "line 4: expected a hunk"),
        (git.into(), "line 2: expected `---`"),
        (format!("{git}new file mode 100644\n{file}@@ -1 +1 @@\n-a\n+b\n"), "said in two ways"),
        ("--- a/../x\n+++ b/../x\n".into(), "line 1: expected a path"),
        ("--- /etc/passwd\n+++ /etc/passwd\n".into(), "line 1: expected a path"),
        ("--- a/.git/config\n+++ b/.git/config\n".into(), "line 1: expected a path"),
        ("--- a/x\n+++ b/.git/config\n".into(), "line 2: expected a path"),
        ("--- /dev/null\n+++ /dev/null\n".into(), "line 1: both sides"),
        ("--- a/x\n".into(), "line 2: expected `+++`"),
        ("--- a/x\n@@ -1 +1 @@\n".into(), "line 2: expected `+++`"),
        ("+++ b/x\n".into(), "line 1: expected `---`"),
        ("@@ -1 +1 @@\n-a\n+b\n".into(), "line 1: expected `---` and"),
        (format!("{file}@@ -1 @@\n"), "line 3: expected `@@ -1,2"),
        (format!("{file}@@ -1,2 +1 @@\n-a\n+b\n"), "line 6: the hunk's counts promise more"),
        (format!("{file}@@ -1 +1 @@\n-a\n+b\n+c\n"), "line 6: the hunk's counts promise fewer"),
        (format!("{file}@@ -1 +1 @@\n-a\n-b\n+c\n"), "line 5: the hunk's counts don't add up"),
        (format!("{file}@@ -1 +1 @@\n-a\n*b\n"), "line 5: expected a line of the hunk"),
        (format!("{file}@@ -1 +1,2 @@\n-a\n+b\n\\ No newline\n+c\n"), "line 7: only the last line"),
        (format!("{file}@@ -1 +1 @@\n\\ No newline\n"), "line 4: expected a line"),
        ("--- /dev/null\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n".into(), "line 3: a file that is made"),
        ("--- a/x\n+++ /dev/null\n@@ -1 +1 @@\n-a\n+b\n".into(), "line 3: a file that is deleted"),
        ("--- \"a/\\9\"\n+++ b/x\n".into(), "line 1: expected a quoted path"),
    ] {
        let error = parse_unified(&text).unwrap_err().to_string();
        assert!(error.contains(why), "{text:?}: {error}");
    }
}

#[test]
fn too_much_is_refused() {
    assert!(parse_unified(&"x".repeat(MAX_TEXT + 1)).is_err());
    let hunks = |n| format!("--- a/x\n+++ b/x\n{}", "@@ -1 +1 @@\n-a\n+b\n".repeat(n));
    assert_eq!(parse_unified(&hunks(MAX_EDITS)).unwrap().len(), MAX_EDITS);
    assert!(parse_unified(&hunks(MAX_EDITS + 1)).is_err());
}

fn applied(before: &str, edits: &[Edit]) -> Result<String> {
    let files = BTreeMap::from([(String::from("x"), before.to_owned())]);
    apply(edits, &files).map(|changes| changes[0].after.clone().unwrap())
}

#[test]
fn the_line_is_a_hint_where_the_context_fits_in_several_places() {
    let file = "a\nb\nc\na\nb\n";
    assert_eq!(applied(file, &[hunk("x", 4, "a\nb\n", "a\nB\n")]).unwrap(), "a\nb\nc\na\nB\n");
    // Where it fits in one place only, that counts.
    assert_eq!(applied(file, &[hunk("x", 1, "b\nc\n", "b\n")]).unwrap(), "a\nb\na\nb\n");
    let error = applied(file, &[hunk("x", 2, "a\nb\n", "a\n")]).unwrap_err().to_string();
    assert!(error.contains("several places, at lines 1, 4;"), "{error}");
    // Looser than byte for byte, the same holds.
    let windows = hunk("x", 4, "a\r\nb\r\n", "a\r\nB\r\n");
    assert_eq!(applied(file, &[windows]).unwrap(), "a\nb\nc\na\nB\n");
}

#[test]
fn a_hunk_that_does_not_say_where_it_goes_is_refused() {
    assert!(applied("a\n", &[hunk("x", 1, "", "b\n")]).is_err());
    assert_eq!(applied("", &[hunk("x", 1, "", "b\n")]).unwrap(), "b\n");
    assert!(applied("a\nb\n", &[hunk("x", 1, "a\n", "x")]).is_err());
    assert!(applied("a\n", &[hunk("x", 1, "a\n", "a\n")]).is_err());
}

fn text() -> impl Strategy<Value = Option<String>> {
    let line = prop_oneof![
        "[ab \\-+@\\\\\t]{0,4}",
        Just(String::from("-- x")),
        Just(String::from("++ x")),
        Just(String::from("a\r")),
        Just(String::from("\r")),
        Just(String::from("a\rb")),
        Just(String::from("<<<<<<< SEARCH")),
        Just(String::from(" No newline at end of file")),
    ];
    let some = (prop::collection::vec(line, 0..14), any::<bool>())
        .prop_map(|(lines, end)| lines.join("\n") + if end { "\n" } else { "" });
    prop_oneof![1 => Just(None), 8 => some.prop_map(Some)]
}

proptest! {
    #[test]
    fn what_is_shown_reads_back_and_does_the_same(
        pairs in prop::collection::vec((text(), text()), 1..4),
    ) {
        let names = ["a.py", "b c/d.py", "größe.py"];
        let changes: Vec<FileChange> = names.iter().zip(pairs)
            .filter(|(_, (before, after))| before != after)
            .map(|(name, (before, after))| {
                FileChange { path: (*name).into(), before, after, tier: Tier::Exact }
            })
            .collect();
        prop_assume!(!changes.is_empty());
        let edits = read(&unified(&changes)).unwrap();
        let files = changes.iter()
            .filter_map(|c| Some((c.path.clone(), c.before.clone()?)))
            .collect();
        prop_assert_eq!(apply(&edits, &files).unwrap(), changes);
    }

    #[test]
    fn no_diff_makes_it_panic(text in "(?s:[-+@ ab0-9,\\\\\n\"/]{0,60})", wild in any::<String>()) {
        for text in [&text, &wild] {
            let _ = parse_unified(text);
            let _ = parse_unified(&format!("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n{text}"));
            let _ = parse_unified(&format!("diff --git {text}\n"));
            let _ = parse_unified(&format!("--- {text}\n+++ {text}\n{text}"));
        }
    }
}

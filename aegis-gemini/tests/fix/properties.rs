//! What holds for any answer and any file.

use aegis_core::patch::Edit;
use aegis_core::policy::SizeLimit;
use proptest::prelude::*;

use super::{Bed, OTHER, PATH, STATS, Says, applied};

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

/// Pieces of answers: what is asked for, what isn't, and anything.
fn answer() -> impl Strategy<Value = String> {
    let line = |text: &'static str| Just(format!("{text}\n")).boxed();
    let fixed = [
        "CANDIDATE",
        "TITLE: One",
        "MEANING: It is one.",
        "```",
        "shop/stats.py",
        "shop/other.py",
        "tests/test_stats.py",
        "new.py",
        "../x.py",
        "<<<<<<< SEARCH",
        "=======",
        ">>>>>>> REPLACE",
        "<<<<<<< DELETE",
        "    return total / len(values)",
        "    total = sum(values)",
        "    return 0.0",
        "def mean(values):",
        "NONE",
        "\\=======",
        "",
    ];
    let search = "<<<<<<< SEARCH\n    return total / len(values)\n=======\n";
    let whole = [
        Just(super::good()).boxed(),
        Just(format!("CANDIDATE\nTITLE: T\nMEANING: M\n{PATH}\n{search}")).boxed(),
        any::<String>().boxed(),
    ];
    let pieces = fixed.map(line).into_iter().chain(whole).collect::<Vec<_>>();
    prop::collection::vec(prop::strategy::Union::new(pieces), 0..14).prop_map(|all| all.concat())
}

/// A file of a few lines, some of them alike, and other lines for a run of them.
fn edited() -> impl Strategy<Value = (Vec<String>, usize, usize, Vec<String>)> {
    let line = "( {0,3}[abc]{1,3}| {4}[a-z]{3,9}|)";
    (prop::collection::vec(line, 1..12), prop::collection::vec(line, 0..4)).prop_flat_map(
        |(lines, new)| {
            let count = lines.len();
            (Just(lines), 0..count, 1..4usize, Just(new)).prop_map(
                move |(lines, from, more, new)| {
                    let to = (from + more).min(count);
                    (lines, from, to, new)
                },
            )
        },
    )
}

fn text(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

proptest! {
    #[test]
    fn no_answer_makes_it_panic_or_touch_what_was_not_shown(text in answer()) {
        let bed = Bed::new([Says::Text(text)]);
        let fixes = block_on(bed.generate()).unwrap_or_default();
        for fix in fixes {
            for edit in &fix.patch().unwrap().edits {
                let made = matches!(edit, Edit::Create { path, .. } if path == "new.py");
                prop_assert!(edit.path() == PATH || made, "{edit:?}");
            }
            applied(&fix, &[(PATH, STATS), ("shop/other.py", OTHER)]);
        }
    }

    #[test]
    fn an_edit_in_blocks_gives_exactly_the_edited_file(
        (lines, from, to, new) in edited(),
        loosely in 0..3u8,
        end in any::<bool>(),
    ) {
        // Without its end a blank last line is none.
        let end = end && lines.last().is_some_and(|line| !line.is_empty());
        let mut before = text(&lines);
        let mut after = text(&[&lines[..from], &new, &lines[to..]].concat());
        if end {
            before.pop();
            after.pop();
        }
        let bare = |lines: &[String]| lines.iter().map(|line| line.trim().to_owned()).collect();
        let search: Vec<String> = bare(&lines[from..to]);
        let places = lines.windows(to - from).filter(|window| search == bare(window)).count();
        let is_told = places == 1 && search.iter().any(|line| !line.is_empty());
        // What is shifted may stand elsewhere just as it was written.
        let loosely = if is_told { loosely } else { loosely.min(1) };
        let loose = |line: &String| match loosely {
            1 => format!("{line}  "),
            2 if !line.is_empty() => format!("  {line}"),
            _ => line.clone(),
        };
        let written = |lines: &[String]| text(&lines.iter().map(loose).collect::<Vec<_>>());
        // What is put there is taken as it is written, but for a shift.
        let replace = if loosely == 1 { text(&new) } else { written(&new) };
        let search = written(&lines[from..to]);
        let answer = format!(
            "CANDIDATE\nTITLE: T\nMEANING: M\n{PATH}\n\
             <<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n"
        );
        let mut bed = Bed::on(&[(PATH, &before)], [Says::Text(answer)])
            .with(|fixes| fixes.with_size(SizeLimit::new(3, 1_000)));
        bed.diagnosis = super::diagnosis(PATH, 1);
        let fixes = block_on(bed.generate()).unwrap_or_default();
        let Some(fix) = fixes.first() else {
            prop_assert!(!is_told || before == after, "it is not placed: {before:?} to {after:?}");
            return Ok(());
        };
        let changes = applied(fix, &[(PATH, &before)]);
        prop_assert_eq!(changes[0].after.as_deref(), Some(after.as_str()));
    }
}

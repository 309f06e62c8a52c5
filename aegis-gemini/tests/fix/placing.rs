//! Where an edit goes.

use aegis_core::Confidence;

use super::{Bed, PATH, STATS, Says, after, applied, candidate, diagnosis, good, guarded};

#[tokio::test]
async fn a_search_that_fits_in_several_places_is_refused() {
    let text = "def f(a):\n    x = 1\n    return a\n\ndef g(a):\n    x = 1\n    return a\n";
    let answer = candidate("T", PATH, "    x = 1", "    x = 2");
    let bed = Bed::on(&[(PATH, text)], [answer, "NONE".into()].map(Says::Text));
    assert_eq!(bed.generate().await.unwrap(), []);
    let told = bed.last_turns().pop().unwrap();
    assert!(told.contains("several places, at lines 2, 6; add lines around it"), "{told}");
}

#[tokio::test]
async fn indentation_and_trailing_blanks_may_differ_and_the_patch_is_exact() {
    let (search, guard) = ("return total / len(values)", "if not values:\n    return 0.0");
    for answer in [
        candidate("T", PATH, search, &format!("{guard}\n{search}")),
        good().replace("values)\n=======", "values)  \n======="),
    ] {
        let fixes = Bed::saying([answer]).generate().await.unwrap();
        assert_eq!(after(&fixes[0]), guarded());
        assert_eq!(fixes[0].claimed, Confidence::from_percent(80));
    }
}

#[tokio::test]
async fn however_it_is_written_the_same_change_is_the_same_patch() {
    let wide = candidate(
        "Wide",
        PATH,
        "    total = sum(values)\n    return total / len(values)",
        "    total = sum(values)\n    if not values:\n        return 0.0\n    return total / len(values)",
    );
    let (one, other) = (Bed::saying([good()]), Bed::saying([wide]));
    let (one, other) = (one.generate().await.unwrap(), other.generate().await.unwrap());
    assert_eq!(one[0].digest(), other[0].digest());
    assert_ne!(one[0].title, other[0].title);
}

#[tokio::test]
async fn one_place_that_is_nine_tenths_alike_is_taken_and_counts_less() {
    let search = "    totl = sum(values)\n    return total / len(values)";
    let replace = "    totl = sum(values)\n    return total / len(values) if values else 0.0";
    let fixes = Bed::saying([candidate("T", PATH, search, replace)]).generate().await.unwrap();
    let line = "return total / len(values)";
    assert_eq!(after(&fixes[0]), STATS.replace(line, &format!("{line} if values else 0.0")));
    assert_eq!(fixes[0].claimed, Confidence::from_percent(72));
}

#[tokio::test]
async fn of_two_places_that_are_alike_none_is_taken() {
    let text = "def first_of(values):\n    return first_item(values)\n\n\n\
                def last_of(values):\n    return first_item(valuez)\n";
    let answer = candidate("T", PATH, "    return first_item(valus)", "    return 0");
    let mut bed = Bed::on(&[(PATH, text)], [answer, "NONE".into()].map(Says::Text));
    bed.diagnosis = diagnosis(PATH, 2);
    assert_eq!(bed.generate().await.unwrap(), []);
    let told = bed.last_turns().pop().unwrap();
    assert!(told.contains("comes near to lines 2 and 6"), "{told}");
}

#[tokio::test]
async fn a_line_with_a_secret_stays_as_the_file_has_it_and_is_never_told() {
    let secret = "password = \"hunter2-is-secret\"";
    let text = format!("{secret}\n{STATS}");
    let files = [(PATH, text.as_str())];
    // The line with the placeholder stands in search and replacement, as context.
    let shown = Bed::on(&files, [Says::Text("NONE".into())]);
    shown.generate().await.unwrap();
    let data = shown.last_turns().pop().unwrap();
    let line = data.lines().find(|line| line.starts_with("password = ")).unwrap();
    assert!(line.contains("[redacted:"), "{line}");
    let doc = "\"\"\"Numbers about orders.\"\"\"\n\n\ndef mean(values):\n    \
               \"\"\"The mean of the values; 0.0 where there are none.\"\"\"\n    total = sum(values)";
    let search = format!("{line}\n{doc}\n    return total / len(values)");
    let replace = format!("{line}\n{doc}\n    return total / max(len(values), 1)");
    let bed = Bed::on(&files, [Says::Text(candidate("T", PATH, &search, &replace))]);
    let fixes = bed.generate().await.unwrap();
    let changes = applied(&fixes[0], &files);
    assert!(changes[0].after.as_deref().unwrap().starts_with(secret));
    assert!(!format!("{:?}", fixes[0]).contains("hunter2"));
    let near = candidate("T", PATH, "password = \"hunter\" + other", "x = 1");
    let bed = Bed::on(&files, [near, "NONE".into()].map(Says::Text));
    assert_eq!(bed.generate().await.unwrap(), []);
    let told = bed.last_turns().pop().unwrap();
    assert!(told.contains("nearest to line 1") && !told.contains("hunter2"), "{told}");
}

#[tokio::test]
async fn what_comes_near_and_cant_be_replaced_is_told_without_the_file() {
    let text = format!("if True:\n    password = \"hunter2-is-secret\"\n    total = 1\n{STATS}");
    let search = "if True:\n    password = \"hunter2-is-secre\"\n      total = 1";
    let answer = candidate("T", PATH, search, "x = 1");
    let mut bed = Bed::on(&[(PATH, &text)], [answer, "NONE".into()].map(Says::Text));
    bed.diagnosis = diagnosis(PATH, 2);
    assert_eq!(bed.generate().await.unwrap(), []);
    let told = bed.last_turns().pop().unwrap();
    assert!(told.contains("comes near to lines that it can't be put on"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
}

#[tokio::test]
async fn several_shown_files_change_together_and_keep_their_line_ends() {
    let (stats, other) = (STATS.replace('\n', "\r\n"), "limit = 3\nmore = 4");
    let files = [(PATH, stats.as_str()), ("shop/other.py", other)];
    let block =
        "```\nshop/other.py\n<<<<<<< SEARCH\nmore = 4\n=======\nmore = 5\n>>>>>>> REPLACE\n```\n";
    let mut bed = Bed::on(&files, [Says::Text(format!("{}{block}", good()))]);
    let likely = diagnosis("shop/other.py", 1).hypotheses;
    bed.diagnosis.hypotheses.extend(likely);
    let fixes = bed.generate().await.unwrap();
    let after: Vec<String> =
        applied(&fixes[0], &files).into_iter().filter_map(|change| change.after).collect();
    assert_eq!(after, ["limit = 3\nmore = 5".to_owned(), guarded().replace('\n', "\r\n")]);
}

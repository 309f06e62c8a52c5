#![allow(clippy::unwrap_used)]
use super::*;

const BLOCK: &str = "a.py\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n";

fn one(text: &str) -> Result<Draft, String> {
    let mut all = drafts(text).unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all.pop().unwrap()
}

/// The block as the core reads it.
fn edits(draft: &Draft) -> Vec<aegis_core::patch::Edit> {
    aegis_core::patch::parse(&draft.blocks).unwrap()
}

#[test]
fn the_form_that_is_asked_for_is_read() {
    let second = BLOCK.replace('x', "z");
    let text = format!(
        "CANDIDATE\nTITLE: One\nMEANING: It is\none.\n```\n{BLOCK}```\n\
         CANDIDATE\nTITLE: Two\nMEANING: It is two.\n```python\n{second}```\n"
    );
    let all: Vec<Draft> = drafts(&text).unwrap().into_iter().map(Result::unwrap).collect();
    let said = all.iter().map(|draft| (draft.title.as_str(), draft.meaning.as_str()));
    assert_eq!(said.collect::<Vec<_>>(), [("One", "It is one."), ("Two", "It is two.")]);
    assert_eq!(edits(&all[0])[0].path(), "a.py");
    assert_ne!(edits(&all[0]), edits(&all[1]));
}

#[test]
fn headings_bold_labels_prose_and_paths_above_the_fence_are_read() {
    let plain = one(&format!("TITLE: One\nMEANING: It is one.\n{BLOCK}")).unwrap();
    let fenced = BLOCK.strip_prefix("a.py\n").unwrap();
    for text in [
        format!("Here is my fix.\n\nCANDIDATE\nTITLE: One\nMEANING: It is one.\n```\n{BLOCK}```"),
        format!("## CANDIDATE 1\n**TITLE:** One\n**MEANING:** It is one.\n\n```py\n{BLOCK}```\n"),
        format!("**CANDIDATE**\n**TITLE: One**\n**Meaning**: It is one.\na.py\n```\n{fenced}```"),
        format!("Candidate 1:\nTitle: One\nMeaning: It\nis one.\n### `a.py`\n```\n{fenced}```"),
        format!("TITLE: One\nMEANING: It is one.\n**File:** `a.py`\n```\n{fenced}```"),
        format!("TITLE: One\r\nMEANING: It is one.\r\n{}", BLOCK.replace('\n', "\r\n")),
    ] {
        let draft = one(&text).unwrap_or_else(|why| panic!("{why}\n{text}"));
        assert_eq!((&draft.title, &draft.meaning), (&plain.title, &plain.meaning), "{text}");
        assert_eq!(edits(&draft), edits(&plain), "{text}");
    }
}

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    let twice = format!("CANDIDATE\nTITLE: One\nMEANING: M\n{BLOCK}TITLE: Two\n{BLOCK}");
    for (text, why) in [
        (twice, "several lines TITLE"),
        (format!("CANDIDATE\nMEANING: M\n{BLOCK}"), "no line TITLE"),
        (format!("CANDIDATE\nTITLE: T\n{BLOCK}"), "no line MEANING"),
        (format!("CANDIDATE\nTITLE: \u{202e}\nMEANING: M\n{BLOCK}"), "is empty"),
        (String::from("CANDIDATE\nTITLE: T\nMEANING: M\n"), "no block"),
    ] {
        let said = one(&text).unwrap_err();
        assert!(said.contains(why), "{said}");
    }
    assert!(drafts("I would guard the divisor.").unwrap_err().contains("no candidate"));
    assert!(drafts(&"x".repeat(MOST + 1)).unwrap_err().contains("at most"));
}

#[test]
fn none_is_an_answer_and_only_where_there_is_no_block() {
    for text in ["NONE", "**NONE**\n", "The code is right.\n\nNONE.", "CANDIDATE\nNONE"] {
        assert_eq!(drafts(text), Ok(Vec::new()), "{text}");
        assert_eq!(function(text), Ok(None), "{text}");
    }
    let block = BLOCK.replace("\nx\n", "\nNONE\n");
    assert_eq!(drafts(&format!("TITLE: T\nMEANING: M\n{block}")).unwrap().len(), 1);
    assert!(drafts("None of it can be mended").is_err());
}

#[test]
fn labels_inside_of_a_block_are_lines_of_code() {
    let block = BLOCK.replace("\ny\n", "\nCANDIDATE\nTITLE: no\nMEANING: no\n");
    let draft = one(&format!("TITLE: T\nMEANING: M\n{block}")).unwrap();
    assert!(draft.title == "T" && draft.blocks.contains("TITLE: no"));
}

#[test]
fn a_title_is_one_short_line_of_what_a_reader_sees() {
    let long = "word ".repeat(30);
    let draft = one(&format!("TITLE: Mend\u{202e}\tit {long}\nMEANING: M\n{BLOCK}")).unwrap();
    assert!(draft.title.starts_with("Mend it word"), "{}", draft.title);
    assert!(draft.title.chars().count() <= TITLE && draft.title.ends_with("word"));
    let endless = one(&format!("TITLE: {}\nMEANING: M\n{BLOCK}", "x".repeat(500))).unwrap();
    assert_eq!(endless.title.len(), TITLE);
}

#[test]
fn a_function_stands_between_the_only_two_fences() {
    let text = "TITLE: T\nMEANING: M\n```python\ndef f():\n    return 1\n```\n";
    let draft = function(text).unwrap().unwrap();
    assert_eq!(draft.blocks, "def f():\n    return 1\n");
    let quoted = text.replace("return 1", "\"\"\"\n    ```\n    \"\"\"");
    assert!(function(&quoted).unwrap().unwrap().blocks.contains("```"));
    for text in [text.replace("```\n", ""), format!("{text}```\ndef g(): pass\n```\n")] {
        assert!(function(&text).unwrap_err().contains("one function"), "{text}");
    }
}

//! Answers of a model that was talked into something.

use aegis_core::policy::{ProtectedPaths, SizeLimit};

use super::{Bed, PATH, STATS, Says, candidate};

/// Why `answer` is refused; nothing of it is offered.
async fn refused(answer: &str) -> String {
    refused_by(Bed::saying([answer, "NONE"])).await
}

async fn refused_by(bed: Bed) -> String {
    assert_eq!(bed.generate().await.unwrap(), []);
    let told = bed.last_turns();
    assert_eq!(told.len(), 2, "{told:?}");
    told[1].clone()
}

const LINE: &str = "    return total / len(values)";

#[tokio::test]
async fn what_was_not_shown_is_not_touched() {
    for (path, why) in [
        ("tests/test_stats.py", "protected folder tests"),
        ("shop/other.py", "not shown"),
        ("shop/nowhere.py", "not shown"),
        (".github/workflows/ci.yml", "protected folder .github"),
        ("pyproject.toml", "protected by the rule pyproject.toml"),
        ("requirements.txt", "protected by the rule"),
        ("../secrets.py", "must not climb"),
        ("/etc/passwd", "must be relative"),
        ("shop/../../x.py", "must not climb"),
        (".git/hooks/pre-commit", "Git's own"),
        ("shop/st\u{200b}ats.py", "can't be seen"),
    ] {
        let told = refused(&candidate("T", path, "x = 1", "x = 2")).await;
        assert!(told.contains(why), "{path}: {told}");
    }
}

#[tokio::test]
async fn a_file_is_made_only_where_nothing_is() {
    let made = |path: &str| candidate("T", path, "", "x = 1").replace("SEARCH\n\n", "SEARCH\n");
    for (path, why) in [
        (PATH, "it exists"),
        ("shop/other.py", "shop/other.py is there"),
        ("Shop/Other.py", "shop/other.py is there"),
        ("shop/other.py/x.py", "shop/other.py is there"),
        ("shop", "is there"),
        ("conftest.py", "protected by the rule conftest.py"),
        ("shop/sitecustomize.py", "protected"),
        ("setup.py", "protected"),
    ] {
        let told = refused(&made(path)).await;
        assert!(told.contains(why), "{path}: {told}");
    }
    let bed = Bed::saying([made("shop/none.py")]);
    assert_eq!(bed.titles().await, ["T"]);
}

#[tokio::test]
async fn no_file_is_deleted() {
    let answer = format!("CANDIDATE\nTITLE: T\nMEANING: M\n```\n{PATH}\n<<<<<<< DELETE\n```\n");
    assert!(refused(&answer).await.contains("policy forbids it, size"));
}

#[tokio::test]
async fn characters_that_nobody_sees_placeholders_and_secrets_are_not_written() {
    let secret = "    key = \"AKIAIOSFODNN7REALKEY\"\n";
    for (replace, why) in [
        (format!("    return 0  # \u{202e}\n{LINE}"), "U+202E"),
        (format!("    t\u{43e}tal = 1\n{LINE}"), "unicode"),
        (format!("    key = \"[redacted:secret:1a2b]\"\n{LINE}"), "placeholder"),
        (format!("{secret}{LINE}"), "secret"),
        (format!("    >>>>>>> REPLACE \n{LINE}"), "marker"),
        (format!("\\=======\n{LINE}"), "marker"),
    ] {
        let told = refused(&candidate("T", PATH, LINE, &replace)).await;
        assert!(told.contains(why), "{replace}: {told}");
    }
}

#[tokio::test]
async fn what_changes_nothing_is_no_fix() {
    assert!(refused(&candidate("T", PATH, LINE, LINE)).await.contains("changes nothing"));
    let there = candidate("T", PATH, LINE, "    return 0");
    let back =
        "<<<<<<< SEARCH\n    return 0\n=======\n    return total / len(values)\n>>>>>>> REPLACE\n";
    let both = there.replace(">>>>>>> REPLACE\n", &format!(">>>>>>> REPLACE\n{back}"));
    assert!(refused(&both).await.contains("changes nothing"));
}

#[tokio::test]
async fn the_hosts_own_limits_are_held() {
    let own = ProtectedPaths::default().with_file("stats.py");
    let edit = candidate("T", PATH, LINE, "    return 0");
    let bed = Bed::saying([edit.as_str(), "NONE"]).with(|fixes| fixes.with_protected(own));
    assert!(refused_by(bed).await.contains("protected by the rule stats.py"));
    let long = candidate("T", PATH, LINE, &format!("{}{LINE}", "    values = values\n".repeat(5)));
    let small = |bed: Bed| bed.with(|fixes| fixes.with_size(SizeLimit::new(1, 4)));
    let told = refused_by(small(Bed::saying([long.as_str(), "NONE"]))).await;
    assert!(told.contains("1 files and 5 changed lines; at most 1 and 4"), "{told}");
    assert_eq!(small(Bed::saying([edit])).titles().await, ["T"]);
}

#[tokio::test]
async fn limits_hold_for_a_whole_function_too() {
    let wrong = Says::Text("no".into());
    let body = "    total = 1\n".repeat(70);
    let whole =
        format!("TITLE: T\nMEANING: M\n```\ndef mean(values):\n{body}    return total\n```\n");
    let bed = Bed::new([wrong.clone(), wrong, Says::Text(whole)]);
    let error = bed.generate().await.unwrap_err().to_string();
    assert!(error.contains("changed lines; at most 3 and 60"), "{error}");
}

#[tokio::test]
async fn a_function_with_a_secret_is_not_asked_for() {
    let stats = STATS.replace("    total =", "    password = \"hunter2-is-secret\"\n    total =");
    let bed = Bed::on(&[(PATH, &stats)], [Says::Text("no".into())]);
    bed.generate().await.unwrap_err();
    assert_eq!(bed.asked().len(), 2);
}

//! What a model is shown.

use std::fs;
use std::path::Path;

use aegis_core::model::{Attempt, AttemptEnd, Cause, Hypothesis, Location, Trigger};
use aegis_core::policy::{ProtectedPaths, SizeLimit};
use aegis_core::{Confidence, Digest};
use aegis_gemini::prompt::Framer;

use super::{Bed, CRASH, PATH, STATS, Says, case, redactor};

/// System text and data of the first request, with the marker masked.
async fn prompt(bed: &Bed) -> (String, String) {
    bed.generate().await.unwrap();
    let request = bed.asked().remove(0);
    let data = request.turns[0].text.as_str();
    let first = data.lines().next().unwrap();
    let marker = first.rsplit(' ').next().unwrap().trim_end_matches('.');
    (request.system.as_str().to_owned(), data.replace(marker, "MARKER"))
}

fn silent() -> Bed {
    Bed::saying(["NONE"])
}

/// The first line in which two texts differ.
fn first_difference(a: &str, b: &str) -> String {
    let at = a.lines().zip(b.lines()).take_while(|(a, b)| a == b).count();
    format!("line {}: {:?} and {:?}", at + 1, a.lines().nth(at), b.lines().nth(at))
}

#[tokio::test]
async fn a_whole_prompt_is_as_it_was_read() {
    let mut bed = silent();
    bed.diagnosis.triggers.push(Trigger::new("GET", "/mean?of=", "/mean"));
    let attempt = Attempt::new(
        Digest::of(["x"]),
        "Divide by at least one",
        AttemptEnd::Rejected,
        "tests: 1 of 12 failed\ntest_mean_of_nothing: assert 1.0 == 0.0",
    );
    bed.case.attempts.push(attempt);
    let (system, data) = prompt(&bed).await;
    let is = format!("{system}\n=== data\n{data}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fix/prompt.txt");
    let read = fs::read_to_string(&path).unwrap_or_default();
    if is != read {
        let seen = Path::new(env!("CARGO_TARGET_TMPDIR")).join("prompt.txt");
        fs::write(&seen, &is).unwrap();
        let differs = first_difference(&read, &is);
        panic!("the prompt differs from {path:?} in {differs}; read {seen:?} and put it there");
    }
}

#[tokio::test]
async fn what_policy_forbids_is_said() {
    let own = ProtectedPaths::default().with_folder("ledger").with_file("*.sql");
    let bed = silent().with(|fixes| fixes.with_protected(own).with_size(SizeLimit::new(2, 17)));
    let (system, _) = prompt(&bed).await;
    for part in ["tests", "conftest.py", "ledger", "*.sql", "More than 2 files", "17 lines"] {
        assert!(system.contains(part), "{part}");
    }
}

#[tokio::test]
async fn examples_are_chosen_by_what_was_raised() {
    let zero = "ZeroDivisionError: division by zero";
    for (raised, own) in [
        (zero, Some("the documentation names the answer")),
        ("AttributeError: 'NoneType' object has no attribute 'x'", Some("known to be optional")),
        ("TypeError: 'NoneType' object is not subscriptable", Some("known to be optional")),
        ("KeyError: 'x'", Some("a constant beside")),
        ("IndexError: list index out of range", Some("a function beside")),
        ("TypeError: can only concatenate str (not \"int\") to str", Some("made wrong elsewhere")),
        (
            "ValueError: not enough values to unpack (expected 2, got 1)",
            Some("made wrong elsewhere"),
        ),
        ("ValueError: invalid literal for int()", None),
        ("shop.errors.OutOfStock: none left", None),
    ] {
        let mut bed = silent();
        bed.case = case(&CRASH.replace(zero, raised));
        let (system, _) = prompt(&bed).await;
        let shown: Vec<&str> = system.lines().filter_map(|l| l.strip_prefix("Example: ")).collect();
        assert_eq!(shown.len(), 1 + usize::from(own.is_some()), "{raised}: {shown:?}");
        assert!(own.is_none_or(|own| shown[0].contains(own)), "{raised}: {shown:?}");
    }
}

#[tokio::test]
async fn the_places_of_the_two_likeliest_causes_are_shown() {
    let mut bed = silent();
    for path in ["shop/other.py", "tests/test_stats.py"] {
        let cause = Cause::Code(Location::new(path, 1));
        bed.diagnosis.hypotheses.push(Hypothesis::new(
            cause,
            "maybe",
            Confidence::from_percent(20),
        ));
    }
    let (_, data) = prompt(&bed).await;
    assert!(data.contains("file shop/other.py, lines 1 to 1"), "{data}");
    assert!(!data.contains("file tests/test_stats.py"));
}

#[tokio::test]
async fn no_secret_is_in_any_request() {
    let secrets = [
        "hunter2-is-secret",
        "AKIAIOSFODNN7REALKEY",
        "ghp_0123456789abcdefghijABCDEFGHIJ012345",
        "postgres-pass-77",
        "MIIEowIBAAKCAQEAx1l9XcVhYyQ5c0pXo2YbM3kqJmFh",
    ];
    let [password, aws, github, database, pem] = secrets;
    let begin = ["-----BEGIN RSA ", "PRIVATE KEY-----"].concat();
    let end = begin.replace("BEGIN", "END");
    let stats = format!(
        "password = \"{password}\"\nkey = \"{aws}\"\ntoken = \"{github}\"\n\
         url = \"postgres://shop:{database}@db/shop\"\nPEM = \"\"\"{begin}\n{pem}\n{end}\"\"\"\n{STATS}"
    );
    let near = |line: &str| super::candidate("T", PATH, line, "x = 1");
    let wrong =
        [near("password = \"hunter\" + a"), near(&pem[..30]), near("token = \"ghp_0\" + b")];
    let mut bed = Bed::on(&[(PATH, &stats)], [Says::Text(wrong.concat())]);
    let feedback = format!("login with password={password} failed; {github}");
    let attempt = Attempt::new(Digest::of(["x"]), "T", AttemptEnd::Rejected, feedback);
    bed.case.attempts.push(attempt);
    bed.diagnosis.hypotheses[0].evidence.push(format!("token = \"{github}\""));
    bed.generate().await.unwrap_err();
    let asked = bed.asked();
    assert!(asked.len() >= 2 && asked[0].turns[0].text.as_str().contains("[redacted:"));
    for request in asked {
        let sent = format!("{request:?}");
        for secret in secrets {
            assert!(!sent.contains(secret), "{secret}: {sent}");
        }
    }
}

#[tokio::test]
async fn a_framer_that_is_passed_in_gives_its_placeholders() {
    let (framer, stats) =
        (Framer::new(redactor()), format!("password = \"hunter2-is-secret\"\n{STATS}"));
    let expected = framer.redactor().redact_str(&stats).as_str().lines().next().unwrap().to_owned();
    let bed = Bed::on(&[(PATH, &stats)], [Says::Text("NONE".into())]);
    let (_, data) = prompt(&bed.with(|fixes| fixes.with_framer(framer))).await;
    assert!(data.contains(&expected), "{expected}: {data}");
}

#[tokio::test]
async fn what_is_shown_stays_within_the_budget() {
    let config = aegis_gemini::fix::FixConfig::default().with_context_tokens(1_000);
    let long = format!("{STATS}{}", "# more\n".repeat(5_000));
    let mut bed = Bed::on(&[(PATH, &long)], [Says::Text("NONE".into())])
        .with(|fixes| fixes.with_config(config));
    let feedback = "x y\n".repeat(10_000);
    for _ in 0..50 {
        let attempt = Attempt::new(Digest::of(["x"]), "T", AttemptEnd::Rejected, feedback.clone());
        bed.case.attempts.push(attempt);
    }
    let (_, data) = prompt(&bed).await;
    assert!(data.len() < 3_000 + 5 * 4_500, "{}", data.len());
}

#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::super::corpus::{MIXED, UPPER, corpus};
use super::super::providers::PROVIDERS;
use super::super::rules::STANDARD;
use super::*;

#[test]
fn every_seeded_secret_is_replaced_and_nothing_around_it() {
    let redactor = Redactor::standard();
    for (rule, before, secret, after) in corpus() {
        let text = format!("{before}{secret}{after}");
        let out = redactor.redact_str(&text).to_string();
        let start = format!("{before}[redacted:{rule}:");
        assert!(out.starts_with(&start) && out.ends_with(&format!("]{after}")), "{text}\n{out}");
        assert_eq!(out.len(), start.len() + 5 + after.len(), "{text}\n{out}");
        assert_eq!(redactor.redact_str(&out).as_str(), out);
    }
}

#[test]
fn what_is_named_a_secret_once_is_one_wherever_it_stands() {
    let redactor = Redactor::standard();
    let text = "publishing with Jx7iJelDJ2NKTJRJ40 as password=Jx7iJelDJ2NKTJRJ40\n('Jx7iJelDJ2NKTJRJ40',)";
    let out = redactor.redact_str(text).to_string();
    assert!(!out.contains("Jx7iJelDJ2"), "{out}");
    let placeholders: std::collections::BTreeSet<_> = Redactor::placeholders(&out).collect();
    assert_eq!((placeholders.len(), out.matches("[redacted:").count()), (1, 3), "{out}");
    assert_eq!(redactor.redact_str(&out).as_str(), out);
    // A word, and a path, are too much to lose.
    for word in ["production", "/srv/releases/4f2a9c1/shop.py"] {
        let text = format!("{word} runs\npassword={word}");
        let out = redactor.redact_str(&text);
        assert!(out.as_str().starts_with(&format!("{word} runs")), "{out}");
    }
}

#[test]
fn every_rule_has_a_seed() {
    let seeds: std::collections::BTreeSet<_> = corpus().into_iter().map(|seed| seed.0).collect();
    for rule in PROVIDERS.iter().chain(STANDARD) {
        assert!(seeds.contains(rule.name), "no seed of {}", rule.name);
        let low = rule.keywords.iter().all(|word| *word == word.to_ascii_lowercase());
        assert!(low, "{}: a keyword is in lower case", rule.name);
    }
    assert!(seeds.len() >= 30 && corpus().len() >= 60);
}

#[test]
fn ordinary_log_lines_are_left_alone() {
    let redactor = Redactor::standard();
    let lines: Vec<&str> = include_str!("fixtures/ordinary.log").lines().collect();
    assert!(lines.len() >= 200, "{}", lines.len());
    for line in lines {
        assert_eq!(redactor.redact_str(line).as_str(), line);
    }
}

#[test]
fn ordinary_text_is_left_alone() {
    let redactor = Redactor::standard();
    for line in [
        "127.0.0.1 - - [01/Jan/2026:12:00:00 +0000] \"GET /cart?item=12&code=404 HTTP/1.1\" 200 2",
        "2026-01-01 12:00:00,123 ERROR shop: order 17 of 9f8d7c6b-1234-4321-aaaa-0123456789ab is lost",
        "  File \"/srv/state/releases/3f9a1c7e5b2d8046f1e3a5c7092b4d6e8f0a1b2c/shop/secret/token.py\", line 3, in token",
        "  File \"/app/tokens/9f8d7c6b-1234-4321-aaaa-0123456789ab/x.py\", line 3, in get_secret_key_from_store",
        "    return total / count",
        "    token = request.headers[\"X-Token\"]",
        "    password = getpass.getpass()",
        "    token = tokens[0]",
        "    secret = make_v2_secret(x)",
        "    client = Client(password=password, token=self.token)",
        "    client = Client(password=pw, token=value)",
        "    if password == stored_password_v2:",
        "def login(user: str, password: str, token: Optional[str] = None) -> bool:",
        "KeyError: 'token'",
        "SyntaxError: unexpected token: foo",
        "invalid password: too short",
        "ValueError: password must not be blank",
        "usage: max_tokens=4096 tokens: 1234 token_count=17 token=17",
        "merge 3f9a1c7e5b2d8046f1e3a5c7092b4d6e8f0a1b2c into main",
        "bad token 3f9a1c7e5b2d8046f1e3a5c7092b4d6e8f0a1b2c, secret 9f8d7c6b-1234-4321-aaaa-0123456789ab",
        "token shop.v2.checkout.handlers3 of tokens shop_v2_checkout_handlers_31",
        "--token to authenticate, --password PASSWORD",
        "the token of commit 3f9a1c7e5b2d8046f1e3a5c7092b4d6e8f0a1b2c is there",
        "basic functionality, bearer authentication, Basic auth",
        "pwd=/srv/app PWD=/root",
        "password=${DB_PASSWORD} token=$TOKEN secret=<secret> api_key=None pwd=***",
        "postgres://user:${PASSWORD}@db/x http://localhost:8080/x@y",
        "https://example.org/a:b/c",
        "headers = {\"Authorization\": f\"Bearer {token}\"}",
        "foo@example.org 10.0.0.1 ::1 4111111111111111",
        "sk-learn-is-not-a-secret-but-a-library",
        "task-12345678901234567890 desk-abcdefghij0123456789x",
        "sha256:3f9a1c7e5b2d8046f1e3a5c7092b4d6e8f0a1b2c3d4e5f60718293a4b5c6d7e8",
        "primary_key=1234567 sort_key=abc foreign-key: x1y2z3",
        "{\"message\": \"ok\", \"level\": \"info\", \"key\": \"value\"}",
    ] {
        assert_eq!(redactor.redact_str(line).as_str(), line);
    }
    let traces = include_str!("../trace/fixtures/cpython311.txt");
    assert_eq!(redactor.redact_str(traces).as_str(), traces);
}

#[test]
fn source_code_that_holds_no_value_is_left_alone() {
    let redactor = Redactor::standard().with_emails();
    let code = "def charge(card, token):\n    api_key = config.api_key\n    return Stripe(api_key).charge(card, token=token)\n";
    assert_eq!(redactor.redact_str(code).as_str(), code);
}

#[test]
fn equal_secrets_have_equal_placeholders_within_a_redactor_only() {
    let redactor = Redactor::standard();
    let out = redactor.redact_str("password=hunter2 password=hunter2 password=hunter3").to_string();
    let parts: Vec<&str> = out.split(' ').collect();
    assert_eq!(parts[0], parts[1]);
    assert_ne!(parts[0], parts[2]);
    let of = |r: &Redactor| r.redact_str("password=hunter2").to_string();
    assert_eq!(of(&redactor), of(&redactor.clone()));
    // 16 bits: one pair of redactors may agree by chance, ten don't.
    assert!((0..10).any(|_| of(&Redactor::standard()) != of(&redactor)));
}

#[test]
fn a_fingerprint_does_not_see_the_digits_of_a_placeholder() {
    let line = "ERROR login with password=hunter2 failed";
    let prints: Vec<_> = (0..10)
        .map(|_| crate::trace::fingerprint_of_text(Redactor::standard().redact_str(line).as_str()))
        .collect();
    assert!(prints.windows(2).all(|w| w[0] == w[1]));
}

#[test]
fn personal_data_is_replaced_where_asked_for() {
    let redactor = Redactor::standard().with_emails().with_ips().with_cards();
    let out = redactor.redact_str(
        "ann@example.org from 10.0.0.1:80, fe80::1 and ::1 paid with 4111 1111 1111 1111 at 12:00:00",
    );
    let masked = crate::trace::mask(out.as_str());
    assert_eq!(
        masked,
        "[redacted:email] from [redacted:ip]:<n>, [redacted:ip] and [redacted:ip] paid with [redacted:card] at <time>"
    );
    for line in ["std::fmt::Display a::b", "order 4111111111111112", "300.1.1.1", "@decorator"] {
        assert_eq!(redactor.redact_str(line).as_str(), line);
    }
}

#[test]
fn overlapping_secrets_go_as_one() {
    let redactor = Redactor::standard();
    let token = ["gh", "p_", &MIXED[..36]].concat();
    let out = redactor.redact_str(&format!("token={token}.more x")).to_string();
    assert!(out.starts_with("token=[redacted:github-token:") && out.ends_with("] x"), "{out}");
    assert_eq!(out.matches("redacted").count(), 1);
    // The more specific rule names it, also where the other one starts earlier.
    let out = redactor.redact_str(&format!("password=\"x {token}\"")).to_string();
    assert!(out.starts_with("password=\"[redacted:github-token:"), "{out}");
    // The first one hides where the second one starts.
    let glued = ["np", "m_", &MIXED[..36], "AK", "IA", &UPPER[..16]].concat();
    let out = redactor.redact_str(&glued).to_string();
    assert!(out.contains("[redacted:npm-token:") && out.contains("[redacted:aws-key:"), "{out}");
    // A placeholder that somebody wrote does not shield what stands beside it.
    let out = redactor.redact_str("\"password\": \"[redacted:x:0000]hunter2\"").to_string();
    assert!(!out.contains("hunter2"), "{out}");
}

#[test]
fn a_key_cut_by_the_rotation_of_a_log_is_replaced() {
    let redactor = Redactor::standard();
    let body = format!("{}\n{}\n", &MIXED[..60], &MIXED[1..61]);
    for text in [
        format!("{body}{}", ["-----END ", "PRIVATE KEY-----"].concat()),
        format!("{}\n{body}", ["-----BEGIN ", "PRIVATE KEY-----"].concat()),
    ] {
        let out = redactor.redact_str(&text).to_string();
        assert!(!out.contains(&MIXED[5..30]), "{out}");
    }
}

#[test]
fn a_capped_text_keeps_head_and_tail_and_no_half_secret() {
    let redactor = Redactor::standard();
    let secret = "hunter2hunter2hunter2";
    let text = format!("start\n{}end", format!("password={secret} é\n").repeat(400));
    for max in [0, 10, 40, 60, 80, 100, 333, 1000, 1001, 1002, 1003, 5000] {
        let out = redactor.redact_capped(&Untrusted::new(text.clone()), max);
        assert!(out.len() <= max, "{max}: {}", out.len());
        assert!(!out.as_str().contains("hunt"), "{max}");
        assert_eq!(redactor.redact_str(out.as_str()), out, "{max}");
        if max >= 100 {
            assert!(out.as_str().starts_with("start\n") && out.as_str().ends_with("\nend"));
            assert!(out.as_str().contains(" bytes left out ...]"));
        }
    }
    let one_line = Untrusted::new("password=hunter2 ".repeat(200));
    for max in 100..200 {
        let out = redactor.redact_capped(&one_line, max).to_string();
        assert!(!PLACEHOLDER.replace_all(&out, "").contains("redacted"), "{out}");
    }
    let short = Untrusted::new("short");
    assert_eq!(redactor.redact_capped(&short, 5).as_str(), "short");
}

#[test]
fn gigantic_texts_are_cut_at_whole_lines_before_they_are_read() {
    let redactor = Redactor::standard();
    let line = format!("password=hunter2{}\n", "z".repeat(90));
    let text = format!("start\n{}end\n", line.repeat(30_000));
    let out = redactor.redact_capped(&Untrusted::new(text), 2_000);
    assert!(out.len() <= 2_000 && !out.as_str().contains("zz"));
    // Without lines there is no place where no secret is cut.
    let out = redactor.redact_capped(&Untrusted::new("z".repeat(3 << 20)), 2_000);
    assert!(!out.as_str().contains('z'));
}

fn any_text() -> impl Strategy<Value = String> {
    let secrets: Vec<String> = corpus().into_iter().map(|(_, b, s, a)| b + &s + a).collect();
    let part = prop_oneof![
        2 => prop::sample::select(secrets),
        1 => any::<String>(),
        1 => "[ \\[\\]=:'\"\\\\a-f0-9@/-]{0,20}",
        1 => Just(String::from("[redacted:secret:0a1b]")),
        1 => prop::sample::select(vec!["password", "token=", "\"secret\": ", "bearer ", "://u:", "@"])
            .prop_map(str::to_owned),
    ];
    prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn redacting_twice_changes_nothing(text in any_text()) {
        let redactor = Redactor::standard().with_emails().with_ips().with_cards();
        let once = redactor.redact_str(&text);
        prop_assert_eq!(redactor.redact_str(once.as_str()), once);
    }

    #[test]
    fn a_cap_is_kept(text in any_text(), max in 0usize..400) {
        let out = Redactor::standard().redact_capped(&Untrusted::new(text), max);
        prop_assert!(out.len() <= max);
    }
}

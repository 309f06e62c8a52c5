#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;

const UPPER: &str = "QZ7XKP2MVL5RTB3WNH6DYJ4FGC";
const MIXED: &str = "q7Xk2Pm9Vl5RtB3wNh6dYj4FgCz8aEs1UoIi0pQrStUvWxYzAbCdEfGhIjKlMnOpQr";
const HEX: &str = "3f9a1c7e5b2d8046f1e3a5c7092b4d6e8f0a1b2c3d4e5f60718293a4b5c6d7e8";

/// Rule, text before, secret, text after; put together here, so that no scanner trips over it.
fn corpus() -> Vec<(&'static str, String, String, &'static str)> {
    let m = |n: usize| MIXED[..n].to_owned();
    let key = |kind: &str| {
        let body: String = (0..4).map(|i| format!("{}\n", &MIXED[i..i + 60])).collect();
        let (begin, end) =
            (["-----BEGIN ", kind, "PRIVATE KEY-----"], ["-----END ", kind, "PRIVATE KEY-----"]);
        format!("{}\n{body}{}", begin.concat(), end.concat())
    };
    let c = |parts: &[&str]| parts.concat();
    vec![
        ("private-key", "key:\n".into(), key("RSA "), "\ndone"),
        ("private-key", "key:\n".into(), key(""), ""),
        ("private-key", "\"k\": \"".into(), key("EC ").replace('\n', "\\n"), "\""),
        ("aws-key", "id ".into(), c(&["AK", "IA", &UPPER[..16]]), " used"),
        ("aws-secret", c(&["aws_secret_", "access_key = "]), m(40), "\n"),
        ("github-token", "git ".into(), c(&["gh", "p_", &m(36)]), " x"),
        ("github-token", "git ".into(), c(&["gh", "s_", &m(36)]), " x"),
        ("github-token", "".into(), c(&["github", "_pat_", &m(22), "_", &m(59)]), ""),
        ("gitlab-token", "x ".into(), c(&["gl", "pat-", &m(20)]), ""),
        ("slack-token", "x ".into(), c(&["xo", "xb-", "123456789012-", &m(24)]), " y"),
        (
            "slack-webhook",
            "https://hooks.slack.com/services/".into(),
            c(&["T0123ABCD/", "B0123ABCD/", &m(24)]),
            " y",
        ),
        ("google-key", "key ".into(), c(&["AI", "za", &m(35)]), "&x"),
        ("stripe-key", "".into(), c(&["sk_", "live_", &m(24)]), ""),
        ("anthropic-key", "".into(), c(&["sk-", "ant-", "api03-", &m(40)]), ""),
        ("openai-key", "".into(), c(&["sk-", "proj-", &m(40)]), ""),
        ("jwt", "got ".into(), c(&["ey", "J", &m(20), ".ey", "J", &m(30), ".", &m(43)]), ", x"),
        ("npm-token", "".into(), c(&["np", "m_", &m(36)]), ""),
        ("pypi-token", "".into(), c(&["pypi", "-Ag", &m(60)]), ""),
        ("sendgrid-key", "".into(), c(&["S", "G.", &m(22), ".", &m(43)]), ""),
        ("twilio-key", "x ".into(), c(&["S", "K", &HEX[..32]]), " y"),
        (
            "telegram-token",
            "https://api.telegram.org/bot".into(),
            c(&["123456789", ":AA", &m(33)]),
            "/x",
        ),
        ("digitalocean-token", "".into(), c(&["dop", "_v1_", HEX]), ""),
        ("vault-token", "".into(), c(&["hv", "s.", &m(24)]), " x"),
        ("azure-key", "AccountName=a;AccountKey=".into(), c(&[&m(60), &m(26), "=="]), ";x"),
        ("url-password", "postgres://shop:".into(), c(&["tea", "pot-7"]), "@db:5432/shop"),
        ("url-password", "redis://:".into(), c(&["tea", "pot7"]), "@cache"),
        ("authorization", "Authorization: Basic ".into(), c(&["dXNlcjp", "wYXNz"]), "\n"),
        ("authorization", "\"Authorization\": \"Bearer ".into(), c(&["abc", "def"]), "\""),
        ("authorization", "sent bearer ".into(), m(24), " x"),
        ("url-parameter", "GET /x?page=2&api_key=".into(), c(&["tea", "pot"]), "&y=1 HTTP/1.1"),
        ("cookie", "Cookie: theme=dark; sessionid=".into(), m(20), "; x=1"),
        ("secret", "DB_PASSWORD=".into(), c(&["hunt", "er2"]), " PORT=1"),
        ("secret", "password=".into(), c(&["sword", "fish"]), "\n"),
        ("secret", "connect(password=".into(), c(&["hunt", "er2"]), ", host=x)"),
        ("secret", "{\"password\": \"".into(), c(&["sword", "fish"]), "\", \"x\": 1}"),
        ("secret", "{\\\"client_secret\\\": \\\"".into(), c(&["sword", "fish"]), "\\\"}"),
        ("secret", "{'token': '".into(), c(&["sword", "fish"]), "'}"),
        ("secret", "password: ".into(), c(&["hunt", "er22"]), "\n"),
        ("secret", "pin: 1 pwd=".into(), c(&["48", "12"]), " x"),
        ("secret", "api_key = \"".into(), c(&["sword", "fish"]), "\""),
        ("secret", "passphrase='".into(), c(&["correct horse", " battery"]), "'"),
        ("secret", "the token is ".into(), m(28), " x"),
        ("secret", "X-Api-Key: ".into(), m(28), "\n"),
    ]
}

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
        "    if password == stored_password_v2:",
        "def login(user: str, password: str, token: Optional[str] = None) -> bool:",
        "KeyError: 'token'",
        "SyntaxError: unexpected token: foo",
        "invalid password: too short",
        "ValueError: password must not be blank",
        "usage: max_tokens=4096 tokens: 1234 token_count=17 token=17",
        "merge 3f9a1c7e5b2d8046f1e3a5c7092b4d6e8f0a1b2c into main",
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

//! Seeded secrets for tests; put together here, so that no scanner trips over them.

/// Rule, text before, secret, text after.
pub(super) type Seed = (&'static str, String, String, &'static str);

pub(super) const UPPER: &str = "QZ7XKP2MVL5RTB3WNH6DYJ4FGC";
pub(super) const MIXED: &str = "q7Xk2Pm9Vl5RtB3wNh6dYj4FgCz8aEs1UoIi0pQrStUvWxYzAbCdEfGhIjKlMnOpQr";
const HEX: &str = "3f9a1c7e5b2d8046f1e3a5c7092b4d6e8f0a1b2c3d4e5f60718293a4b5c6d7e8";

/// Rule, text before, secret, text after.
pub(super) fn corpus() -> Vec<Seed> {
    [around(), providers()].concat()
}

/// Those that what stands around them gives away, and the oldest of the others.
fn around() -> Vec<Seed> {
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
        (
            "private-key",
            "".into(),
            key("RSA ").replacen(
                '\n',
                "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0F1E\n\n",
                1,
            ),
            "\n",
        ),
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
        ("secret", "mysql --password ".into(), c(&["hunt", "er2"]), " -h db"),
        ("secret", "passphrase='".into(), c(&["correct horse", " battery"]), "'"),
        ("secret", "the token is ".into(), m(28), " x"),
        ("secret", "X-Api-Key: ".into(), m(28), "\n"),
    ]
}

/// One of each form that a provider's keys have.
fn providers() -> Vec<Seed> {
    let m = |n: usize| MIXED[..n].to_owned();
    let x = |n: usize| HEX.repeat(4)[..n].to_owned();
    let u = |n: usize| UPPER.repeat(3)[..n].to_owned();
    let low = |n: usize| MIXED.to_ascii_lowercase()[..n].to_owned();
    let long = |n: usize| MIXED.repeat(5)[..n].to_owned();
    let uuid = [&HEX[..8], &HEX[8..12], &HEX[12..16], &HEX[16..20], &HEX[20..32]].join("-");
    let seed = |rule, head: &[&str], tail: String| -> Seed {
        (rule, "got ".into(), head.concat() + &tail, " x")
    };
    vec![
        seed("alibaba-key", &["LT", "AI"], m(20)),
        seed("azure-secret", &["abC", "8Q", "~"], m(34)),
        seed("google-oauth", &["GOC", "SPX-"], m(28)),
        seed("google-oauth", &["ya", "29."], m(50)),
        seed("heroku-key", &["HRKU", "-"], uuid.clone()),
        seed("flyio-token", &["fo", "1_"], m(43)),
        seed("flyio-token", &["fm", "2_"], m(60)),
        seed("netlify-token", &["nf", "p_"], m(40)),
        seed("cloudflare-ca-key", &["v1", ".0-", &HEX[..24], "-"], x(146)),
        seed("yandex-key", &["AQ", "VN"], m(36)),
        seed("scalingo-token", &["tk-", "us-"], m(48)),
        seed("tailscale-key", &["tskey", "-auth-", &MIXED[..12], "-"], m(20)),
        seed("databricks-token", &["da", "pi"], x(32)),
        seed("planetscale-token", &["pscale", "_tkn_"], m(43)),
        seed("supabase-key", &["sb", "p_"], x(40)),
        seed("clickhouse-key", &["4b", "1d"], m(38)),
        seed("openshift-token", &["sha256", "~"], m(43)),
        seed("gitlab-token", &["GR13", "48941"], m(20)),
        seed("gitlab-token", &["gl", "ft-"], m(20)),
        seed("atlassian-token", &["AT", "ATT3"], long(186)),
        seed("rubygems-key", &["ruby", "gems_"], x(48)),
        seed("crates-token", &["c", "io"], m(32)),
        seed("clojars-token", &["CLO", "JARS_"], m(60)),
        seed("nuget-key", &["o", "y2"], low(43)),
        seed("docker-token", &["dckr", "_pat_"], m(27)),
        seed("artifactory-key", &["AK", "Cp"], long(69)),
        seed("circleci-token", &["CCI", "PAT_", &MIXED[..22], "_"], x(40)),
        seed("buildkite-token", &["bk", "ua_"], low(40)),
        seed("pulumi-token", &["pu", "l-"], x(40)),
        seed("terraform-token", &[&MIXED[..14], ".atlas", "v1."], m(64)),
        seed("doppler-token", &["dp", ".pt."], m(43)),
        seed("infracost-key", &["ic", "o-"], m(32)),
        seed("prefect-key", &["pn", "u_"], m(36)),
        seed("postman-key", &["PM", "AK-", &HEX[..24], "-"], x(34)),
        seed("readme-key", &["rd", "me_"], long(70).to_ascii_lowercase()),
        seed("octopus-key", &["AP", "I-"], u(26)),
        seed("sourcegraph-token", &["sg", "p_"], x(40)),
        seed("vault-token", &["s", "."], m(24)),
        seed(
            "onepassword-key",
            &["A", "3-", &UPPER[..6], "-", &UPPER[..11], "-", &UPPER[..5], "-", &UPPER[5..10], "-"],
            UPPER[10..15].to_owned(),
        ),
        seed("onepassword-token", &["ops", "_ey", "J"], long(260)),
        seed("age-key", &["AGE-SECRET", "-KEY-1"], u(58)),
        seed("huggingface-token", &["h", "f_"], m(34)),
        seed("replicate-token", &["r", "8_"], m(37)),
        seed("groq-key", &["gs", "k_"], m(52)),
        seed("perplexity-key", &["pp", "lx-"], m(48)),
        seed("xai-key", &["xa", "i-"], long(80)),
        seed("langsmith-key", &["ls", "v2_pt_", &HEX[..32], "_"], x(10)),
        seed("square-token", &["sq0", "atp-"], m(22)),
        seed("shopify-token", &["shp", "at_"], x(32)),
        seed("flutterwave-key", &["FLW", "SECK-"], m(32)),
        seed("easypost-key", &["EZ", "AK"], m(54)),
        seed("shippo-token", &["shippo", "_live_"], x(40)),
        seed("duffel-token", &["duffel", "_live_"], m(43)),
        seed("plaid-token", &["access-", "production-"], uuid.clone()),
        ("teams-webhook", "https://shop.webhook.office.com/webhookb2/".into(), long(90), " x"),
        (
            "discord-webhook",
            "https://discord.com/api/webhooks/123456789012345678/".into(),
            long(68),
            " x",
        ),
        seed("discord-token", &["M", &MIXED[..25], ".", &MIXED[..6], "."], m(38)),
        seed("brevo-key", &["xkey", "sib-", HEX, "-"], m(16)),
        seed("mailgun-key", &["ke", "y-"], x(32)),
        seed("mailchimp-key", &[&HEX[..32], "-u"], "s20".to_owned()),
        seed("resend-key", &["r", "e_", &MIXED[..8], "_"], m(24)),
        seed("grafana-token", &["gl", "sa_", &MIXED[..32], "_"], x(8)),
        seed("newrelic-key", &["NR", "AK-"], u(27)),
        seed("dynatrace-token", &["dt", "0c01.", &UPPER[..24], "."], u(64)),
        seed("sentry-token", &["sntr", "yu_"], x(64)),
        ("sentry-dsn", "dsn https://".into(), x(32), "@o1.ingest.sentry.io/2"),
        seed("honeycomb-key", &["hca", "ik_"], m(58)),
        seed("maxmind-key", &[&MIXED[..6], "_", &MIXED[..29]], "_mmk".to_owned()),
        seed("linear-key", &["lin", "_api_"], m(40)),
        seed("notion-token", &["nt", "n_", "12345678901"], m(35)),
        seed("airtable-token", &["pa", "t", &MIXED[..14], "."], x(64)),
        seed("figma-token", &["fi", "gd_"], m(43)),
        seed("hubspot-token", &["pat", "-na1-"], uuid),
        seed("contentful-token", &["CF", "PAT-"], m(43)),
        seed("dropbox-token", &["s", "l."], long(140)),
        seed("facebook-token", &["EA", "AC"], long(100)),
        seed("typeform-token", &["tf", "p_"], m(59)),
        seed("harness-token", &["pa", "t.", &MIXED[..22], ".", &MIXED[..24], "."], m(20)),
        seed("frameio-token", &["fio", "-u-"], m(64)),
        seed("adobe-secret", &["p", "8e-"], m(32)),
        seed("mapbox-token", &["sk.", "ey", "J", &MIXED[..60], "."], m(22)),
    ]
}

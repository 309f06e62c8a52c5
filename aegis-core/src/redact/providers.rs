//! What the keys of well-known providers look like: those that begin with something of their own.
//!
//! The form of each is what its provider documents, or gives out. A length that is not promised is a
//! lower bound here: a key that grows is still a key.

use super::check::Check;
use super::rules::{Rule, rule};

/// A key that its beginning gives away.
const fn key(name: &'static str, keywords: &'static [&'static str], pattern: &'static str) -> Rule {
    rule(name, keywords, pattern, Check::None)
}

/// A key whose beginning ordinary words share: it has to look drawn at random.
const fn random(
    name: &'static str,
    keywords: &'static [&'static str],
    pattern: &'static str,
) -> Rule {
    rule(name, keywords, pattern, Check::Random)
}

/// Always on.
pub(super) const PROVIDERS: &[Rule] = &[
    // Clouds and hosting.
    key("aws-key", &["akia", "asia", "abia", "acca"], r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b"),
    key("alibaba-key", &["ltai"], r"\bLTAI[A-Za-z0-9]{12,24}\b"),
    key("azure-secret", &["q~"], r"\b(?P<secret>[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31,34})"),
    key("google-key", &["aiza"], r"\bAIza[A-Za-z0-9_-]{35}"),
    key(
        "google-oauth",
        &["ya29.", "gocspx-"],
        r"\b(?:ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{20,})",
    ),
    key("digitalocean-token", &["_v1_"], r"\bdo[opr]_v1_[0-9a-f]{64}"),
    key("heroku-key", &["hrku-"], r"\bHRKU-[A-Za-z0-9_-]{36,}"),
    key(
        "flyio-token",
        &["fo1_", "fm1", "fm2_"],
        r"\b(?:fo1_[\w-]{43}|fm[12][ar]?_[A-Za-z0-9+/=]{40,})",
    ),
    key("netlify-token", &["nfp_"], r"\bnfp_[A-Za-z0-9_]{36,}"),
    key("cloudflare-ca-key", &["v1.0-"], r"\bv1\.0-[a-f0-9]{24}-[a-f0-9]{146}"),
    key(
        "yandex-key",
        &["aqvn", "ycaj", "ycmh"],
        r"\b(?:AQVN[A-Za-z0-9_-]{35,38}|YC(?:AJE|MH)[A-Za-z0-9_-]{30,})",
    ),
    key("scalingo-token", &["tk-us-"], r"\btk-us-[A-Za-z0-9_-]{48}"),
    key("tailscale-key", &["tskey-"], r"\btskey-[a-z]+-[A-Za-z0-9]+(?:-[A-Za-z0-9]+)?"),
    key("databricks-token", &["dapi"], r"\bdapi[a-f0-9]{32}(?:-\d)?\b"),
    key("planetscale-token", &["pscale_"], r"\bpscale_(?:tkn|pw|oauth)_[A-Za-z0-9_=.-]{32,}"),
    key(
        "supabase-key",
        &["sbp_", "sb_secret_"],
        r"\b(?:sbp_[a-f0-9]{40}|sb_secret_[A-Za-z0-9_-]{20,})",
    ),
    key("clickhouse-key", &["4b1d"], r"\b4b1d[A-Za-z0-9]{38}\b"),
    key("openshift-token", &["sha256~"], r"\bsha256~[A-Za-z0-9_-]{43}"),
    // Source, packages and builds.
    key("github-token", &["github_pat_"], r"\bgithub_pat_[A-Za-z0-9_]{20,255}"),
    key(
        "github-token",
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        r"\bgh[pousr]_[A-Za-z0-9]{20,255}",
    ),
    key(
        "gitlab-token",
        &[
            "glpat-",
            "gldt-",
            "glrt-",
            "glcbt-",
            "glptt-",
            "glft-",
            "glimt-",
            "glagent-",
            "glsoat-",
            "glffct-",
            "gr1348941",
        ],
        r"\b(?:gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|ffct)-[A-Za-z0-9_.-]{20,}|GR1348941[A-Za-z0-9_-]{20})",
    ),
    key(
        "atlassian-token",
        &["atatt3", "atctt3", "atbb"],
        r"\b(?:AT[AC]TT3[A-Za-z0-9_=-]{60,}|ATBB[A-Za-z0-9]{32})",
    ),
    key("npm-token", &["npm_"], r"\bnpm_[A-Za-z0-9]{36}"),
    key("pypi-token", &["pypi-ag"], r"\bpypi-Ag[A-Za-z0-9_-]{40,}"),
    key("rubygems-key", &["rubygems_"], r"\brubygems_[a-f0-9]{48}"),
    key("crates-token", &["cio"], r"\bcio[A-Za-z0-9]{32}\b"),
    key("clojars-token", &["clojars_"], r"\bCLOJARS_[A-Za-z0-9]{60}"),
    key("nuget-key", &["oy2"], r"\boy2[a-z0-9]{43}\b"),
    key("docker-token", &["dckr_"], r"\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}"),
    key("artifactory-key", &["akcp", "cmvmd"], r"\b(?:AKCp[A-Za-z0-9]{69}|cmVmd[A-Za-z0-9]{59})\b"),
    key(
        "circleci-token",
        &["cciprj_", "ccipat_"],
        r"\bCCI(?:PAT|PRJ)_[A-Za-z0-9]{10,}_[A-Fa-f0-9]{40}",
    ),
    key("buildkite-token", &["bkua_"], r"\bbkua_[a-z0-9]{40}"),
    key("pulumi-token", &["pul-"], r"\bpul-[a-f0-9]{40}\b"),
    key("terraform-token", &[".atlasv1."], r"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}"),
    key(
        "doppler-token",
        &["dp."],
        r"\bdp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]+\.)?[A-Za-z0-9]{40,44}",
    ),
    key("infracost-key", &["ico-"], r"\bico-[A-Za-z0-9]{32}\b"),
    key("prefect-key", &["pnu_"], r"\bpnu_[A-Za-z0-9]{36}\b"),
    key("postman-key", &["pmak-"], r"\bPMAK-[a-fA-F0-9]{24}-[a-fA-F0-9]{34}"),
    key("readme-key", &["rdme_"], r"\brdme_[a-z0-9]{70}"),
    random("octopus-key", &["api-"], r"\bAPI-[A-Z0-9]{26}\b"),
    key("sourcegraph-token", &["sgp_"], r"\bsgp_(?:[a-fA-F0-9]{16}_|local_)?[a-fA-F0-9]{40}"),
    // Secrets of secrets.
    key("vault-token", &["hvs.", "hvb.", "hvr."], r"\bhv[sbr]\.[A-Za-z0-9_-]{20,}"),
    rule("vault-token", &["s."], r"\bs\.[A-Za-z0-9]{24}\b", Check::Entropy),
    key(
        "onepassword-key",
        &["a3-"],
        r"\bA3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}\b",
    ),
    key("onepassword-token", &["ops_eyj"], r"\bops_eyJ[A-Za-z0-9+/]{100,}={0,3}"),
    key("age-key", &["age-secret-key-1"], r"\bAGE-SECRET-KEY-1[0-9A-Z]{58}"),
    // Models.
    key("anthropic-key", &["sk-ant-"], r"\bsk-ant-[A-Za-z0-9_-]{20,}"),
    random("openai-key", &["sk-"], r"\bsk-(?:proj-|svcacct-|admin-|or-)?[A-Za-z0-9_-]{20,}"),
    random("huggingface-token", &["hf_", "api_org_"], r"\b(?:hf_|api_org_)[A-Za-z0-9]{34}\b"),
    key("replicate-token", &["r8_"], r"\br8_[A-Za-z0-9]{37}\b"),
    key("groq-key", &["gsk_"], r"\bgsk_[A-Za-z0-9]{48,}"),
    key("perplexity-key", &["pplx-"], r"\bpplx-[A-Za-z0-9]{48}"),
    key("xai-key", &["xai-"], r"\bxai-[A-Za-z0-9]{70,}"),
    key("langsmith-key", &["lsv2_"], r"\blsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}"),
    // Money and shops.
    key(
        "stripe-key",
        &["k_live_", "k_test_", "whsec_"],
        r"\b(?:[sr]k_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{20,})",
    ),
    key(
        "square-token",
        &["sq0atp-", "sq0csp-", "eaaa"],
        r"\b(?:sq0(?:atp|csp)-[A-Za-z0-9_-]{22,43}|EAAA[A-Za-z0-9_-]{60})\b",
    ),
    key(
        "shopify-token",
        &["shpat_", "shpca_", "shppa_", "shpss_"],
        r"\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}",
    ),
    key(
        "flutterwave-key",
        &["flwseck", "flwpubk"],
        r"\bFLW(?:SECK|PUBK)(?:_TEST)?-[A-Za-z0-9]{12,}(?:-X)?",
    ),
    key("easypost-key", &["ezak", "eztk"], r"\bEZ[AT]K[A-Za-z0-9]{54}"),
    key("shippo-token", &["shippo_"], r"\bshippo_(?:live|test)_[a-fA-F0-9]{40}"),
    key("duffel-token", &["duffel_"], r"\bduffel_(?:test|live)_[A-Za-z0-9_=-]{43}"),
    key(
        "plaid-token",
        &["access-"],
        r"\baccess-(?:sandbox|development|production)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    ),
    // Messages and mail.
    key("slack-token", &["xox", "xapp-"], r"\b(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,}"),
    key(
        "slack-webhook",
        &["hooks.slack.com"],
        r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<secret>[A-Za-z0-9+/]{20,})",
    ),
    key(
        "teams-webhook",
        &["webhook.office.com"],
        r"webhook\.office\.com/webhookb2/(?P<secret>[A-Za-z0-9@/-]{60,})",
    ),
    key(
        "discord-webhook",
        &["/api/webhooks/"],
        r"discord(?:app)?\.com/api/webhooks/\d{15,20}/(?P<secret>[A-Za-z0-9_-]{60,})",
    ),
    rule(
        "discord-token",
        &["."],
        r"\b[MNO][A-Za-z\d_-]{23,27}\.[A-Za-z\d_-]{6}\.[A-Za-z\d_-]{27,40}\b",
        Check::Entropy,
    ),
    key("telegram-token", &[":aa"], r"(?:\b|bot)(?P<secret>\d{6,12}:AA[A-Za-z0-9_-]{33})"),
    key("sendgrid-key", &["sg."], r"\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}"),
    key(
        "brevo-key",
        &["xkeysib-", "xsmtpsib-"],
        r"\bx(?:key|smtp)sib-[a-f0-9]{64}-[A-Za-z0-9]{16}",
    ),
    key("mailgun-key", &["key-"], r"\b(?:pub)?key-[a-f0-9]{32}\b"),
    key("mailchimp-key", &["-us"], r"\b[0-9a-f]{32}-us\d{1,2}\b"),
    key("resend-key", &["re_"], r"\bre_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}\b"),
    key("twilio-key", &["sk", "ac"], r"\b(?:SK|AC)[0-9a-f]{32}\b"),
    // Watching.
    key(
        "grafana-token",
        &["glc_", "glsa_"],
        r"\b(?:glc_[A-Za-z0-9+/]{32,}={0,2}|glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8})",
    ),
    key(
        "newrelic-key",
        &["nrak-", "nrii-", "nrjs-", "nral"],
        r"\b(?:NRAK-[A-Z0-9]{27}|NRII-[A-Za-z0-9-]{32}|NRJS-[a-f0-9]{19}|[a-f0-9]{36}NRAL)\b",
    ),
    key("dynatrace-token", &["dt0"], r"\bdt0[a-z]\d{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    key(
        "sentry-token",
        &["sntrys_", "sntryu_"],
        r"\bsntry(?:s_eyJ[A-Za-z0-9+/=_]{40,}|u_[a-f0-9]{64})",
    ),
    key(
        "sentry-dsn",
        &["sentry.io"],
        r"://(?P<secret>[a-f0-9]{32})(?::[a-f0-9]{32})?@[a-z0-9.-]*sentry\.io",
    ),
    key("honeycomb-key", &["hcaik_", "hcxik_", "hcamk_"], r"\bhc[abx][imk]{2}_[A-Za-z0-9]{20,}"),
    key("maxmind-key", &["_mmk"], r"\b[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk\b"),
    // Work.
    key("linear-key", &["lin_api_", "lin_oauth_"], r"\blin_(?:api|oauth)_[A-Za-z0-9]{32,}"),
    key("notion-token", &["ntn_"], r"\bntn_\d{11}[A-Za-z0-9]{35}"),
    key("airtable-token", &["pat"], r"\bpat[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
    key("figma-token", &["figd_", "figo_", "figu_"], r"\bfig[dou]_[A-Za-z0-9_-]{40,}"),
    key(
        "hubspot-token",
        &["pat-"],
        r"\bpat-(?:na|eu|ap)\d-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    ),
    key("contentful-token", &["cfpat-"], r"\bCFPAT-[A-Za-z0-9_-]{43}"),
    key("dropbox-token", &["sl."], r"\bsl\.(?:u\.)?[A-Za-z0-9_-]{130,}"),
    key("facebook-token", &["eaa"], r"\bEAA[CM][A-Za-z0-9]{60,}"),
    key("typeform-token", &["tfp_"], r"\btfp_[A-Za-z0-9_.=-]{59}"),
    key(
        "harness-token",
        &["pat.", "sat."],
        r"\b[ps]at\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}",
    ),
    key("frameio-token", &["fio-u-"], r"\bfio-u-[A-Za-z0-9_=-]{64}"),
    key("adobe-secret", &["p8e-", "p8"], r"\bp8e?-[A-Za-z0-9_-]{32}\b"),
    key("mapbox-token", &["sk.eyj"], r"\bsk\.eyJ[A-Za-z0-9_-]{50,}\.[A-Za-z0-9_-]{22}"),
];

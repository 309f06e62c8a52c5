#![allow(clippy::unwrap_used)]

use super::*;
use crate::model::FixKind;
use crate::patch::{Edit, Patch, Tier};
use crate::testkit::mint;

fn change(path: &str, before: &str, after: &str) -> FileChange {
    let (before, after) = (Some(before.to_owned()), Some(after.to_owned()));
    FileChange { path: path.to_owned(), before, after, tier: Tier::Exact }
}

fn fix(edits: Vec<Edit>) -> Fix {
    Fix::new(FixKind::Patch(Patch::new("b".into(), edits)), "t", "test")
}

fn inspected(rule: &dyn Guardrail, changes: &[FileChange]) -> GateReport {
    rule.inspect(&mint::case("s", "i"), &fix(Vec::new()), &Touched::new(changes, &[]))
}

fn checked(rule: &dyn Guardrail, edit: Edit) -> GateReport {
    rule.check(&mint::case("s", "i"), &fix(vec![edit]))
}

fn replace(search: &str, replace: &str) -> Edit {
    let (search, replace) = (search.to_owned(), replace.to_owned());
    Edit::Replace { path: "a.py".into(), search, replace }
}

/// Both ways of asking about the one line of `a.py`.
#[track_caller]
fn says(rule: &dyn Guardrail, before: &str, after: &str, answer: GateAnswer) {
    let (before, after) = (format!("{before}\n"), format!("{after}\n"));
    let seen = inspected(rule, &[change("a.py", &before, &after)]);
    assert_eq!(seen.answer, answer, "inspect: {after:?}: {}", seen.reason);
    let seen = checked(rule, replace(&before, &after));
    assert_eq!(seen.answer, answer, "check: {after:?}: {}", seen.reason);
}

#[test]
fn each_kind_of_protected_path_is_denied() {
    let rule = ProtectedPaths::default();
    for path in [
        "tests/cart.py",
        "Tests/cart.py",
        "shop/testing/x.py",
        "shop/test_cart.py",
        "shop/Test_Cart.py",
        "shop/cart_test.py",
        "shop/tests.py",
        "conftest.py",
        "CONFTEST.PY",
        "pytest.ini",
        ".pytest.ini",
        "tox.ini",
        "noxfile.py",
        "setup.cfg",
        ".coveragerc",
        "pyproject.toml",
        "requirements-dev.txt",
        "constraints.txt",
        "poetry.lock",
        "Pipfile",
        "pnpm-lock.yaml",
        "go.sum",
        "pytest.py",
        "_pytest/runner.py",
        "src/_pytest/__init__.py",
        "pytest_cov.py",
        "coverage.py",
        "sitecustomize.py",
        "usercustomize/__init__.py",
        "x.pth",
        ".github/workflows/ci.yml",
        "shop/.hidden/x.py",
        ".gitlab-ci.yml",
        ".travis.yml",
        "Jenkinsfile",
        "azure-pipelines.yml",
        "bitbucket-pipelines.yml",
        "appveyor.yml",
        "Dockerfile.prod",
        "MAKEFILE",
        "docs/CODEOWNERS",
        "../out.py",
        ".git/config",
        "/etc/passwd",
    ] {
        let seen = inspected(&rule, &[change(path, "a\n", "b\n")]);
        assert_eq!(seen.answer, GateAnswer::Deny, "{path}");
        let seen = checked(&rule, Edit::Create { path: path.into(), text: "x\n".into() });
        assert_eq!(seen.answer, GateAnswer::Deny, "{path}");
    }
    for path in ["shop/cart.py", "app.py", "shop/attest.py", "data/rates.json", "latest/x.py"] {
        let seen = inspected(&rule, &[change(path, "a\n", "b\n")]);
        assert_eq!(seen.answer, GateAnswer::Pass, "{path}");
    }
}

#[test]
fn the_lists_of_protected_paths_are_the_host_s() {
    let rule = ProtectedPaths::default().with_folder("Vendor").with_file("rates*.JSON");
    assert!(rule.protects("vendor/x.py").is_some() && rule.protects("rates-eu.json").is_some());
    let only: ProtectedPaths = serde_json::from_str(r#"{"folders": [], "files": ["a"]}"#).unwrap();
    assert!(only.protects("a").is_some() && only.protects("tests/x.py").is_none());
    assert!(serde_json::from_str::<ProtectedPaths>(r#"{"paths": []}"#).is_err());
}

#[test]
fn every_finding_is_named() {
    let changes = [change("conftest.py", "a\n", "b\n"), change("tests/x.py", "a\n", "b\n")];
    let why = inspected(&ProtectedPaths::default(), &changes).reason;
    assert!(why.contains("conftest.py is") && why.contains("tests/x.py lies"), "{why}");
}

#[test]
fn the_size_of_the_diff_is_bounded_at_its_limit() {
    let of = |n: usize| {
        let after: String = (0..n).map(|i| format!("x{i} = {i}\n")).collect();
        inspected(&SizeLimit::default(), &[change("a.py", "", &after)]).answer
    };
    assert_eq!(of(60), GateAnswer::Pass);
    assert_eq!(of(61), GateAnswer::Deny);
    assert_eq!(of(0), GateAnswer::Deny);
    let four: Vec<_> = (0..4).map(|i| change(&format!("f{i}.py"), "a = 1\n", "a = 2\n")).collect();
    assert_eq!(inspected(&SizeLimit::default(), &four).answer, GateAnswer::Deny);
    assert_eq!(inspected(&SizeLimit::default(), &four[..3]).answer, GateAnswer::Pass);
    assert_eq!(inspected(&SizeLimit::new(4, 8), &four).answer, GateAnswer::Pass);
    assert_eq!(inspected(&SizeLimit::new(4, 7), &four).answer, GateAnswer::Deny);
    let nothing = SizeLimit::default().check(&mint::case("s", "i"), &fix(Vec::new()));
    assert_eq!(nothing.answer, GateAnswer::Deny);
}

#[test]
fn characters_that_nobody_sees_are_denied_wherever_they_stand() {
    for c in [
        '\u{202a}',
        '\u{202e}',
        '\u{2066}',
        '\u{2069}',
        '\u{200e}',
        '\u{061c}',
        '\u{200b}',
        '\u{200d}',
        '\u{2060}',
        '\u{feff}',
        '\u{00ad}',
        '\u{3164}',
        '\u{e0041}',
        '\u{0}',
        '\u{8}',
        '\u{1b}',
        '\u{7f}',
        '\u{85}',
        '\u{2028}',
        '\u{1d173}',
    ] {
        for line in [format!("x = 'a{c}b'"), format!("x = 1  # {c}"), format!("x{c} = 1")] {
            says(&Unicode::new(), "x = 0", &line, GateAnswer::Deny);
        }
    }
    says(&Unicode::new(), "x = 0", "x = 1 # a\reval(x)", GateAnswer::Deny);
    says(&Unicode::new(), "x = 0", "x = '\u{fe0f}\u{fe0f}'", GateAnswer::Deny);
}

#[test]
fn text_in_any_script_passes() {
    for line in [
        "x = 'Größe: 10\u{a0}€, Москва, 東京, العربية'",
        "x = '\u{2764}\u{fe0f}'  # schön, Δt in μs",
        "\tx = 1\r",
        "größe = 1",
        "цена = 1",
        "価格 = 1",
    ] {
        says(&Unicode::new(), "x = 0", line, GateAnswer::Pass);
    }
}

#[test]
fn what_stood_in_the_file_may_stay() {
    says(&Unicode::new(), "x = '\u{200b}'\ny = 1", "x = '\u{200b}'\ny = 2", GateAnswer::Pass);
    says(&Unicode::new(), "\u{feff}x = 1", "\u{feff}x = 2", GateAnswer::Pass);
    let used = [change("a.py", "Δt = 1\nx = 2\n", "Δt = 1\nx = Δt\n")];
    assert_eq!(inspected(&Unicode::new(), &used).answer, GateAnswer::Pass);
}

#[test]
fn names_that_pass_for_others_are_denied_where_they_are_code() {
    let seen = |line: &str| {
        let after = format!("x = 0\n{line}\n");
        inspected(&Unicode::new(), &[change("a.py", "x = 0\n", &after)])
    };
    for (line, why) in [
        ("\u{ff45}val(x)", "means eval"),
        ("x = \u{1d5c9}rint", "means print"),
        ("\u{441}ору = 1", "looks like copy"),
        ("s\u{441}ope = 1", "looks like scope"),
        ("dт = 1", "mixes scripts"),
        ("Δt = 1", "mixes scripts"),
        ("x = f'{\u{435}val(x)}'", "looks like eval"),
    ] {
        let report = seen(line);
        assert_eq!(report.answer, GateAnswer::Deny, "{line}");
        assert!(report.reason.contains(why) && report.reason.starts_with("a.py:2: "), "{report:?}");
    }
    for line in ["x = '\u{441}ору'", "# dт", "x = f'{{\u{435}val}} {x}'"] {
        assert_eq!(seen(line).answer, GateAnswer::Pass, "{line}");
    }
    let text = "\u{435}val = 1\n".to_owned();
    let created = checked(&Unicode::new(), Edit::Create { path: "a.py".into(), text });
    assert_eq!(created.answer, GateAnswer::Deny);
}

#[test]
fn a_secret_or_a_placeholder_that_is_written_is_denied() {
    let key = "AKIAZ7Q2M4X6C2V5B3N2";
    let rule = Secrets::default();
    for line in [
        format!("KEY = \"{key}\""),
        "DB = 'postgres://shop:h8Zk3qPw1x@db/shop'".to_owned(),
        "token = '[redacted:secret:ab12]'".to_owned(),
    ] {
        says(&rule, "KEY = None", &line, GateAnswer::Deny);
        // It may be moved within a file that has it.
        let around = format!("if x:\n    {line}");
        says(&rule, &line, &around, GateAnswer::Pass);
    }
    let why = inspected(&rule, &[change("a.py", "", &format!("KEY = '{key}'\n"))]).reason;
    assert!(why.starts_with("a.py: holds") && !why.contains(key), "{why}");
    says(&rule, "x = 0", "key = keys[name]", GateAnswer::Pass);
    says(&rule, "x = 0", "password = settings.password", GateAnswer::Pass);
}

#[test]
fn a_rule_that_only_checks_is_asked_by_a_verifier_too_and_a_panic_holds() {
    #[derive(Debug)]
    struct Never;
    impl Guardrail for Never {
        fn check(&self, _case: &Case, _fix: &Fix) -> GateReport {
            GateReport::new("never", GateAnswer::Cap, "not today")
        }
    }
    #[derive(Debug)]
    struct Panics;
    impl Guardrail for Panics {
        fn check(&self, _case: &Case, _fix: &Fix) -> GateReport {
            panic!("a bug of the host's")
        }
    }
    let rules: [Arc<dyn Guardrail>; 2] = [Arc::new(Panics), Arc::new(Never)];
    let (case, fix) = (mint::case("s", "i"), fix(Vec::new()));
    let answers = |reports: Vec<GateReport>| reports.iter().map(|r| r.answer).collect::<Vec<_>>();
    let both = [GateAnswer::Hold, GateAnswer::Cap];
    assert_eq!(answers(check_all(&rules, &case, &fix)), both);
    assert_eq!(answers(inspect_all(&rules, &case, &fix, &Touched::new(&[], &[]))), both);
}

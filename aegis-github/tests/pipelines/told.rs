//! What is told of a failure.

use super::*;

#[tokio::test]
async fn the_same_failure_is_the_same_whatever_else_differs() {
    let bed = Bed::new().await;
    let print = async |run: Run| {
        bed.fake.inside().runs.clear();
        bed.run(run);
        prints(&bed.all(&mut bed.events()).await).remove(0)
    };
    let cargo = print(Run::failed(1, CARGO)).await;
    // Other times, other lines, another job of the matrix, a failing job beside it.
    let mut other = Run::failed(
        2,
        &CARGO.replace("2026-11-26", "2026-12-24").replace("lib.rs:2:", "lib.rs:40:"),
    );
    other.jobs[1].name = "test (2)";
    assert_eq!(print(other).await, cargo);
    let mut compile = Run::failed(3, COMPILE);
    let compiled = print(compile.clone()).await;
    compile.jobs[1].log = Some(COMPILE.replace("src/lib.rs", "src/cart.rs"));
    let elsewhere = print(compile).await;
    let renamed = print(Run::failed(4, &CARGO.replace("nothing", "anything"))).await;
    let deploy = "##[group]Run ./deploy\n./deploy\n##[endgroup]\nno\n##[error]Process completed with exit code 1.\n";
    let step = print(Run::failed(5, deploy)).await;
    let start = print(Run::ended(6, "startup_failure")).await;
    let all = HashSet::from([cargo, compiled, elsewhere, renamed, step, start]);
    assert_eq!(all.len(), 6);
}

#[test]
fn a_cause_is_told_only_where_it_is_known() {
    let read = |command: &str, output: &str, error: &str| {
        aegis_core::ci::read(&format!(
            "##[group]Run {command}\n{command}\n##[endgroup]\n{output}\n##[error]{error}\n"
        ))
    };
    let failed = Conclusion::Failure;
    let exit = |code| format!("Process completed with exit code {code}.");
    assert_eq!(cause_of(Conclusion::StartupFailure, None, None, 0), Cause::Configuration);
    assert_eq!(cause_of(failed, None, None, 0), Cause::Configuration);
    assert_eq!(cause_of(failed, Some("Test"), None, 1), Cause::Unknown);
    let token = "Input required and not supplied: token";
    for (log, cause) in [
        (aegis_core::ci::read(COMPILE), Cause::Code),
        (read("protoc --version", "protoc: command not found", &exit(127)), Cause::Configuration),
        (read("acme/ship@v1", token, token), Cause::Configuration),
        // What the service's own program prints is not believed.
        (read("./run.sh", token, &exit(1)), Cause::Unknown),
        (read("acme/ship@v1", "", "connect ETIMEDOUT"), Cause::Unknown),
    ] {
        assert_eq!(cause_of(failed, None, Some(&log), 2), cause, "{log:?}");
    }
    assert_eq!(Cause::told("an error\nof a service"), None);
}

#[test]
fn nothing_that_builds_or_ships_may_ship_by_itself() {
    for (path, may) in [
        ("config/limits.toml", true),
        ("config/eu/limits.yaml", true),
        (".github/workflows/ci.yml", false),
        (".GITHUB/actions/x/action.yml", false),
        ("config/.github/x.yml", false),
        ("config/../.github/workflows/ci.yml", false),
        ("config//x.yml", false),
        ("config\\x.yml", false),
        ("config/run.sh", false),
        ("Cargo.toml", false),
        ("shop/config/x.toml", false),
        ("", false),
    ] {
        assert_eq!(Pipelines::may_ship(path), may, "{path}");
    }
}

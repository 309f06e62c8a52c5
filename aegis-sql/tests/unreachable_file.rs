//! A file that can't be opened says which, and what to do.

use std::fs;

use aegis_core::{Error, ErrorKind};
use aegis_sql::SqliteJournal;

#[track_caller]
fn says(error: &Error, kind: ErrorKind, words: [&str; 2]) {
    assert_eq!(error.kind(), kind, "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "{word:?} is missing in: {error}");
    }
}

#[tokio::test]
async fn a_folder_that_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("no/such/aegis.db");
    for error in [
        SqliteJournal::connect(&file).await.unwrap_err(),
        SqliteJournal::create_or_open(&file).await.unwrap_err(),
    ] {
        says(&error, ErrorKind::NotFound, ["no/such/aegis.db", "create it"]);
    }
}

#[tokio::test]
async fn a_folder_in_place_of_the_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = SqliteJournal::create_or_open(folder.path()).await.unwrap_err();
    let path = folder.path().to_str().unwrap();
    says(&error, ErrorKind::Invalid, [path, "is not a file"]);
}

#[tokio::test]
async fn a_file_that_is_no_database_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    let text = "not a database at all, only a text\n".repeat(100);
    fs::write(&file, &text).unwrap();
    for error in [
        SqliteJournal::connect(&file).await.unwrap_err(),
        SqliteJournal::create_or_open(&file).await.unwrap_err(),
    ] {
        says(&error, ErrorKind::Invalid, ["notes.txt", "not a SQLite database"]);
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

/// Root may write everywhere, so that the one who tries is an unprivileged user.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_may_not_be_written_says_who_needs_which_right() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::os::unix::process::CommandExt as _;

    let mode = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aegis.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        SqliteJournal::create_or_open(&file).await.unwrap().close().await;
        // A schema to apply, so that migrating has something to write.
        crate::shop::raw(&file, "UPDATE meta SET value = 0").await;
    });
    let program = folder.path().join("child");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    mode(&program, 0o755);
    let answer = |file| {
        let mut command = crate::child::command(&program, "migrate -", file);
        if fs::metadata("/proc/self").unwrap().uid() == 0 {
            command.uid(65_534).gid(65_534);
        }
        let output = command.output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    mode(&file, 0o444);
    mode(folder.path(), 0o555);
    let said = answer(&file);
    let other = answer(&folder.path().join("other.db"));
    mode(folder.path(), 0o755);
    assert!(said.contains("aegis.db") && said.contains("this user"), "{said}");
    assert!(other.contains("other.db") && other.contains("this user"), "{other}");
}

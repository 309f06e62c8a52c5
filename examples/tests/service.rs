//! What every test of a service in a repository of its own begins with.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The source of a service below `tests/services`.
pub(crate) fn source(name: &str) -> PathBuf {
    let services = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/services");
    services.join(format!("{name}_service"))
}

/// A port that the system chooses.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Status and body that are answered to a GET, where anything is.
pub(crate) fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    Some((status, answer.split("\r\n\r\n").nth(1)?.to_owned()))
}

/// Copies a folder, but what has one of the names `without`.
pub(crate) fn copy(from: &Path, to: &Path, without: &[&str]) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, into) = (entry.path(), to.join(entry.file_name()));
        if without.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if path.is_dir() {
            copy(&path, &into, without);
        } else {
            std::fs::copy(path, into).unwrap();
        }
    }
}

/// Commits everything in a folder to `main`, in a repository that is made where there is none.
pub(crate) fn commit_all(folder: &Path, message: &str) {
    let mut options = git2::RepositoryInitOptions::new();
    let repository = git2::Repository::init_opts(folder, options.initial_head("main")).unwrap();
    let mut index = repository.index().unwrap();
    index.add_all(["*"], git2::IndexAddOption::DEFAULT, None).unwrap();
    index.write().unwrap();
    let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
    let kim = git2::Signature::now("Kim", "kim@example.com").unwrap();
    let parent = repository.head().ok().map(|head| head.peel_to_commit().unwrap());
    let parents: Vec<_> = parent.iter().collect();
    repository.commit(Some("HEAD"), &kim, &kim, message, &tree, &parents).unwrap();
}

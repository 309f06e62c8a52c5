//! The Rust toolchain that compiles and runs a package's tests, and what it may see of the host.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use aegis_core::{Digest, Error, Result};
use tokio::process::Command;

/// What a toolchain has to answer within.
const PATIENCE: Duration = Duration::from_secs(30);

/// Parts of Cargo's home that a build reads. Credentials are not among them.
const READ: [&str; 4] = ["registry/index", "registry/cache", "registry/src", "git"];

/// A toolchain by its own folder, whatever manages it.
#[derive(Debug, Clone)]
pub(super) struct Toolchain {
    sysroot: PathBuf,
    home: PathBuf,
    digest: Digest,
}

impl Toolchain {
    /// The toolchain in `folder`, else that of the `rustc` on the path.
    ///
    /// Errors: `NotFound` where there is none, or none with Cargo.
    pub(super) async fn find(folder: Option<&Path>) -> Result<Self> {
        let rustc = folder.map_or_else(|| "rustc".into(), |folder| folder.join("bin/rustc"));
        let sysroot = PathBuf::from(ask(&rustc, &["--print", "sysroot"]).await?.trim());
        let version = ask(&rustc, &["-vV"]).await?;
        let cargo = sysroot.join("bin/cargo");
        if !cargo.is_file() {
            let cargo = cargo.display();
            return Err(Error::not_found(format!("the toolchain has no Cargo: {cargo}")));
        }
        let own = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let home = own("CARGO_HOME").or_else(|| Some(own("HOME")?.join(".cargo")));
        let home = home.unwrap_or_else(|| "/nonexistent".into());
        let digest = Digest::of_json(&(&sysroot, &version));
        Ok(Self { sysroot, home, digest })
    }

    /// Identifies compiler and target.
    pub(super) fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Host paths that have to be seen inside.
    pub(super) fn visible(&self) -> Vec<PathBuf> {
        let read = READ.iter().map(|part| self.home.join(part)).filter(|path| path.is_dir());
        std::iter::once(self.sysroot.clone()).chain(read).collect()
    }

    /// `PATH` inside: its own programs, then the system's.
    pub(super) fn search_path(&self) -> String {
        format!("{}:/usr/local/bin:/usr/bin:/bin", self.sysroot.join("bin").display())
    }

    /// Variables by which a build finds everything, and reaches for nothing else.
    pub(super) fn env(&self) -> [(&'static str, String); 6] {
        [
            ("CARGO_HOME", self.home.display().to_string()),
            ("CARGO_NET_OFFLINE", "true".to_owned()),
            ("CARGO_TERM_COLOR", "never".to_owned()),
            ("CARGO_TERM_PROGRESS_WHEN", "never".to_owned()),
            ("CARGO_INCREMENTAL", "0".to_owned()),
            ("CARGO_PROFILE_DEV_DEBUG", "0".to_owned()),
        ]
    }
}

async fn ask(program: &Path, arguments: &[&str]) -> Result<String> {
    let name = program.display();
    let mut command = Command::new(program);
    command.args(arguments).current_dir("/").stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await;
    let output = output
        .map_err(|_| Error::timeout(format!("{name} does not answer")))?
        .map_err(|e| Error::not_found(format!("{name} can't be run")).with_source(e))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().next().unwrap_or("it said nothing").to_owned();
        return Err(Error::not_found(format!("{name} fails: {said}")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

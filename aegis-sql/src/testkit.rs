//! A private PostgreSQL server, for tests that want a real one.
//!
//! It is made of the programs that are installed, reached by a socket in a folder of its own, and ends
//! with the process that started it.

use std::fs;
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The statement by which a `PostgresJournal` commits records and nothing else, to be measured beside it.
///
/// Its parameters: the incident, its fence, its sequence, the sequence that it leads to, the phase, the
/// time, and then of each record the sequence, the time, the kind, the JSON and the digest, as arrays.
pub const COMMIT_RECORDS: &str = crate::postgres::APPEND;

/// What the server may take to answer, or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whom the server runs as where this process is root's, which it refuses: nobody.
const NOBODY: u32 = 65_534;

/// A server with one database, `postgres`. Dropped, it is ended and its files are removed.
#[derive(Debug)]
pub struct Cluster {
    programs: PathBuf,
    folder: TempDir,
    server: Option<Child>,
    settings: Vec<String>,
}

impl Cluster {
    /// A new server whose commits are on the disk when they return. May block for a second.
    ///
    /// Errors: `NotFound` where PostgreSQL or `setpriv` is not installed; what the programs say.
    pub fn start() -> Result<Self> {
        Self::start_with(&[])
    }

    /// The same with settings as `postgresql.conf` has them: `fsync=off` where only speed counts.
    pub fn start_with(settings: &[&str]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("aegis-pg-").tempdir()?;
        if is_root()? {
            chown(folder.path(), Some(NOBODY), Some(NOBODY))?;
        }
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700))?;
        let settings = settings.iter().map(|&s| s.to_owned()).collect();
        let mut cluster = Self { programs: programs()?, folder, server: None, settings };
        let data = cluster.data();
        let mut init = cluster.program("initdb")?;
        init.args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8"]);
        succeeded(init.arg("--locale=C").arg("-D").arg(data).output()?)?;
        cluster.resume()?;
        Ok(cluster)
    }

    /// How to connect to it.
    pub fn url(&self) -> String {
        format!("postgres://postgres@localhost/postgres?host={}", self.folder.path().display())
    }

    /// Where another program of the same installation is, `pgbench` or `psql`; `None` where it is not.
    pub fn installed(&self, name: &str) -> Option<PathBuf> {
        is_file(&self.programs, name).then(|| self.programs.join(name))
    }

    /// Starts it again on the same files, and waits until it answers.
    pub fn resume(&mut self) -> Result<()> {
        let data = self.data();
        let mut server = self.program("postgres")?;
        server.arg("-D").arg(&data).arg("-k").arg(self.folder.path());
        server.args(["-c", "listen_addresses=", "-c", "max_connections=200"]);
        for setting in &self.settings {
            server.args(["-c", setting.as_str()]);
        }
        let log = fs::File::options().append(true).create(true).open(self.log())?;
        server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.server = Some(server.spawn()?);
        let since = Instant::now();
        loop {
            let mut ask = Command::new(self.programs.join("pg_isready"));
            ask.arg("-q").arg("-h").arg(self.folder.path());
            if ask.status()?.success() {
                return Ok(());
            }
            let gone = match &mut self.server {
                Some(server) => server.try_wait()?.is_some(),
                None => true,
            };
            if gone || since.elapsed() > PATIENCE {
                let said = fs::read_to_string(self.log()).unwrap_or_default();
                return Err(Error::other(format!("PostgreSQL does not start: {said}")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it as a crash would: at once, with nothing written down. [`resume`](Self::resume) recovers.
    pub fn crash(&mut self) -> Result<()> {
        self.signal("-QUIT")
    }

    /// Ends it in order: sessions are ended, what they had not committed is lost.
    pub fn stop(&mut self) -> Result<()> {
        self.signal("-INT")
    }

    fn signal(&mut self, signal: &str) -> Result<()> {
        let Some(mut server) = self.server.take() else { return Ok(()) };
        Command::new("kill").arg(signal).arg(server.id().to_string()).status()?;
        let since = Instant::now();
        while server.try_wait()?.is_none() {
            if since.elapsed() > PATIENCE {
                server.kill()?;
                server.wait()?;
                return Err(Error::new(ErrorKind::TimedOut, "PostgreSQL does not end"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// A program of the server's, that ends with this process.
    fn program(&self, name: &str) -> Result<Command> {
        let mut command = Command::new("setpriv");
        if is_root()? {
            let id = NOBODY.to_string();
            command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]);
        }
        command.args(["--pdeathsig", "QUIT", "--"]).arg(self.programs.join(name));
        // A terminal's interrupt is for the process that started it.
        command.current_dir(self.folder.path()).process_group(0).env("LC_ALL", "C");
        Ok(command)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.crash();
    }
}

/// Where `initdb` is: on the path, or where Debian and Homebrew keep it.
fn programs() -> Result<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for above in ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"] {
        let Ok(found) = fs::read_dir(above) else { continue };
        folders.extend(found.flatten().map(|entry| entry.path().join("bin")));
    }
    // The newest first.
    folders.sort();
    folders.reverse();
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path));
    let has =
        |folder: &PathBuf| ["initdb", "postgres", "pg_isready"].iter().all(|p| is_file(folder, p));
    folders.into_iter().find(has).ok_or_else(|| {
        let why = "PostgreSQL is not installed: on Debian, apt-get install postgresql";
        Error::new(ErrorKind::NotFound, why)
    })
}

fn is_file(folder: &Path, name: &str) -> bool {
    folder.join(name).is_file()
}

fn is_root() -> Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    Ok(fs::metadata("/proc/self")?.uid() == 0)
}

fn succeeded(output: Output) -> Result<()> {
    if output.status.success() {
        return Ok(());
    }
    Err(Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
}

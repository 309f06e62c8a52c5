//! A program that listens, on a port that the system chose; it dies with its value.

use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Server {
    /// Starts `program`, which says on its standard error where it listens.
    pub(crate) async fn start(program: &str, arguments: &[String]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().unwrap_or_else(|e| {
            panic!("{program}: {e}; apt-get install -y --no-install-recommends {program}")
        });
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let listens = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                let after = line.split_once("msg=\"Listening on\" address=").map(|(_, rest)| rest);
                let port =
                    after.and_then(|rest| rest.split(' ').next()?.rsplit(':').next()?.parse().ok());
                if port.is_some() {
                    return port;
                }
                said.push(line);
            }
            None
        };
        let port = tokio::time::timeout(super::PATIENCE, listens).await.ok().flatten();
        let port =
            port.unwrap_or_else(|| panic!("{program} does not listen:\n{}", said.join("\n")));
        // Nobody reads the rest, and it must not block on a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { child, port }
    }

    pub(crate) fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    /// Lets it hang: it listens, and answers nothing.
    pub(crate) fn hang(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Has it read its configuration again.
    pub(crate) fn reload(&self) {
        self.signal(Signal::SIGHUP);
    }

    /// Ends it, and waits until it is gone.
    pub(crate) async fn end(&mut self) {
        self.signal(Signal::SIGTERM);
        self.child.wait().await.unwrap();
    }
}

//! A real, tiny service in a real repository.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use aegis_core::port::{Delivery, EventSource as _};
use aegis_core::{Result, Revision};
use aegis_local::service::ServiceSpec;
use aegis_local::supervise::{Releases, State, Status, Supervisor, SupervisorBuilder};

use crate::git::workshop::{Workshop, until};

pub(crate) const SERVICE: &str = r#"
import http.server, json, os, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/crash":
            print("about to crash", flush=True)
            os._exit(3)
        if self.path == "/version":
            body = "revision " + os.environ["AEGIS_REVISION"]
        elif self.path == "/env":
            body = json.dumps(dict(os.environ, CWD=os.getcwd()))
        else:
            body = "ok"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args):
        pass

http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"#;

/// A shop whose service is [`SERVICE`], and everything to supervise it.
pub(crate) struct Stage {
    pub(crate) shop: Workshop,
    pub(crate) port: u16,
    pub(crate) spec: ServiceSpec,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let python = std::process::Command::new("python3").arg("--version").output();
        assert!(
            python.is_ok_and(|out| out.status.success()),
            "these tests start a service: install python3 (apt-get install python3)"
        );
        let shop = Workshop::new();
        shop.commit(&[("service.py", Some(SERVICE))], "Serve");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
        let spec = ServiceSpec::new("shop", "exec python3 service.py", url("/health"), "true")
            .with_version(url("/version"))
            .with_env("PORT", port.to_string());
        Self { shop, port, spec }
    }

    pub(crate) async fn builder(&self) -> SupervisorBuilder {
        Supervisor::builder(self.spec.clone(), self.shop.repository().await, self.shop.state())
            .poll(Duration::from_millis(20))
            .stop_grace(Duration::from_secs(5))
    }

    pub(crate) async fn supervisor(&self) -> Supervisor {
        self.builder().await.start().await.unwrap()
    }

    /// What the service answers, `None` where nothing does.
    pub(crate) fn ask(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
    }

    pub(crate) fn env(&self) -> BTreeMap<String, String> {
        serde_json::from_str(&self.ask("/env").unwrap()).unwrap()
    }

    /// What the service itself says it is.
    pub(crate) fn version(&self) -> Option<String> {
        self.ask("/version").and_then(|v| v.strip_prefix("revision ").map(str::to_owned))
    }

    /// A release whose service does not start.
    pub(crate) fn break_it(&self) -> Revision {
        let broken = "import sys\nprint('no such setting: SHOP', flush=True)\nsys.exit(7)\n";
        self.shop.commit(&[("service.py", Some(broken))], "Break the start")
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Ends what a failing test left running: the group that the pid file names.
        let file = self.shop.state().join("supervisor/shop.json");
        let Ok(text) = std::fs::read(file) else { return };
        let Ok(record) = serde_json::from_slice::<serde_json::Value>(&text) else { return };
        let pid = record["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok());
        if let Some(pid) = pid.filter(|pid| *pid > 1 && running(u32::try_from(*pid).unwrap())) {
            let group = nix::unistd::Pid::from_raw(pid);
            let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        }
    }
}

/// Whether a process runs and is no zombie.
pub(crate) fn running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

pub(crate) async fn runs(supervisor: &Supervisor, revision: &Revision) -> Status {
    until("the revision runs", async || {
        let status = supervisor.status();
        let there = status.state == State::Running && status.revision.as_ref() == Some(revision);
        there.then_some(status)
    })
    .await
}

/// The next release, within half a minute.
pub(crate) async fn next(releases: &mut Releases) -> Delivery {
    let next: Result<_> =
        tokio::time::timeout(Duration::from_secs(30), releases.next()).await.unwrap();
    next.unwrap().unwrap()
}

/// Whether no release waits.
pub(crate) async fn silent(releases: &mut Releases) -> bool {
    tokio::time::timeout(Duration::from_millis(1), releases.next()).await.is_err()
}

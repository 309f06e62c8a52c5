//! A Prometheus that scrapes the page of a fleet each second.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

use super::host::Host;
use super::{Served, page};
use crate::Result;

/// How long it may take to start, and to answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// What its own page says of the queries that a tick sends.
const SIZES: &str = "prometheus_http_response_size_bytes";
const QUERIES: &str = "{handler=\"/api/v1/query\"} ";

/// The program `prometheus`, which ends when this is dropped.
#[derive(Debug)]
pub struct Real {
    child: Child,
    port: u16,
    _page: Host,
    _folder: TempDir,
}

impl Real {
    /// Starts it with a page of `services` services. Its first answers take seconds.
    ///
    /// # Errors
    ///
    /// Where the program is not installed or does not listen.
    pub fn start(services: usize) -> Result<Self> {
        let (page, folder) = (page::serve(services)?, tempfile::tempdir()?);
        let config = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
             scrape_configs: [{{job_name: fleet, static_configs: [{{targets: ['{}']}}]}}]\n",
            page.at
        );
        let (file, data) = (folder.path().join("prometheus.yml"), folder.path().join("data"));
        std::fs::write(&file, config)?;
        let mut child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| {
                format!("prometheus: {e}; apt-get install -y --no-install-recommends prometheus")
            })?;
        let said = child.stderr.take();
        let mut real = Self { child, port: 0, _page: page, _folder: folder };
        let (found, port) = mpsc::channel();
        // Reads on after that: it must not block on a full pipe.
        std::thread::spawn(move || {
            for line in said.into_iter().flat_map(|said| BufReader::new(said).lines()).flatten() {
                if let Some(port) = listens(&line) {
                    // Nobody waits any more where it took too long.
                    let _ = found.send(port);
                }
            }
        });
        real.port = port.recv_timeout(PATIENCE).map_err(|_| "prometheus does not listen")?;
        Ok(real)
    }

    /// Its address.
    pub fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it answered so far, as it counts itself.
    ///
    /// # Errors
    ///
    /// Where its own page can't be read.
    pub fn served(&self) -> Result<Served> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
        let mut page = String::new();
        stream.read_to_string(&mut page)?;
        // What was never counted is not there yet.
        let of = |suffix: &str| {
            let series = format!("{SIZES}{suffix}{QUERIES}");
            let value = page.lines().find_map(|line| line.strip_prefix(&series));
            value.map_or(Ok(0.0), str::parse::<f64>)
        };
        // Counts, far below 2^53.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let count = |value: f64| value as u64;
        Ok(Served { requests: count(of("_count")?), bytes: count(of("_sum")?) })
    }
}

fn listens(line: &str) -> Option<u16> {
    let (_, rest) = line.split_once("msg=\"Listening on\" address=")?;
    rest.split(' ').next()?.rsplit(':').next()?.parse().ok()
}

impl Drop for Real {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

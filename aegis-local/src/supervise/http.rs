//! One GET over plain HTTP to a loopback address. No redirects, no reuse, a deadline over all of it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use aegis_core::{Error, Result};

/// Most that is read of an answer, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// A URL on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LocalUrl {
    host: String,
    path: String,
    addresses: Vec<SocketAddr>,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

impl LocalUrl {
    /// Reads `http://host[:port]/path`, whose host has to be this machine. May block to resolve it.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let refuse = |why: &str| Error::invalid(format!("{url:?}: {why}")).at("supervise");
        let rest = url.strip_prefix("http://").ok_or_else(|| refuse("plain http:// is needed"))?;
        if rest.chars().any(|c| c.is_control() || c == ' ') {
            return Err(refuse("it holds a blank or a control character"));
        }
        let (host, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let bare =
            host.rsplit(':').next().is_none_or(|p| p.is_empty() || p.parse::<u16>().is_err());
        let target = if bare { format!("{host}:80") } else { host.to_owned() };
        let addresses: Vec<SocketAddr> = target
            .to_socket_addrs()
            .map_err(|e| refuse("its host can't be resolved").with_source(e))?
            .filter(|a| a.ip().is_loopback())
            .collect();
        if addresses.is_empty() {
            return Err(refuse("only a loopback address is asked, such as 127.0.0.1"));
        }
        Ok(Self { host: host.to_owned(), path: path.to_owned(), addresses })
    }

    /// Whether anything takes connections there. Blocks.
    pub(super) fn taken(&self, limit: Duration) -> bool {
        self.addresses.iter().any(|a| TcpStream::connect_timeout(a, limit).is_ok())
    }

    /// Asks. Blocks, no longer than `limit`.
    pub(super) fn get(&self, limit: Duration) -> Result<Answer> {
        let deadline = Instant::now() + limit;
        let mut last = None;
        for address in &self.addresses {
            match TcpStream::connect_timeout(address, left(deadline)?) {
                Ok(stream) => return self.ask(stream, deadline),
                Err(e) => last = Some(e),
            }
        }
        let mut error = Error::unavailable(format!("nothing answers at {}", self.host));
        if let Some(e) = last {
            error = error.with_source(e);
        }
        Err(error.at("supervise"))
    }

    fn ask(&self, mut stream: TcpStream, deadline: Instant) -> Result<Answer> {
        stream.set_write_timeout(Some(left(deadline)?))?;
        let (path, host) = (&self.path, &self.host);
        // HTTP/1.0: the answer comes whole and ends with the connection.
        let request = format!(
            "GET {path} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: aegis-supervisor\r\n\
             Accept: */*\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            stream.set_read_timeout(Some(left(deadline)?))?;
            let n = match stream.read(&mut chunk) {
                Ok(n) => n,
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => return Err(late()),
                Err(e) => return Err(e.into()),
            };
            answer.extend_from_slice(&chunk[..n]);
            if n == 0 || answer.len() >= MAX_ANSWER || whole(&answer) {
                break;
            }
        }
        parse(&answer)
    }
}

fn left(deadline: Instant) -> Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(late()) } else { Ok(left) }
}

fn late() -> Error {
    Error::timeout("the service took too long to answer").at("supervise")
}

fn head_of(answer: &[u8]) -> Option<(String, usize)> {
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n")?;
    Some((String::from_utf8_lossy(&answer[..end]).into_owned(), end + 4))
}

/// Whether the announced length has arrived.
fn whole(answer: &[u8]) -> bool {
    let Some((head, start)) = head_of(answer) else { return false };
    head.lines()
        .filter_map(|l| l.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok())
        .is_some_and(|length| answer.len() - start >= length)
}

fn parse(answer: &[u8]) -> Result<Answer> {
    let broken = || Error::unavailable("the answer is no HTTP").at("supervise");
    let (head, start) = head_of(answer).ok_or_else(broken)?;
    let mut first = head.lines().next().unwrap_or_default().split(' ');
    let http = first.next().is_some_and(|v| v.starts_with("HTTP/1."));
    let status = first.next().and_then(|s| s.parse().ok()).filter(|_| http).ok_or_else(broken)?;
    Ok(Answer { status, body: String::from_utf8_lossy(&answer[start..]).into_owned() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_this_machine_is_asked() {
        for bad in ["https://127.0.0.1/", "http://169.254.169.254/", "http://10.0.0.1:80/", "x"] {
            assert!(LocalUrl::parse(bad).is_err(), "{bad}");
        }
        let url = LocalUrl::parse("http://127.0.0.1:8000/health?x=1").unwrap();
        assert_eq!((url.host.as_str(), url.path.as_str()), ("127.0.0.1:8000", "/health?x=1"));
        assert_eq!(LocalUrl::parse("http://127.0.0.1").unwrap().addresses[0].port(), 80);
        assert!(LocalUrl::parse("http://[::1]:80/").is_ok());
    }

    #[test]
    fn an_answer_is_read_to_its_announced_length() {
        assert!(!whole(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab"));
        assert!(whole(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"));
        let answer = parse(b"HTTP/1.1 204 No Content\r\n\r\nx").unwrap();
        assert_eq!(answer, Answer { status: 204, body: "x".into() });
        assert!(parse(b"SSH-2.0\r\n\r\n").is_err());
    }

    #[test]
    fn a_server_that_trickles_does_not_hold_us_past_the_deadline() {
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut stream, _) = server.accept().unwrap();
            while stream.write_all(b"H").is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let began = Instant::now();
        let url = LocalUrl::parse(&format!("http://127.0.0.1:{port}/")).unwrap();
        assert!(url.get(Duration::from_millis(200)).is_err());
        assert!(began.elapsed() < Duration::from_secs(2));
    }
}

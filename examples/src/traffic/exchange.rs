use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Request;

/// No answer of a small service is longer; what is beyond is not read.
const LONGEST: u64 = 4 << 20;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

/// Sends one request on a connection of its own. Asks by HTTP/1.0, so the answer is never chunked
/// and ends with the connection.
pub(super) async fn exchange(address: SocketAddr, request: &Request) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(wire(address, request).as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer).await?;
    parse(&answer).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

fn wire(address: SocketAddr, request: &Request) -> String {
    let Request { method, path, body, .. } = request;
    let mut wire =
        format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\nUser-Agent: visitor/1.0\r\n");
    if let Some(body) = body {
        let length = body.len();
        wire +=
            &format!("Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}");
    } else {
        wire += "\r\n";
    }
    wire
}

/// `None` unless the whole answer is there: a service that is killed cuts one short.
fn parse(answer: &[u8]) -> Option<Answer> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let body = &answer[end + 4..];
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map(|(_, length)| length.trim().parse::<usize>());
    match length {
        Some(Ok(length)) if body.len() >= length => {}
        None => {}
        Some(_) => return None,
    }
    Some(Answer { status, body: String::from_utf8_lossy(body).into_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_whole() {
        let answer = parse(b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno");
        assert_eq!(answer, Some(Answer { status: 404, body: "no".to_owned() }));
    }

    #[test]
    fn an_answer_may_end_with_the_connection() {
        let answer = parse(b"HTTP/1.0 200 OK\r\n\r\nyes");
        assert_eq!(answer, Some(Answer { status: 200, body: "yes".to_owned() }));
    }

    #[test]
    fn an_answer_that_was_cut_short_is_none() {
        for cut in [
            "",
            "HTTP/1.1 200 OK\r\nContent-Len",
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
            "SSH-2.0-x\r\n\r\n",
        ] {
            assert_eq!(parse(cut.as_bytes()), None, "{cut:?}");
        }
    }

    #[test]
    fn a_body_is_sent_with_its_length() {
        let request = Request::post("/orders", r#"{"a": 1}"#, 1);
        let wire = wire(([127, 0, 0, 1], 80).into(), &request);
        assert!(wire.starts_with("POST /orders HTTP/1.0\r\nHost: 127.0.0.1:80\r\n"), "{wire}");
        assert!(wire.ends_with("Content-Length: 8\r\n\r\n{\"a\": 1}"), "{wire}");
    }
}

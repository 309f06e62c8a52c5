//! Bounds of time and size.

use std::time::Duration;

use aegis_gemini::model::RefusalKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// A Gemini on a socket that the test answers by hand.
async fn by_hand() -> (TcpListener, Gemini) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let config = GeminiConfig::new(KEY, DataPolicy::Paid).with_base(base);
    (listener, Gemini::new(config.with_answer_bytes(1_000)).unwrap())
}

async fn request_of(listener: &TcpListener) -> TcpStream {
    let (mut socket, _) = listener.accept().await.unwrap();
    let mut read = Vec::new();
    while !read.windows(5).any(|end| end == b"Why?\"") {
        assert_ne!(socket.read_buf(&mut read).await.unwrap(), 0);
    }
    socket
}

#[tokio::test]
async fn an_answer_that_never_comes_is_late() {
    let (listener, gemini) = by_hand().await;
    let request = why().with_within(Duration::from_millis(50));
    let (refusal, _socket) = tokio::join!(gemini.complete(LITE, &request), request_of(&listener));
    assert_eq!(refusal.unwrap_err().kind, RefusalKind::Late);
}

#[tokio::test]
async fn the_configured_time_bounds_that_of_a_request() {
    let (listener, _) = by_hand().await;
    let base = format!("http://{}", listener.local_addr().unwrap());
    let config = GeminiConfig::new(KEY, DataPolicy::Paid).with_base(base);
    let gemini = Gemini::new(config.with_timeout(Duration::from_millis(50))).unwrap();
    let request = why().with_within(Duration::from_secs(600));
    assert_eq!(gemini.complete(LITE, &request).await.unwrap_err().kind, RefusalKind::Late);
}

#[tokio::test]
async fn an_answer_without_end_is_read_to_its_bound_and_no_further() {
    let (listener, gemini) = by_hand().await;
    let flood = async {
        let mut socket = request_of(&listener).await;
        socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        // Ends once the other side hangs up.
        while socket.write_all(&[b' '; 4_096]).await.is_ok() {}
    };
    let request = why();
    let (refusal, ()) = tokio::join!(gemini.complete(LITE, &request), flood);
    let refusal = refusal.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Unreadable);
    assert!(refusal.message.contains("longer than 1000 bytes"), "{refusal}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_failure() {
    let (listener, gemini) = by_hand().await;
    let half = async {
        let mut socket = request_of(&listener).await;
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"candidates\":";
        socket.write_all(head).await.unwrap();
    };
    let request = why();
    let (refusal, ()) = tokio::join!(gemini.complete(LITE, &request), half);
    assert_eq!(refusal.unwrap_err().kind, RefusalKind::Failed);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_failure() {
    let (listener, gemini) = by_hand().await;
    drop(listener);
    let refusal = gemini.complete(LITE, &why()).await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Failed);
    assert!(refusal.message.contains("can't be reached"), "{refusal}");
}

#[tokio::test]
async fn a_dropped_call_hangs_up() {
    let (listener, gemini) = by_hand().await;
    let request = why();
    let mut socket = tokio::select! {
        _ = gemini.complete(LITE, &request) => panic!("nobody answered"),
        socket = request_of(&listener) => socket,
    };
    let mut rest = Vec::new();
    let hung_up = tokio::time::timeout(Duration::from_secs(60), socket.read_to_end(&mut rest));
    hung_up.await.expect("it hangs up").ok();
}

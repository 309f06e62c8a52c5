//! What each answer comes to.

use std::time::Duration;

use aegis_gemini::gemini::{DataPolicy, Gemini};
use aegis_gemini::model::{Finish, Usage};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

#[tokio::test]
async fn an_answer_is_its_text_with_what_it_took() {
    let took = Usage::new(20, 3, 5, 8);
    let answer = came(Said::json(&json!({ "a": 1 })).with_usage(took)).await.unwrap();
    assert_eq!((answer.text.expose(), answer.finish), (r#"{"a":1}"#, Finish::Complete));
    assert_eq!((answer.usage, answer.model_version.as_deref()), (took, Some(LITE)));
    // Nine bytes and four are asked, eight answered.
    let answer = came(Said::text("Because.")).await.unwrap();
    assert_eq!(answer.usage, Usage::new(3 + 1, 2, 0, 0));
}

#[tokio::test]
async fn each_refusal_is_the_kind_that_the_client_documents() {
    let wait = Duration::from_millis(1_500);
    for (refused, kind, status) in [
        (Refused::PerMinute(wait), RefusalKind::Pace(Some(wait)), "429"),
        (Refused::FreeTier(wait), RefusalKind::Pace(Some(wait)), "429"),
        (Refused::PerDay, RefusalKind::Spent, "429"),
        (Refused::NotFound, RefusalKind::Gone, "404"),
        (Refused::Forbidden, RefusalKind::Denied, "403"),
        (Refused::Invalid, RefusalKind::Invalid, "400"),
        (Refused::Internal, RefusalKind::Failed, "500"),
        (Refused::Overloaded, RefusalKind::Failed, "503"),
    ] {
        let refusal = came(Said::Refused(refused)).await.unwrap_err();
        assert_eq!(refusal.kind, kind, "{refusal}");
        assert!(refusal.message.contains(status), "{refusal}");
    }
}

#[tokio::test]
async fn what_is_no_answer_is_the_kind_that_the_client_documents() {
    for (said, kind, says) in [
        (Said::Blocked("PROHIBITED_CONTENT".into()), RefusalKind::Blocked, "the prompt is blocked"),
        (Said::unsafe_answer(), RefusalKind::Blocked, "(SAFETY)"),
        (Said::text("x").with_finish("OF_TOMORROW"), RefusalKind::Unreadable, "OF_TOMORROW"),
        (Said::Empty, RefusalKind::Unreadable, "holds no candidate"),
        (Said::Malformed, RefusalKind::Unreadable, "can't be read"),
        (Said::Disconnect, RefusalKind::Failed, "can't be reached"),
    ] {
        let refusal = came(said).await.unwrap_err();
        assert_eq!(refusal.kind, kind, "{refusal}");
        assert!(refusal.message.contains(says), "{refusal}");
    }
    let cut = came(Said::cut("Bec")).await.unwrap();
    assert_eq!((cut.text.expose(), cut.finish), ("Bec", Finish::Cut));
}

#[tokio::test]
async fn what_hangs_is_late() {
    let stand = Stand::scripted([Said::Hang]).unwrap();
    let request = why().with_within(Duration::from_millis(50));
    let refusal = stand.gemini().unwrap().complete(LITE, &request).await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Late);
}

#[tokio::test]
async fn a_connection_breaks_after_the_head_and_half_a_body() {
    let stand = Stand::scripted([Said::Disconnect]).unwrap();
    let address = stand.url().replace("http://", "");
    let mut socket = TcpStream::connect(&address).await.unwrap();
    let body = r#"{"contents":[{"parts":[{"text":"Why?"}]}]}"#;
    let head = format!(
        "POST /v1/models/{LITE}:generateContent HTTP/1.1\r\nhost: {address}\r\nx-goog-api-key: {}\r\n\
         content-length: {}\r\n\r\n",
        aegis_gemini::testkit::KEY,
        body.len()
    );
    socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut came = Vec::new();
    let ends = tokio::time::timeout(Duration::from_secs(60), socket.read_to_end(&mut came));
    // A reset is an end as well.
    let _ = ends.await.expect("it breaks");
    let came = String::from_utf8(came).unwrap();
    assert!(came.starts_with("HTTP/1.1 200 OK"), "{came}");
    assert!(came.contains("candidates") && !came.ends_with("0\r\n\r\n"), "{came}");
}

#[tokio::test]
async fn a_key_of_the_free_tier_is_given_up_where_nobody_may_train() {
    let stand = Stand::scripted([Said::Refused(Refused::FreeTier(Duration::ZERO))]).unwrap();
    let mut config = stand.config();
    for (policy, reached) in [(DataPolicy::Paid, 1), (DataPolicy::MayTrain, 3)] {
        config.data_policy = policy;
        let gemini = Gemini::new(config.clone()).unwrap();
        gemini.complete(LITE, &why()).await.unwrap_err();
        gemini.complete(LITE, &why()).await.unwrap_err();
        assert_eq!(stand.received().len(), reached);
    }
}

#[tokio::test]
async fn answers_come_in_their_order_and_the_last_one_repeats() {
    let script = Script::new([Said::text("1"), Said::text("2")]);
    let shared = script.clone();
    let stand = Stand::start(move |_| shared.next()).unwrap();
    let gemini = stand.gemini().unwrap();
    let say = async || gemini.complete(LITE, &why()).await.unwrap().text.expose().to_owned();
    assert_eq!([say().await, say().await, say().await], ["1", "2", "2"]);
    script.then(Said::text("3"));
    assert_eq!([say().await, say().await, say().await], ["2", "3", "3"]);
    let refusal = came(Script::default().next()).await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Failed);
}

#[tokio::test]
async fn a_stand_in_that_is_gone_answers_nothing_not_even_on_an_open_connection() {
    let stand = Stand::scripted([Said::text("Because.")]).unwrap();
    let gemini = stand.gemini().unwrap();
    gemini.complete(LITE, &why()).await.unwrap();
    drop(stand);
    let refusal = gemini.complete(LITE, &why()).await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Failed, "{refusal}");
}

//! The router that the stand-in gives.

use std::sync::Arc;
use std::time::Duration;

use aegis_core::port::{Clock as _, MemoryJournal, SystemClock};
use aegis_gemini::router::{Question, Reply, Router, Task, Unanswered};

use super::*;

async fn ask(router: &Router, task: Task, what: &str) -> Result<Reply<String>, Unanswered> {
    let deadline = SystemClock.now().plus(Duration::from_secs(60));
    let request = Request::new(Default::default()).ask(text(what));
    router.ask(&Question::new(task, "1", request, deadline), |text| Ok(text.to_owned())).await
}

#[tokio::test]
async fn fixes_are_asked_of_the_ablest_model_and_everything_else_of_a_small_one() {
    let stand = Stand::start(|asked| Said::text(asked.model.as_str())).unwrap();
    let router = stand.router(Arc::new(MemoryJournal::default())).unwrap();
    for task in Task::ALL {
        let model = ask(&router, task, "Who?").await.unwrap().value;
        assert_eq!(model, if task == Task::Fix { "gemini-3.8-flash" } else { LITE });
    }
}

#[tokio::test]
async fn no_quota_of_a_day_ends_a_long_test() {
    let stand = Stand::scripted([Said::text("Because.")]).unwrap();
    let router = stand.router(Arc::new(MemoryJournal::default())).unwrap();
    // A family of the free tier has 20 a day, and a fifth is kept.
    for number in 0..30 {
        let reply = ask(&router, Task::Fix, &format!("Why {number}?")).await.unwrap();
        assert_eq!(reply.choice.model, "gemini-3.8-flash");
    }
}

#[tokio::test]
async fn what_is_refused_goes_on_as_the_router_documents() {
    let pace = Said::Refused(Refused::PerMinute(Duration::from_millis(1)));
    for (first, asked) in [
        (vec![pace], vec![LITE, LITE]),
        (vec![Said::Refused(Refused::PerDay)], vec![LITE, "gemini-3.1-flash-lite"]),
        (vec![Said::Refused(Refused::NotFound)], vec![LITE, "gemini-3.1-flash-lite"]),
        (vec![Said::Disconnect, Said::Refused(Refused::Internal)], vec![LITE, LITE, LITE]),
        (vec![Said::cut("Bec")], vec![LITE, LITE]),
        (vec![Said::Malformed], vec![LITE, LITE]),
    ] {
        let shown = format!("{first:?}");
        let stand = Stand::scripted(first.into_iter().chain([Said::text("Because.")])).unwrap();
        let router = stand.router(Arc::new(MemoryJournal::default())).unwrap();
        let reply = ask(&router, Task::Diagnosis, "Why?").await.unwrap();
        assert_eq!(reply.value, "Because.", "{shown}");
        let paths: Vec<String> = stand.received().into_iter().map(|it| it.path).collect();
        let wanted: Vec<String> =
            asked.iter().map(|model| format!("/v1/models/{model}:generateContent")).collect();
        assert_eq!(paths, wanted, "{shown}");
    }
    let stand = Stand::scripted([Said::unsafe_answer()]).unwrap();
    let router = stand.router(Arc::new(MemoryJournal::default())).unwrap();
    let blocked = ask(&router, Task::Diagnosis, "Why?").await.unwrap_err();
    assert!(matches!(blocked, Unanswered::Blocked(_)), "{blocked}");
    assert_eq!(stand.received().len(), 1);
}

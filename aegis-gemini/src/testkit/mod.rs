//! A stand-in for Gemini's wire, whose answers a test gives.
//!
//! It holds requests to what Gemini takes, refuses in Gemini's words, and keeps all that it got. Of the
//! API it has `generateContent` and `countTokens`, and names of fields in camel case alone. A token is
//! four bytes.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use aegis_core::port::{Clock as _, MemoryJournal, SystemClock};
//! use aegis_core::redact::Redactor;
//! use aegis_gemini::model::Request;
//! use aegis_gemini::router::{Question, Task};
//! use aegis_gemini::testkit::{Refused, Said, Stand};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let stand = Stand::scripted([Said::Refused(Refused::Overloaded), Said::text("7")])?;
//! let router = stand.router(Arc::new(MemoryJournal::default()))?;
//! let text = Redactor::standard().redact_str("login with password=hunter2: how many?");
//! let deadline = SystemClock.now().plus(Duration::from_secs(60));
//! let question = Question::new(Task::Triage, "1", Request::new(Default::default()).ask(text), deadline);
//! let reply = router.ask(&question, |text| text.parse::<u8>().map_err(|e| e.to_string())).await?;
//! assert_eq!((reply.value, stand.received().len()), (7, 2));
//! assert!(!stand.got("hunter2"));
//! # Ok(())
//! # }
//! ```

mod asked;
mod generation;
mod received;
mod refused;
mod said;
mod script;
mod wire;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aegis_core::Result;
use aegis_core::port::Journal;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use tokio::runtime::{Builder, Runtime};

pub use self::asked::Asked;
pub use self::received::Received;
pub use self::refused::Refused;
pub use self::said::Said;
pub use self::script::Script;
use crate::gemini::{DataPolicy, Gemini, GeminiConfig, routes};
use crate::model::Quota;
use crate::router::{Router, RouterConfig};

/// The key that is taken.
pub const KEY: &str = "the-key-of-the-tests";
/// The project of [`Stand::router`].
pub const PROJECT: &str = "main";

/// Most requests that are kept; what comes after them is refused, so that none is overlooked.
const MOST: usize = 2_000;
/// Most bytes of a request, as with Gemini.
const REQUEST: usize = 20 * 1_024 * 1_024;
/// How long an exchange may take: more than a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long answers that are under way may hold up the end.
const END: Duration = Duration::from_secs(1);

type Answers = Box<dyn Fn(&Asked) -> Said + Send + Sync>;

/// What the server works on.
struct Inside {
    answers: Answers,
    received: Mutex<Vec<Received>>,
}

impl Inside {
    fn received(&self) -> MutexGuard<'_, Vec<Received>> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The server, on threads of its own; it ends with this, and its connections with it.
pub struct Stand {
    inside: Arc<Inside>,
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl fmt::Debug for Stand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stand").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A thread of another runtime may not wait for this one.
            let ends = std::thread::spawn(move || runtime.shutdown_timeout(END));
            // What a test's answer panicked with was told when it did.
            let _ = ends.join();
        }
    }
}

impl Stand {
    /// Serves what `answers` says, on a port that the system chooses. Where it panics, the connection
    /// breaks.
    ///
    /// # Errors
    ///
    /// Where no port or no thread can be had.
    pub fn start(
        answers: impl Fn(&Asked) -> Said + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let inside = Arc::new(Inside { answers: Box::new(answers), received: Mutex::default() });
        let app = axum::Router::new().fallback(answer).with_state(Arc::clone(&inside));
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = {
            let _within = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        runtime.spawn(async move {
            // It ends with its runtime.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { inside, address, runtime: Some(runtime) })
    }

    /// Serves these answers in their order; the last one repeats.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn scripted(answers: impl IntoIterator<Item = Said>) -> std::io::Result<Self> {
        let script = Script::new(answers);
        Self::start(move |_| script.next())
    }

    /// Where it is: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The settings of [`gemini`](Self::gemini): of the paid tier, with 10 s for an exchange.
    pub fn config(&self) -> GeminiConfig {
        GeminiConfig::new(KEY, DataPolicy::Paid).with_base(self.url()).with_timeout(PATIENCE)
    }

    /// A connection to it.
    ///
    /// # Errors
    ///
    /// `Internal` where there can be no client.
    pub fn gemini(&self) -> Result<Gemini> {
        Gemini::new(self.config())
    }

    /// The settings of [`router`](Self::router): those of [`routes`], without bounds, and with pauses of
    /// a millisecond.
    pub fn routes(&self) -> RouterConfig {
        let mut config = routes(PROJECT);
        let choices: Vec<_> = config.tasks.values().flatten().cloned().collect();
        for choice in choices {
            config = config.with_quota(choice, Quota::default());
        }
        (config.backoff_ms, config.cooldown_ms) = (1, 1);
        config
    }

    /// A router that asks it: the ablest model for fixes, a small one for everything else.
    ///
    /// # Errors
    ///
    /// As [`gemini`](Self::gemini).
    pub fn router(&self, journal: Arc<dyn Journal>) -> Result<Router> {
        let gemini = Arc::new(self.gemini()?);
        Router::builder(self.routes(), journal).project(PROJECT, gemini).build()
    }

    /// All that it got, what it refused included.
    pub fn received(&self) -> Vec<Received> {
        self.inside.received().clone()
    }

    /// Whether `text` was in anything that it got.
    pub fn got(&self, text: &str) -> bool {
        self.inside.received().iter().any(|received| received.holds(text))
    }
}

async fn answer(State(inside): State<Arc<Inside>>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    // What is a little larger is kept too: it left the test.
    let Ok(body) = to_bytes(body, 2 * REQUEST).await else {
        return refused::larger(REQUEST).response();
    };
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let body = String::from_utf8_lossy(&body).into_owned();
    {
        let mut received = inside.received();
        if received.len() == MOST {
            return refused::full(MOST).response();
        }
        let (headers, body) = (head.headers.clone(), body.clone());
        received.push(Received { path, headers, body });
    }
    if body.len() > REQUEST {
        return refused::larger(REQUEST).response();
    }
    match wire::read(&head, &body) {
        Err(refused) => refused.response(),
        Ok(wire::Call::Count(tokens)) => said::count(tokens),
        Ok(wire::Call::Generate(asked)) => (inside.answers)(&asked).response(&asked).await,
    }
}

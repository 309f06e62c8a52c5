//! Aegis inside an axum service that reports its own errors.
//!
//! The service has four parts. One has a bug that is healed; for the other three the diagnoser
//! panics, blocks its thread and hangs. That costs those three incidents, which a person gets, and
//! neither the fourth nor the service's visitors: their 99th percentile is printed without a heal
//! and during one, both measured in the same run.

use std::collections::VecDeque;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aegis_core::compose::by_service;
use aegis_core::judge::Statistical;
use aegis_core::machine::{Incident, Phase, Settings};
use aegis_core::model::{Metric, Missing, Point, Query, Readings, Samples};
use aegis_core::planner::{Handle, Planner, PlannerConfig, ServiceConfig};
use aegis_core::policy::{Autonomy, PolicyConfig};
use aegis_core::port::{Clock, Filter, SystemClock};
use aegis_core::stage::{Diagnoser, MetricSource};
use aegis_core::testkit::stages::{KnowsTheLine, Offers, Passes};
use aegis_core::testkit::{Chaos, Mischief, World};
use aegis_core::{Revision, Timestamp};
use aegis_local::sources::{ErrorLayer, LayerSource};
use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::prelude::*;

/// The part whose bug is healed, and the three whose diagnoser misbehaves.
const PARTS: [&str; 4] = ["orders", "search", "stock", "mail"];
/// How long visitors are measured without a heal, and at least with one.
const MEASURE: Duration = Duration::from_secs(3);
/// How long a stage that reads may take here.
const DEADLINE: Duration = Duration::from_secs(1);
/// When a heal that does not end counts as failed.
const GIVE_UP: Duration = Duration::from_secs(60);

/// What the handlers and the metric source share: what runs, whether it is broken, and the last
/// requests to `orders`.
#[derive(Debug, Clone)]
struct Shop {
    world: World,
    broken: Arc<AtomicBool>,
    requests: Arc<Mutex<VecDeque<(Timestamp, bool)>>>,
}

impl Shop {
    fn broken(&self) -> bool {
        self.broken.load(Ordering::SeqCst)
    }

    fn fixed(&self) -> bool {
        self.world.with(|remote| !remote.merges.is_empty())
    }

    fn count(&self, ok: bool) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.push_back((SystemClock.now(), ok));
        if requests.len() > 10_000 {
            requests.pop_front();
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let seen = run().await?;
    let ms = |d: Duration| d.as_secs_f64() * 1_000.0;
    let (without, with) = (ms(seen.without.p99()), ms(seen.with.p99()));
    println!("p99 without a heal {without:>8.2} ms of {:>6} requests", seen.without.0.len());
    println!("p99 during a heal  {with:>8.2} ms of {:>6} requests", seen.with.0.len());
    println!("ratio              {:>8.2}", with / without);
    for incident in &seen.incidents {
        let why = incident.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        println!("{:<8} {}{why}", incident.case.service, incident.phase);
    }
    Ok(())
}

/// What visitors felt, and how the incidents ended.
pub(crate) struct Seen {
    pub(crate) without: Felt,
    pub(crate) with: Felt,
    pub(crate) incidents: Vec<Incident>,
}

/// Serves and measures, then breaks everything and measures until each incident ended or was handed
/// to a person.
pub(crate) async fn run() -> Result<Seen, Box<dyn Error>> {
    let world = World::new(Arc::new(SystemClock), Revision::new("0".repeat(40)));
    let shop = Shop { world, broken: Arc::default(), requests: Arc::default() };
    let broken = Arc::clone(&shop.broken);
    let planner = planner(&shop, report_errors()?)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let service = tokio::spawn(axum::serve(listener, routes(shop)).into_future());

    let background = tokio::spawn(ask_every_part(address));
    let without = visit(address, async || tokio::time::sleep(MEASURE).await).await?;
    broken.store(true, Ordering::SeqCst);
    let mut incidents = Ok(Vec::new());
    let healing = async || {
        let started = Instant::now();
        incidents = settled(&planner).await;
        tokio::time::sleep(MEASURE.saturating_sub(started.elapsed())).await;
    };
    let with = visit(address, healing).await?;
    background.abort();
    service.abort();
    planner.shutdown().await?;
    Ok(Seen { without, with, incidents: incidents? })
}

/// A layer for each part: what a part logs as an error reaches the planner as that part's.
fn report_errors() -> Result<Vec<LayerSource>, Box<dyn Error>> {
    let mut layers = Vec::new();
    let mut sources = Vec::new();
    for part in PARTS {
        let (layer, source) = ErrorLayer::new(part);
        layers.push(layer.with_filter(filter_fn(move |event| event.target() == part)));
        sources.push(source);
    }
    tracing_subscriber::registry().with(layers).try_init()?;
    Ok(sources)
}

/// The planner that the service embeds.
fn planner(shop: &Shop, errors: Vec<LayerSource>) -> aegis_core::Result<Handle> {
    let knows = || KnowsTheLine(shop.world.clone());
    let bad =
        |mischief| -> Arc<dyn Diagnoser> { Arc::new(Chaos::new(knows(), mischief, u64::MAX)) };
    let diagnosers: [Arc<dyn Diagnoser>; 4] = [
        Arc::new(knows()),
        bad(Mischief::Panic),
        bad(Mischief::Block(DEADLINE * 2)),
        bad(Mischief::Hang),
    ];
    let mut settings = Settings::default()
        .with_watch(Duration::from_secs(2), Duration::from_millis(200))
        .with_poll(Duration::from_millis(100));
    settings.failures = 2;
    settings.backoff_ms = 100;
    let mut builder = Planner::builder(PolicyConfig::new(Autonomy::Auto))
        .metrics(shop.clone())
        .diagnoser(by_service(PARTS.map(Into::into).into_iter().zip(diagnosers)))
        .fixes(Offers(1))
        .verifier(Passes(95))
        .deployer(shop.world.clone())
        .judge(Statistical::default())
        .config(PlannerConfig::new().with_read_deadline(DEADLINE));
    for (part, source) in PARTS.into_iter().zip(errors) {
        builder = builder.service(ServiceConfig::new(part).with_settings(settings));
        builder = builder.source(Box::new(source));
    }
    builder.build()?.start()
}

/// Every incident, once each has ended or waits for a person.
async fn settled(planner: &Handle) -> aegis_core::Result<Vec<Incident>> {
    let give_up = Instant::now() + GIVE_UP;
    loop {
        let rows = planner.list(&Filter::new()).await?;
        let still = |phase: Phase| !phase.is_terminal() && phase != Phase::AwaitingHuman;
        if rows.len() == PARTS.len() && !rows.iter().any(|row| still(row.phase)) {
            let mut incidents = Vec::new();
            for row in rows {
                incidents.push(planner.incident(&row.id).await?);
            }
            return Ok(incidents);
        }
        if Instant::now() > give_up {
            return Err(aegis_core::Error::timeout(format!("not settled: {rows:?}")));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The service: a healthy route, and one for each part.
fn routes(shop: Shop) -> Router {
    Router::new()
        .route("/", get(async || "hello"))
        .route("/orders", get(orders))
        .route("/search", get(search))
        .route("/stock", get(stock))
        .route("/mail", get(mail))
        .with_state(shop)
}

async fn orders(State(shop): State<Shop>) -> StatusCode {
    let broken = shop.broken() && !shop.fixed();
    shop.count(!broken);
    answer(broken, || tracing::error!(target: "orders", "the mean of an empty list"))
}

async fn search(State(shop): State<Shop>) -> StatusCode {
    answer(shop.broken(), || tracing::error!(target: "search", "the index is gone"))
}

async fn stock(State(shop): State<Shop>) -> StatusCode {
    answer(shop.broken(), || tracing::error!(target: "stock", "a count below zero"))
}

async fn mail(State(shop): State<Shop>) -> StatusCode {
    answer(shop.broken(), || tracing::error!(target: "mail", "a recipient without an address"))
}

fn answer(broken: bool, report: impl FnOnce()) -> StatusCode {
    if !broken {
        return StatusCode::OK;
    }
    report();
    StatusCode::INTERNAL_SERVER_ERROR
}

#[async_trait]
impl MetricSource for Shop {
    async fn sample(&self, query: &Query) -> aegis_core::Result<Samples> {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let window = requests.iter().filter(|(at, _)| query.since() <= *at && *at < query.now);
        let (mut all, mut errors) = (0_u32, 0_u32);
        for (_, ok) in window {
            all += 1;
            errors += u32::from(!ok);
        }
        let read = |metric: &Metric| {
            let value = match metric {
                Metric::ErrorRate if all > 0 => f64::from(errors) / f64::from(all),
                Metric::RouteRequests(_) => f64::from(all),
                Metric::ErrorRate => return Readings::Missing(Missing::NoData),
                _ => return Readings::Missing(Missing::Unsupported),
            };
            Readings::Values(vec![Point::new(query.now, value).with_weight(all.into())])
        };
        Ok(Samples::new(query.metrics.iter().map(|m| (m.clone(), read(m))).collect()))
    }
}

/// Latencies, sorted.
#[derive(Debug)]
pub(crate) struct Felt(pub(crate) Vec<Duration>);

impl Felt {
    fn p99(&self) -> Duration {
        self.0.get(self.0.len() * 99 / 100).copied().unwrap_or_default()
    }
}

/// Visits the healthy route from a thread of its own until `meanwhile` is done.
async fn visit(address: SocketAddr, meanwhile: impl AsyncFnOnce()) -> Result<Felt, Box<dyn Error>> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let visitors = tokio::task::spawn_blocking(move || -> io::Result<Vec<Duration>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut visitors = JoinSet::new();
            for _ in 0..4 {
                visitors.spawn(visitor(address, Arc::clone(&stopped)));
            }
            let mut all = Vec::new();
            while let Some(felt) = visitors.join_next().await {
                all.extend(felt.map_err(io::Error::other)??);
            }
            Ok(all)
        })
    });
    meanwhile().await;
    stop.store(true, Ordering::SeqCst);
    let mut felt = visitors.await??;
    felt.sort_unstable();
    Ok(Felt(felt))
}

async fn visitor(address: SocketAddr, stop: Arc<AtomicBool>) -> io::Result<Vec<Duration>> {
    let mut connection = BufReader::new(TcpStream::connect(address).await?);
    let mut felt = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        let asked = Instant::now();
        ask(&mut connection, "/").await?;
        felt.push(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
    Ok(felt)
}

/// Asks every part, again and again.
async fn ask_every_part(address: SocketAddr) -> io::Result<()> {
    let mut connection = BufReader::new(TcpStream::connect(address).await?);
    loop {
        for part in PARTS {
            ask(&mut connection, &format!("/{part}")).await?;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// One request on a connection that is kept.
async fn ask(connection: &mut BufReader<TcpStream>, path: &str) -> io::Result<()> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    let (mut line, mut length) = (String::new(), 0);
    while connection.read_line(&mut line).await? > 0 && line != "\r\n" {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        line.clear();
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await.map(drop)
}

//! Aegis watched by Prometheus: a planner that heals one incident after the other, and a page of its
//! metrics to be scraped.
//!
//! ```console
//! $ cargo run -p aegis-examples --example exporter -- 127.0.0.1:9464
//! ```
//!
//! Without an address the system chooses a port, which is printed. The stages are small honest ones
//! over a remote in memory; what is shown is how the recorder, the planner and the page come together.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aegis_core::machine::{Phase, Settings};
use aegis_core::model::{Event, Signal};
use aegis_core::planner::{Handle, PlannerConfig, ServiceConfig};
use aegis_core::policy::{Autonomy, PolicyConfig};
use aegis_core::port::{Clock, Intake, SystemClock};
use aegis_core::redact::Untrusted;
use aegis_core::testkit::World;
use aegis_core::testkit::stages::{Shop, honest};
use aegis_prometheus::own::{FAMILIES, Kind, Metrics, ModelFigures};
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;

/// A planner whose metrics are served at `address`.
pub(crate) struct Exporter {
    pub(crate) address: SocketAddr,
    planner: Handle,
    world: World,
}

/// The recorder behind the facade, for the whole process.
fn recorder() -> Result<PrometheusHandle, Box<dyn Error>> {
    let mut builder = PrometheusBuilder::new();
    for family in FAMILIES {
        if let Kind::Histogram(buckets) = family.kind {
            builder = builder.set_buckets_for_metric(Matcher::Full(family.name.into()), buckets)?;
        }
    }
    Ok(builder.install_recorder()?)
}

/// The page, read by whoever scrapes it.
async fn serve(listener: TcpListener, page: PrometheusHandle) -> std::io::Result<()> {
    let read = move || async move {
        // A host that asks models copies the figures of its router; this one asks none.
        ModelFigures::default().record();
        ([(CONTENT_TYPE, "text/plain; version=0.0.4")], page.render())
    };
    axum::serve(listener, Router::new().route("/metrics", get(read))).await
}

impl Exporter {
    /// Serves at `address`, and starts the planner once there is a recorder.
    pub(crate) async fn start(address: &str) -> Result<Self, Box<dyn Error>> {
        let page = recorder()?;
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let kept = page.clone();
        tokio::spawn(async move {
            // Where nobody scrapes, measured times would pile up.
            let mut tick = tokio::time::interval(Duration::from_secs(5));
            loop {
                tick.tick().await;
                kept.run_upkeep();
            }
        });
        tokio::spawn(serve(listener, page));

        let world = World::new(Arc::new(SystemClock), "0".repeat(40).as_str().into());
        let times = Settings::default()
            .with_watch(Duration::from_secs(2), Duration::from_millis(200))
            .with_poll(Duration::from_millis(200));
        let planner = honest(&Shop::new(world.clone()), PolicyConfig::new(Autonomy::Auto))
            .service(ServiceConfig::new("shop").with_settings(times))
            .config(PlannerConfig::new().with_observe_every(Duration::from_secs(1)))
            .telemetry(Arc::new(Metrics::new()))
            .build()?
            .start()?;
        Ok(Self { address, planner, world })
    }

    /// Ships a bug in the function of this name, reports its first error, and waits until it is healed.
    pub(crate) async fn heal(&self, function: &str) -> Result<(), Box<dyn Error>> {
        let mut changes = self.planner.changes();
        let running = self.world.with(|remote| {
            remote.merges.clear();
            remote.running.clone()
        });
        let trace = format!(
            "Traceback (most recent call last):\n  File \"/srv/app/mean.py\", line 2, in {function}\n    \
             return sum(xs) / len(xs)\nZeroDivisionError: division by zero\n"
        );
        let error = Signal::error("shop".into(), SystemClock.now(), Untrusted::new(trace));
        self.planner.report(Event::Signal(error.with_revision(running))).await?;
        loop {
            let change = changes.recv().await?;
            println!("{} {}", change.incident, change.phase);
            match change.phase {
                Phase::Healed => return Ok(()),
                end if end.is_terminal() || end == Phase::AwaitingHuman => {
                    return Err(format!("{} ended as {end}", change.incident).into());
                }
                _ => {}
            }
        }
    }
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".into());
    let exporter = Exporter::start(&address).await?;
    println!("http://{}/metrics", exporter.address);
    let mut every = tokio::time::interval(Duration::from_secs(20));
    for n in 0_u32.. {
        tokio::select! {
            _ = every.tick() => exporter.heal(&format!("mean_{n}")).await?,
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    Ok(exporter.planner.shutdown().await?)
}

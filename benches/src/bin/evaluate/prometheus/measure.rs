//! CPU of the one thread that polls, parses and judges; servers have threads or processes of their own.

use std::hint::black_box;
use std::time::{Duration, Instant};

use aegis_benches::Result;
use aegis_benches::prometheus::{Fleet, Verdicts, Watch};
use aegis_core::model::{Metric, Readings, Samples};
use aegis_core::port::{Clock as _, SystemClock};
use aegis_core::stage::MetricSource as _;
use aegis_prometheus::{Answer, Client, Prometheus};
use allocation_counter::AllocationInfo;
use nix::time::ClockId;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use super::Server;
use super::figures::{Apart, Figures, Kept, Parse, Part};

/// How long the first whole answers may take: Prometheus needs two scrapes for a rate.
const PATIENCE: Duration = Duration::from_secs(60);
/// How much a rate may differ from one answer to the next where nothing changes.
const STEADY: f64 = 0.05;
/// A plain query, of which one answer is read again and again.
const PLAIN: &str = "sum by (service) (rate(http_requests_total[12s]))";

/// What one piece of work took.
#[derive(Debug, Clone, Copy, Default)]
struct Lap {
    cpu: Duration,
    wall: Duration,
}

/// What polls, on the thread that calls, and what judges.
struct Tick<'a> {
    fleet: &'a Fleet,
    runtime: Runtime,
    source: Prometheus,
    watch: Watch,
}

impl Tick<'_> {
    fn poll(&self) -> Result<Vec<Samples>> {
        let query = self.fleet.query(SystemClock.now());
        Ok(self.runtime.block_on(self.source.sample_each(&self.fleet.services, &query))?)
    }

    /// The first answers that lack nothing, once rates reach over whole windows and so stay as they are.
    fn whole(&self) -> Result<Vec<Samples>> {
        let began = Instant::now();
        let mut before = f64::NAN;
        loop {
            let all = self.poll()?;
            let readings = || all.iter().flat_map(|samples| &samples.series);
            let missing = readings().find(|(_, readings)| readings.last().is_none());
            let rate = all[0].get(&Metric::RequestRate).and_then(Readings::last);
            let rate = rate.map_or(f64::NAN, |point| point.value);
            if missing.is_none() && (rate - before).abs() <= STEADY * rate {
                return Ok(all);
            }
            if began.elapsed() > PATIENCE {
                let why = format!("no steady answer in {PATIENCE:?}: {missing:?}, rate {rate}");
                return Err(why.into());
            }
            before = rate;
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// Each service at a moment of its own, a tenth sooner or later than it is told to.
    fn apart(&self) -> Result<()> {
        let services = &self.fleet.services;
        self.runtime.block_on(async {
            let mut looks = JoinSet::new();
            for (n, service) in services.iter().enumerate() {
                let (source, mut query) =
                    (self.source.clone(), self.fleet.query(SystemClock.now()));
                let moment = query.step.mul_f64(n as f64 / services.len() as f64);
                query.service = service.clone();
                query.window = query.step.mul_f64(0.9 + (n * 7 % 21) as f64 / 100.0);
                query.step = query.window;
                looks.spawn(async move {
                    tokio::time::sleep(moment).await;
                    query.now = SystemClock.now();
                    source.sample(&query).await.map(|samples| drop(black_box(samples)))
                });
            }
            while let Some(look) = looks.join_next().await {
                look??;
            }
            Ok(())
        })
    }
}

pub(super) fn measure(fleet: &Fleet, server: &Server, ticks: usize) -> Result<Figures> {
    let config = fleet.config(&server.base());
    let mut kept = Kept::default();
    let mut watch = None;
    kept.detector = counted(|| watch = Some(Watch::new(fleet))).bytes_current;
    let mut tick = Tick {
        fleet,
        runtime: Builder::new_current_thread().enable_all().build()?,
        source: Prometheus::new(config.clone())?,
        watch: watch.ok_or("no detectors")?,
    };
    let all = tick.whole()?;
    tick.watch.learn(&all);
    if tick.watch.known() != fleet.series() {
        // Detectors that know nothing cost nothing.
        return Err(format!("{} of {} series are known", tick.watch.known(), fleet.series()).into());
    }
    kept.release = counted(|| tick.watch.release(&all, SystemClock.now())).bytes_current;

    let (mut whole, mut polls, mut detects, mut judges) = (vec![], vec![], vec![], vec![]);
    let (mut opened, mut verdicts) = (0, Verdicts::default());
    let before = server.served()?;
    for _ in 0..ticks {
        let (all, poll) = timed(|| tick.poll())?;
        let all = all?;
        let (now_open, detect) = timed(|| tick.watch.observe(&all))?;
        let (judged, judge) = timed(|| tick.watch.judge(&all))?;
        (opened, verdicts) = (opened + now_open, judged);
        let cpu = poll.cpu + detect.cpu + judge.cpu;
        whole.push(Lap { cpu, wall: poll.wall + detect.wall + judge.wall });
        polls.push(poll);
        detects.push(detect);
        judges.push(judge);
    }
    let after = server.served()?;
    let each = |total: u64| total / ticks as u64;
    let (requests, answer_bytes) =
        (each(after.requests - before.requests), each(after.bytes - before.bytes));

    let mut all = Ok(Vec::new());
    let poll = counted(|| all = tick.poll());
    let all = all?;
    let detect = counted(|| {
        black_box(tick.watch.observe(&all));
    });
    let judge = counted(|| {
        black_box(tick.watch.judge(&all));
    });
    let part = |laps: &[Lap], heap: AllocationInfo| Part {
        ns: nanoseconds(median(laps).cpu) / fleet.series() as f64,
        allocations: heap.count_total,
        heap_most: heap.bytes_max,
    };
    let before = server.served()?;
    let (done, lap) = timed(|| tick.apart())?;
    done?;
    let apart = server.served()?.requests - before.requests;
    let poll = part(&polls, poll);
    let ns = nanoseconds(lap.cpu) / fleet.series() as f64;
    kept.detector /= fleet.series() as i64;
    kept.release /= fleet.series() as i64;
    Ok(Figures {
        series: fleet.series(),
        services: fleet.services.len(),
        metrics: fleet.metrics.len(),
        ticks,
        cpu_ms: nanoseconds(median(&whole).cpu) / 1e6,
        cpu_ms_most: nanoseconds(whole.iter().map(|lap| lap.cpu).max().unwrap_or_default()) / 1e6,
        wall_ms: nanoseconds(median(&whole).wall) / 1e6,
        requests,
        answer_bytes,
        poll,
        detect: part(&detects, detect),
        judge: part(&judges, judge),
        parse: parse(&tick.runtime, &Client::new(config.endpoint)?, ticks)?,
        apart: Apart { requests: apart, ns, times: ns / poll.ns },
        kept,
        opened,
        kept_releases: verdicts.keep,
        taken_back: verdicts.rollback,
        undecided: verdicts.open,
    })
}

/// One answer, read as Aegis does and as plain JSON by turns.
fn parse(runtime: &Runtime, client: &Client, rounds: usize) -> Result<Parse> {
    let reply = runtime.block_on(client.query(PLAIN, SystemClock.now()))?;
    let body = reply.as_bytes();
    let (mut read, mut json) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        read.push(timed(|| drop(black_box(Answer::read(black_box(body)))))?.1);
        let plain =
            || drop(black_box(serde_json::from_slice::<serde_json::Value>(black_box(body))));
        json.push(timed(plain)?.1);
    }
    let answer = reply.answer()?;
    let aegis_prometheus::Data::Vector(series) = answer.data else {
        return Err("the answer is no vector".into());
    };
    let ns = |laps: &[Lap]| nanoseconds(median(laps).cpu) / series.len().max(1) as f64;
    let (ns, json_value_ns) = (ns(&read), ns(&json));
    Ok(Parse { series: series.len(), body_bytes: body.len(), ns, json_value_ns })
}

fn timed<T>(work: impl FnOnce() -> T) -> Result<(T, Lap)> {
    let (cpu, began) = (cpu()?, Instant::now());
    let done = work();
    Ok((done, Lap { wall: began.elapsed(), cpu: self::cpu()?.saturating_sub(cpu) }))
}

/// CPU that this thread used so far, to the nanosecond.
fn cpu() -> Result<Duration> {
    Ok(ClockId::CLOCK_THREAD_CPUTIME_ID.now()?.into())
}

fn counted(work: impl FnOnce()) -> AllocationInfo {
    allocation_counter::measure(work)
}

/// The median of CPU and that of wall time.
fn median(laps: &[Lap]) -> Lap {
    let of = |time: fn(&Lap) -> Duration| {
        let mut times: Vec<Duration> = laps.iter().map(time).collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    };
    Lap { cpu: of(|lap| lap.cpu), wall: of(|lap| lap.wall) }
}

fn nanoseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

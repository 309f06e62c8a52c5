use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use aegis_core::Timestamp;
use aegis_core::model::{Metric, Missing, Query, Readings};
use aegis_core::stage::MetricSource;
use aegis_local::sources::{MachineLoad, ProcessLoad};

/// A process that ends with the test, and what it started too.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn shell(script: &str) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::null()).process_group(0);
        Self(command.spawn().unwrap())
    }

    fn end(&mut self) {
        // Once the shell was waited for, its number may be somebody else's.
        if self.0.try_wait().unwrap().is_none() {
            let group = nix::unistd::Pid::from_raw(self.0.id().cast_signed());
            nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL).unwrap();
            self.0.wait().unwrap();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

async fn ask(source: &dyn MetricSource, metric: Metric) -> Readings {
    let now = Timestamp::from_ms(0);
    let query = Query::new("shop".into(), now, Duration::from_secs(60), vec![metric]);
    source.sample(&query).await.unwrap().series.remove(0).1
}

/// Asks until `good` is met.
async fn until(source: &dyn MetricSource, metric: Metric, good: impl Fn(f64) -> bool) -> f64 {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let readings = ask(source, metric.clone()).await;
        if let Some(point) = readings.last().filter(|p| good(p.value)) {
            return point.value;
        }
        assert!(Instant::now() < deadline, "{readings:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_machine_has_a_load() {
    let load = MachineLoad::new();
    assert_eq!(ask(&load, Metric::Cpu).await, Readings::Missing(Missing::NoData));
    let memory = ask(&load, Metric::Memory).await.last().unwrap().value;
    assert!(memory > 0.0 && memory < 1.0, "{memory}");
    until(&load, Metric::Cpu, |cpu| (0.0..=1.0).contains(&cpu)).await;
    assert_eq!(ask(&load, Metric::ErrorRate).await, Readings::Missing(Missing::Unsupported));
}

#[tokio::test]
async fn a_child_that_spins_counts_for_its_service() {
    // The shell itself waits; its child spins.
    let busy = Running::shell("(while :; do :; done) & read end");
    let idle = Running::shell("read end");
    let (load, other) = (ProcessLoad::of(busy.0.id()), ProcessLoad::of(idle.0.id()));
    assert_eq!(ask(&load, Metric::Cpu).await, Readings::Missing(Missing::NoData));
    let cpus = std::thread::available_parallelism().unwrap().get() as f64;
    until(&load, Metric::Cpu, |cpu| cpu > 0.2 / cpus).await;
    until(&other, Metric::Cpu, |cpu| cpu < 0.1).await;
    let memory = ask(&load, Metric::Memory).await.last().unwrap().value;
    assert!(memory > 0.0 && memory < 0.5, "{memory}");
}

#[tokio::test]
async fn a_service_that_does_not_run_has_no_load() {
    let pid = Arc::new(AtomicU32::new(0));
    let current = Arc::clone(&pid);
    let load =
        ProcessLoad::by(Arc::new(move || Some(current.load(Ordering::SeqCst)).filter(|p| *p > 0)));
    assert_eq!(ask(&load, Metric::Memory).await, Readings::Missing(Missing::NoData));

    let mut process = Running::shell("read end");
    pid.store(process.0.id(), Ordering::SeqCst);
    until(&load, Metric::Memory, |memory| memory > 0.0).await;
    until(&load, Metric::Cpu, |_| true).await;
    process.end();
    assert_eq!(ask(&load, Metric::Memory).await, Readings::Missing(Missing::NoData));
    assert_eq!(ask(&load, Metric::Cpu).await, Readings::Missing(Missing::NoData));

    let second = Running::shell("read end");
    pid.store(second.0.id(), Ordering::SeqCst);
    assert_eq!(ask(&load, Metric::Cpu).await, Readings::Missing(Missing::NoData));
    until(&load, Metric::Cpu, |cpu| cpu < 0.5).await;

    // Replaced at once, as by a restart between two looks.
    let third = Running::shell("read end");
    pid.store(third.0.id(), Ordering::SeqCst);
    assert_eq!(ask(&load, Metric::Cpu).await, Readings::Missing(Missing::NoData));
}

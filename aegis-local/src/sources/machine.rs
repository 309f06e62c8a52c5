//! CPU and memory of the machine, and of one service's processes.

mod cgroup;
mod tree;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aegis_core::model::{Metric, Missing, Point, Query, Readings, Samples};
use aegis_core::stage::MetricSource;
use aegis_core::{Error, Result};
use async_trait::async_trait;
use sysinfo::{CpuRefreshKind, System};

use tree::Tree;

/// Readings of the CPU that are closer together than this say little.
const APART: Duration = Duration::from_millis(200);

/// Load of the whole machine: [`Metric::Cpu`] and [`Metric::Memory`] as shares of what there is.
///
/// Where a control group (cgroup v2) limits this process, the memory is the group's over its limit. CPU time is
/// measured between two calls, so that the first one has no data.
#[derive(Clone, Default)]
pub struct MachineLoad {
    state: Arc<Mutex<Machine>>,
}

#[derive(Default)]
struct Machine {
    system: Option<System>,
    read: Option<Instant>,
    cpu: Option<f64>,
}

impl fmt::Debug for MachineLoad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MachineLoad").finish_non_exhaustive()
    }
}

impl MachineLoad {
    /// The machine that this process runs on.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Machine {
    fn read(&mut self) -> Result<Load> {
        let Self { system, read, cpu } = self;
        let system = fresh(system)?;
        if read.is_none_or(|at| at.elapsed() >= APART) {
            system.refresh_cpu_usage();
            *cpu = read.map(|_| f64::from(system.global_cpu_usage()) / 100.0);
            *read = Some(Instant::now());
        }
        system.refresh_memory();
        let limit = cgroup::limits_of(None).memory.filter(|max| *max < system.total_memory());
        let memory = match (limit, limit.and_then(|_| cgroup::memory_in_use())) {
            (Some(limit), Some(used)) => share(used as f64, limit as f64),
            _ => {
                let total = system.total_memory();
                share(total.saturating_sub(system.available_memory()) as f64, total as f64)
            }
        };
        Ok(Load { cpu: cpu.map(|c| c.clamp(0.0, 1.0)), memory })
    }
}

#[async_trait]
impl MetricSource for MachineLoad {
    async fn sample(&self, query: &Query) -> Result<Samples> {
        answer(query, &self.state, Machine::read).await
    }
}

/// Who knows the process of a service: it changes with each start, and there may be none.
pub type PidSource = Arc<dyn Fn() -> Option<u32> + Send + Sync>;

/// Load of one service: its process with all its descendants.
///
/// [`Metric::Cpu`] is CPU time over what the process may use: the machine's CPUs, or its control
/// group's limit (cgroup v2). [`Metric::Memory`] is resident memory, shared pages counted once for each process,
/// over the machine's or the group's. While the process does not run there is no data. CPU time is
/// measured between two calls, so that the first one has none.
///
/// ```
/// use aegis_local::sources::ProcessLoad;
/// let load = ProcessLoad::of(std::process::id());
/// ```
#[derive(Clone)]
pub struct ProcessLoad {
    pid: PidSource,
    state: Arc<Mutex<Service>>,
}

#[derive(Default)]
struct Service {
    system: Option<System>,
    last: Option<(Instant, Tree)>,
    cpu: Option<f64>,
}

impl fmt::Debug for ProcessLoad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessLoad").finish_non_exhaustive()
    }
}

impl ProcessLoad {
    /// The process `pid` and its descendants.
    pub fn of(pid: u32) -> Self {
        Self::by(Arc::new(move || Some(pid)))
    }

    /// The process that `pid` names whenever it is asked. Must not block.
    pub fn by(pid: PidSource) -> Self {
        Self { pid, state: Arc::default() }
    }
}

impl Service {
    fn read(&mut self, pid: Option<u32>) -> Result<Load> {
        let Self { system, last, cpu } = self;
        let Some(pid) = pid else {
            (*last, *cpu) = (None, None);
            return Ok(Load::default());
        };
        let system = fresh(system)?;
        let Some(tree) = Tree::read(system, pid) else {
            (*last, *cpu) = (None, None);
            return Ok(Load::default());
        };
        let limits = cgroup::limits_of(Some(pid));
        let (now, memory) = (Instant::now(), tree.memory());
        match last {
            Some((then, before)) if before.root() == tree.root() => {
                let elapsed = now.duration_since(*then);
                if elapsed >= APART {
                    if system.cpus().is_empty() {
                        system.refresh_cpu_list(CpuRefreshKind::nothing());
                    }
                    let there = system.cpus().len().max(1) as f64;
                    let cpus = limits.cpus.map_or(there, |limit| limit.min(there));
                    let used = tree.cpu_since(before).as_secs_f64();
                    *cpu = share(used, elapsed.as_secs_f64() * cpus);
                    *last = Some((now, tree));
                }
            }
            _ => {
                *cpu = None;
                *last = Some((now, tree));
            }
        }
        system.refresh_memory();
        let total = limits.memory.map_or(system.total_memory(), |m| m.min(system.total_memory()));
        Ok(Load { cpu: *cpu, memory: share(memory as f64, total as f64) })
    }
}

#[async_trait]
impl MetricSource for ProcessLoad {
    async fn sample(&self, query: &Query) -> Result<Samples> {
        let pid = (self.pid)();
        answer(query, &self.state, move |service| service.read(pid)).await
    }
}

/// Shares in `0.0..=1.0`; `None` where there is nothing to tell.
#[derive(Debug, Clone, Copy, Default)]
struct Load {
    cpu: Option<f64>,
    memory: Option<f64>,
}

/// Reads on a thread that may block, and answers the query.
async fn answer<S: Send + 'static>(
    query: &Query,
    state: &Arc<Mutex<S>>,
    read: impl FnOnce(&mut S) -> Result<Load> + Send + 'static,
) -> Result<Samples> {
    let state = Arc::clone(state);
    let work = move || read(&mut state.lock().unwrap_or_else(PoisonError::into_inner));
    let load = tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| Error::internal("reading the load panicked").with_source(e).at("machine"))??;
    let one = |metric: &Metric| {
        let value = match metric {
            Metric::Cpu => load.cpu,
            Metric::Memory => load.memory,
            _ => return (metric.clone(), Readings::Missing(Missing::Unsupported)),
        };
        let readings = value.map_or(Readings::Missing(Missing::NoData), |v| {
            Readings::Values(vec![Point::new(query.now, v)])
        });
        (metric.clone(), readings)
    };
    Ok(Samples::new(query.metrics.iter().map(one).collect()))
}

fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| (part / whole).clamp(0.0, 1.0))
}

fn fresh(system: &mut Option<System>) -> Result<&mut System> {
    if system.is_none() {
        let new = System::new().map_err(|e| {
            Error::unavailable(format!("the machine can't be read: {e:?}")).at("machine")
        })?;
        *system = Some(new);
    }
    system.as_mut().ok_or_else(|| Error::internal("no machine to read").at("machine"))
}

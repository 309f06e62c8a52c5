//! Composing a planner: a missing stage is a compile error.

use std::sync::Arc;

use super::engine::{Engine, Parts, Stages};
use super::{Handle, PlannerConfig, ServiceConfig};
use crate::error::{Error, Result};
use crate::id::ServiceName;
use crate::policy::{Guardrail, Policy, PolicyConfig};
use crate::port::{
    Clock, EventSource, FastRollback, Journal, MemoryJournal, Notifier, Silent, SystemClock,
    Telemetry,
};
use crate::redact::Redactor;
use crate::stage::{Deployer, Diagnoser, FixGenerator, MetricSource, RollbackJudge, Verifier};

/// A stage that was not set yet; it implements no stage, so that `build` does not exist.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unset;

/// Collects stages and ports; [`Builder::build`] exists once all six stages are set.
///
/// ```
/// use std::time::Duration;
/// use aegis_core::planner::{DynPlanner, Planner, PlannerConfig, ServiceConfig};
/// use aegis_core::policy::{Autonomy, PolicyConfig};
/// use aegis_core::stage::*;
///
/// fn planner(
///     metrics: impl MetricSource,
///     diagnoser: impl Diagnoser,
///     fixes: impl FixGenerator,
///     verifier: impl Verifier,
///     deployer: impl Deployer,
///     judge: impl RollbackJudge,
/// ) -> aegis_core::Result<DynPlanner> {
///     let planner = Planner::builder(PolicyConfig::new(Autonomy::Propose))
///         .metrics(metrics)
///         .diagnoser(diagnoser)
///         .fixes(fixes)
///         .verifier(verifier)
///         .deployer(deployer)
///         .judge(judge)
///         .service(ServiceConfig::new("shop"))
///         .config(PlannerConfig::new().with_observe_every(Duration::from_secs(10)))
///         .build()?;
///     Ok(planner.erase())
/// }
/// ```
#[must_use = "a builder does nothing until it is built"]
#[derive(Debug)]
pub struct Builder<M, D, F, V, P, J> {
    metrics: M,
    diagnoser: D,
    fixes: F,
    verifier: V,
    deployer: P,
    judge: J,
    ports: Ports,
}

#[derive(Debug)]
struct Ports {
    policy: Policy,
    config: PlannerConfig,
    services: Vec<ServiceConfig>,
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    notifiers: Vec<Arc<dyn Notifier>>,
    fast_rollback: Option<Arc<dyn FastRollback>>,
    telemetry: Arc<dyn Telemetry>,
    redactor: Redactor,
    sources: Vec<Box<dyn EventSource>>,
    owner: String,
}

/// Six stages and the ports beneath them, ready to start.
///
/// One planner serves many services. `P` deploys; the other letters are the stages' own.
#[must_use = "a planner does nothing until it is started"]
#[derive(Debug)]
pub struct Planner<M, D, F, V, P, J> {
    stages: (M, D, F, V, P, J),
    ports: Ports,
}

/// A planner whose stages were chosen at run time.
pub type DynPlanner = Planner<
    Arc<dyn MetricSource>,
    Arc<dyn Diagnoser>,
    Arc<dyn FixGenerator>,
    Arc<dyn Verifier>,
    Arc<dyn Deployer>,
    Arc<dyn RollbackJudge>,
>;

impl Planner<Unset, Unset, Unset, Unset, Unset, Unset> {
    /// Begins with what the host allows: autonomy has no default.
    pub fn builder(policy: PolicyConfig) -> Builder<Unset, Unset, Unset, Unset, Unset, Unset> {
        Builder {
            metrics: Unset,
            diagnoser: Unset,
            fixes: Unset,
            verifier: Unset,
            deployer: Unset,
            judge: Unset,
            ports: Ports {
                policy: Policy::new(policy),
                config: PlannerConfig::default(),
                services: Vec::new(),
                journal: Arc::new(MemoryJournal::new()),
                clock: Arc::new(SystemClock),
                notifiers: Vec::new(),
                fast_rollback: None,
                telemetry: Arc::new(Silent),
                redactor: Redactor::standard(),
                sources: Vec::new(),
                owner: format!("pid:{}", std::process::id()),
            },
        }
    }
}

/// Replaces one stage and keeps the rest.
macro_rules! slot {
    ($(#[$doc:meta])* $name:ident: $trait:ident, $letter:ident => [$($out:ident),*]) => {
        $(#[$doc])*
        pub fn $name<S: $trait>(self, $name: S) -> Builder<$($out),*> {
            // The one that is replaced is bound and dropped by the pattern.
            slot!(@build self, $name, $name)
        }
    };
    (@build $self:ident, metrics, $new:ident) => {
        slot!(@rest $self, metrics: $new, diagnoser: $self.diagnoser, fixes: $self.fixes,
              verifier: $self.verifier, deployer: $self.deployer, judge: $self.judge)
    };
    (@build $self:ident, diagnoser, $new:ident) => {
        slot!(@rest $self, metrics: $self.metrics, diagnoser: $new, fixes: $self.fixes,
              verifier: $self.verifier, deployer: $self.deployer, judge: $self.judge)
    };
    (@build $self:ident, fixes, $new:ident) => {
        slot!(@rest $self, metrics: $self.metrics, diagnoser: $self.diagnoser, fixes: $new,
              verifier: $self.verifier, deployer: $self.deployer, judge: $self.judge)
    };
    (@build $self:ident, verifier, $new:ident) => {
        slot!(@rest $self, metrics: $self.metrics, diagnoser: $self.diagnoser,
              fixes: $self.fixes, verifier: $new, deployer: $self.deployer, judge: $self.judge)
    };
    (@build $self:ident, deployer, $new:ident) => {
        slot!(@rest $self, metrics: $self.metrics, diagnoser: $self.diagnoser,
              fixes: $self.fixes, verifier: $self.verifier, deployer: $new, judge: $self.judge)
    };
    (@build $self:ident, judge, $new:ident) => {
        slot!(@rest $self, metrics: $self.metrics, diagnoser: $self.diagnoser,
              fixes: $self.fixes, verifier: $self.verifier, deployer: $self.deployer, judge: $new)
    };
    (@rest $self:ident, $($field:ident: $value:expr),*) => {
        Builder { $($field: $value,)* ports: $self.ports }
    };
}

impl<M, D, F, V, P, J> Builder<M, D, F, V, P, J> {
    slot! {
        /// Where numbers come from.
        metrics: MetricSource, S => [S, D, F, V, P, J]
    }
    slot! {
        /// Who finds the cause.
        diagnoser: Diagnoser, S => [M, S, F, V, P, J]
    }
    slot! {
        /// Who writes fixes.
        fixes: FixGenerator, S => [M, D, S, V, P, J]
    }
    slot! {
        /// Who proves them.
        verifier: Verifier, S => [M, D, F, S, P, J]
    }
    slot! {
        /// Who ships them and takes them back.
        deployer: Deployer, S => [M, D, F, V, S, J]
    }
    slot! {
        /// Who judges releases.
        judge: RollbackJudge, S => [M, D, F, V, P, S]
    }

    /// Looks after a service; at least one is needed.
    pub fn service(mut self, service: ServiceConfig) -> Self {
        self.ports.services.push(service);
        self
    }

    /// Sets the planner's own times and bounds.
    pub fn config(mut self, config: PlannerConfig) -> Self {
        self.ports.config = config;
        self
    }

    /// Keeps incidents here; in memory unless set.
    pub fn journal(mut self, journal: Arc<dyn Journal>) -> Self {
        self.ports.journal = journal;
        self
    }

    /// Takes the time from here; the machine's clock unless set.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.ports.clock = clock;
        self
    }

    /// Tells a person this way too.
    pub fn notifier(mut self, notifier: Arc<dyn Notifier>) -> Self {
        self.ports.notifiers.push(notifier);
        self
    }

    /// Leaves a condemned release this way first, before its revert.
    pub fn fast_rollback(mut self, host: Arc<dyn FastRollback>) -> Self {
        self.ports.fast_rollback = Some(host);
        self
    }

    /// Says here what Aegis does; nowhere unless set.
    pub fn telemetry(mut self, telemetry: Arc<dyn Telemetry>) -> Self {
        self.ports.telemetry = telemetry;
        self
    }

    /// Redacts with these rules; the standard ones unless set.
    pub fn redactor(mut self, redactor: Redactor) -> Self {
        self.ports.redactor = redactor;
        self
    }

    /// Pulls events from here too.
    pub fn source(mut self, source: Box<dyn EventSource>) -> Self {
        self.ports.sources.push(source);
        self
    }

    /// Adds a guardrail of the host's.
    pub fn guardrail(mut self, guardrail: Arc<dyn Guardrail>) -> Self {
        self.ports.policy = self.ports.policy.with_guardrail(guardrail);
        self
    }

    /// Names this process in leases; a journal may know how to tell that its owner is dead.
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.ports.owner = owner.into();
        self
    }
}

impl<M, D, F, V, P, J> Builder<M, D, F, V, P, J>
where
    M: MetricSource,
    D: Diagnoser,
    F: FixGenerator,
    V: Verifier,
    P: Deployer,
    J: RollbackJudge,
{
    /// The planner.
    ///
    /// # Errors
    ///
    /// No service, a service named twice, a duration or a bound of zero, a storm of one error.
    pub fn build(self) -> Result<Planner<M, D, F, V, P, J>> {
        let ports = self.ports;
        ports.config.check()?;
        if ports.services.is_empty() {
            return Err(Error::invalid("no service; add one with `service`").at("planner"));
        }
        let twice = |name: &ServiceName| {
            ports.services.iter().filter(|other| other.name == *name).count() > 1
        };
        if let Some(service) = ports.services.iter().find(|s| twice(&s.name)) {
            let why = format!("service {} is named twice", service.name);
            return Err(Error::invalid(why).at("planner"));
        }
        for service in &ports.services {
            service.settings.check().map_err(|e| e.at("planner"))?;
        }
        let stages =
            (self.metrics, self.diagnoser, self.fixes, self.verifier, self.deployer, self.judge);
        Ok(Planner { stages, ports })
    }
}

impl<M, D, F, V, P, J> Planner<M, D, F, V, P, J>
where
    M: MetricSource,
    D: Diagnoser,
    F: FixGenerator,
    V: Verifier,
    P: Deployer,
    J: RollbackJudge,
{
    /// The same planner over `Arc<dyn _>`, for hosts that choose at run time.
    pub fn erase(self) -> DynPlanner {
        let (m, d, f, v, p, j) = self.stages;
        let metrics: Arc<dyn MetricSource> = Arc::new(m);
        let diagnoser: Arc<dyn Diagnoser> = Arc::new(d);
        let fixes: Arc<dyn FixGenerator> = Arc::new(f);
        let verifier: Arc<dyn Verifier> = Arc::new(v);
        let deployer: Arc<dyn Deployer> = Arc::new(p);
        let judge: Arc<dyn RollbackJudge> = Arc::new(j);
        let stages = (metrics, diagnoser, fixes, verifier, deployer, judge);
        Planner { stages, ports: self.ports }
    }

    /// Starts watching and healing on a runtime of its own; recovers what an earlier process left.
    ///
    /// # Errors
    ///
    /// The runtime's threads can't be started.
    pub fn start(self) -> Result<Handle> {
        let DynPlanner { stages: (metrics, diagnoser, fixes, verifier, deployer, judge), ports } =
            self.erase();
        let threads = ports.config.threads + ports.sources.len();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(threads)
            .thread_name("aegis")
            .enable_all()
            .build()
            .map_err(|e| Error::unavailable("can't start the planner's threads").with_source(e))?;
        let stages = Stages { metrics, diagnoser, fixes, verifier, deployer, judge };
        let parts = Parts {
            stages,
            policy: ports.policy,
            config: ports.config,
            services: ports.services,
            journal: ports.journal,
            clock: ports.clock,
            notifiers: ports.notifiers,
            fast_rollback: ports.fast_rollback,
            telemetry: ports.telemetry,
            redactor: ports.redactor,
            owner: ports.owner,
        };
        let engine = Arc::new(Engine::new(parts, runtime.handle().clone()));
        Ok(Handle::start(engine, runtime, ports.sources))
    }
}

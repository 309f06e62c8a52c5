//! Models for a run: Gemini, or what stands in for it on this machine.

mod answers;

use std::sync::Arc;

use aegis_core::compose::{diagnose, fix, judge};
use aegis_core::judge::Statistical;
use aegis_core::planner::{Builder, DynPlanner};
use aegis_core::port::Journal;
use aegis_core::stage::{Deployer, MetricSource, Verifier};
use aegis_core::{Error, Result};
use aegis_gemini::advise::ModelAdviser;
use aegis_gemini::calibrate::Calibrator;
use aegis_gemini::diagnose::ModelDiagnoser;
use aegis_gemini::fix::ModelFixes;
use aegis_gemini::gemini::{DataPolicy, Gemini, GeminiConfig, routes};
use aegis_gemini::router::{Figures, Router};
use aegis_gemini::testkit::Stand;
use aegis_local::local::Local;
use aegis_local::python::{PythonDiagnoser, PythonTemplates};

/// Where the key of Gemini is taken from.
pub const KEY: &str = "GEMINI_API_KEY";

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// A server on this machine, which plays a model that knows one bug of the shop.
    StandIn,
    /// Gemini, by the key in [`KEY`].
    Gemini(DataPolicy),
}

/// Models that can be asked; what stands in for them ends with this.
#[derive(Debug)]
pub struct Models {
    stand: Option<Stand>,
    router: Arc<Router>,
    calibrator: Arc<Calibrator>,
}

impl Models {
    /// Connects to `which`; quotas and budgets are counted on `journal`.
    ///
    /// # Errors
    ///
    /// `NotFound` where there is no key, `Unavailable` where nothing can be started.
    pub fn connect(which: Which, journal: &Arc<dyn Journal>) -> Result<Self> {
        let (stand, router) = match which {
            Which::StandIn => {
                let stand = Stand::start(answers::answer).map_err(|e| {
                    Error::unavailable("what stands in for a model can't start").with_source(e)
                })?;
                let router = stand.router(Arc::clone(journal))?;
                (Some(stand), router)
            }
            Which::Gemini(policy) => {
                let none = || Error::not_found(format!("--model gemini needs a key in {KEY}"));
                let key = std::env::var(KEY).ok().filter(|key| !key.is_empty()).ok_or_else(none)?;
                let gemini = Arc::new(Gemini::new(GeminiConfig::new(key, policy))?);
                let router = Router::builder(routes("main"), Arc::clone(journal));
                (None, router.project("main", gemini).build()?)
            }
        };
        Ok(Self {
            stand,
            router: Arc::new(router),
            calibrator: Arc::new(Calibrator::new(Arc::clone(journal))),
        })
    }

    /// Where they are, for people.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.stand {
            Some(stand) => format!("what stands in for one at {}", stand.url()),
            None => String::from("Gemini"),
        }
    }

    /// What they were asked and what that cost.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.router.figures()
    }

    /// A planner that asks them for what the embedded default does not know: causes without a trace,
    /// bugs without a template, and a second opinion on every release.
    ///
    /// # Errors
    ///
    /// Where the planner can't be built.
    pub fn planner<M: MetricSource, V: Verifier, P: Deployer>(
        &self,
        builder: Builder<M, PythonDiagnoser, PythonTemplates, V, P, Statistical>,
        local: &Local,
    ) -> Result<DynPlanner> {
        let router = || Arc::clone(&self.router);
        let causes = ModelDiagnoser::new(router(), local.source())
            .with_calibrator(Arc::clone(&self.calibrator));
        let fixes = ModelFixes::new(router(), local.source());
        let adviser = ModelAdviser::new(router());
        let builder = builder
            .diagnoser(diagnose::or_else(local.diagnoser(), causes))
            .fixes(fix::or_else(local.templates(), fixes))
            .judge(judge::advised_by(Statistical::default(), adviser));
        Ok(builder.build()?.erase())
    }
}

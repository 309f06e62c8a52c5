//! Whether every query finds something, before anything relies on it.

use std::fmt::Write as _;
use std::time::Duration;

use aegis_core::planner::ServiceConfig;
use aegis_core::port::{Clock as _, SystemClock};
use aegis_core::{Error, Result};

use super::plan::{Plan, Times};
use super::table::Found;
use super::{Prometheus, Query};

impl Prometheus {
    /// Runs the query of each of the service's metrics once. A percentile of no requests passes: its
    /// series is there.
    ///
    /// # Errors
    ///
    /// `Invalid` where a query fails or finds nothing, with each of them and what to do: a wrong name
    /// would else look like a service that is quiet. `Unavailable`, `Timeout` and `Denied` where
    /// Prometheus answers nothing.
    pub async fn check(&self, service: &ServiceConfig) -> Result<()> {
        let config = &self.inner.config;
        // Two scrapes at least make a rate.
        let step = Duration::from_secs(30).max(config.scrape_interval());
        let query =
            Query::new(service.name.clone(), SystemClock.now(), step, service.metrics.clone());
        let times = Times::of(&query, config.scrape_interval());
        let names = std::slice::from_ref(&service.name);
        let (questions, label) = (&self.inner.questions, &config.service_label);
        let plan = Plan::of(questions, label, names, &query.metrics, &times);
        let tables = self.ask(&plan.asks, &times).await?;

        let mut wrong = String::new();
        let mut say = |what: &str, promql: &str, why: &str| {
            // Writing to a string can't fail.
            let _ = write!(
                wrong,
                "\n- {what}: {why}{}{promql}",
                if promql.is_empty() { "" } else { ": " }
            );
        };
        let why = |number: usize| match &tables[number] {
            Err(why) => Some(why.clone()),
            Ok(table) => match &*table.get(service.name.as_str()) {
                Found::Nothing => Some(String::from("nothing is found by")),
                Found::Several => Some(String::from("several series are found by")),
                Found::Histogram => Some(String::from("a native histogram is found by")),
                Found::One(_) | Found::Many(_) => None,
            },
        };
        for &number in &plan.newest {
            if let Some(why) = why(number) {
                say("time of the newest sample", &plan.asks[number].promql, &why);
            }
        }
        for (metric, places) in query.metrics.iter().zip(&plan.places) {
            let Some(places) = places else {
                say(
                    &metric.to_string(),
                    "",
                    "there is no query of it; give one, or the limits in `names`",
                );
                continue;
            };
            for place in places {
                for number in std::iter::once(place.value).chain(place.events) {
                    if let Some(why) = why(number) {
                        say(&metric.to_string(), &plan.asks[number].promql, &why);
                    }
                }
            }
        }
        if wrong.is_empty() {
            return Ok(());
        }
        let say = format!(
            "not every metric of {} can be read; try the queries in Prometheus' console, and correct \
             the names, the label `{label}` or the query, or take the metric out of the service:{wrong}",
            service.name
        );
        Err(Error::invalid(say).at("prometheus"))
    }
}

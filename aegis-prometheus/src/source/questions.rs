//! Which query answers which metric.

use std::collections::HashMap;

use aegis_core::model::Metric;
use aegis_core::{Error, Result};

use super::template::{Template, split};
use super::{Names, PrometheusConfig};

/// A value, and the events behind it.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) value: Template,
    pub(super) events: Option<Template>,
}

/// The queries of all metrics, checked.
#[derive(Debug)]
pub(super) struct Questions {
    own: HashMap<Metric, Question>,
    /// Of requests and of errors on a route, where it names its method and where it does not.
    routes: HashMap<(bool, bool), Question>,
    pub(super) newest: Template,
}

/// The metrics that have a usual query.
const USUAL: [Metric; 9] = [
    Metric::Health,
    Metric::ErrorRate,
    Metric::LatencyP50,
    Metric::LatencyP95,
    Metric::LatencyP99,
    Metric::RequestRate,
    Metric::Cpu,
    Metric::Memory,
    Metric::Saturation,
];

impl Questions {
    pub(super) fn new(config: &PrometheusConfig) -> Result<Self> {
        let names = &config.names;
        names.check()?;
        let mut own = HashMap::new();
        for metric in USUAL {
            if let Some(question) = usual(names, &metric, false)? {
                own.insert(metric, question);
            }
        }
        let any = String::from("{route}");
        let mut routes = HashMap::new();
        for with_method in [true, false] {
            for (errors, metric) in [
                (false, Metric::RouteRequests(any.clone())),
                (true, Metric::RouteErrors(any.clone())),
            ] {
                if let Some(question) = usual(names, &metric, with_method)? {
                    routes.insert((errors, with_method), question);
                }
            }
        }
        for query in &config.queries {
            let named =
                |e: Error| Error::invalid(format!("the query of {}", query.metric)).with_source(e);
            let events = query.events.as_deref().map(Template::parse).transpose().map_err(named)?;
            let question =
                Question { value: Template::parse(&query.query).map_err(named)?, events };
            match &query.metric {
                Metric::RouteRequests(route) | Metric::RouteErrors(route) if *route == any => {
                    let errors = matches!(query.metric, Metric::RouteErrors(_));
                    routes.insert((errors, true), question.clone());
                    routes.insert((errors, false), question);
                }
                metric => drop(own.insert(metric.clone(), question)),
            }
        }
        let newest = Template::parse(&config.newest)
            .map_err(|e| Error::invalid("the query of the newest sample").with_source(e))?;
        Ok(Self { own, routes, newest })
    }

    /// The question that answers `metric`, and the route that it is filled with.
    pub(super) fn of<'a>(&self, metric: &'a Metric) -> Option<(&Question, &'a str)> {
        let (errors, route) = match metric {
            Metric::RouteRequests(route) => (false, route.as_str()),
            Metric::RouteErrors(route) => (true, route.as_str()),
            _ => return self.own.get(metric).map(|question| (question, "")),
        };
        let any = || self.routes.get(&(errors, split(route).is_some()));
        self.own.get(metric).or_else(any).map(|question| (question, route))
    }
}

fn usual(names: &Names, metric: &Metric, with_method: bool) -> Result<Option<Question>> {
    let Some((value, events)) = names.query(metric, with_method) else { return Ok(None) };
    let events = Some(events).filter(|events| !events.is_empty());
    let events = events.map(|events| Template::parse(&events)).transpose()?;
    Ok(Some(Question { value: Template::parse(&value)?, events }))
}

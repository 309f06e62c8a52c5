//! What it costs to poll and judge many series in one tick.

mod figures;
mod measure;
#[cfg(test)]
mod tests;

use aegis_benches::Result;
use aegis_benches::prometheus::{Answers, Fleet, Real, Served};
use lexopt::prelude::*;

pub(crate) use figures::Figures;
use measure::measure;

/// How many series, how often, and whose answers.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    series: usize,
    ticks: usize,
    real: bool,
    pub(crate) json: bool,
}

impl Options {
    /// Reads what comes after `prometheus`.
    pub(crate) fn parse(words: &[&str]) -> Result<Self, lexopt::Error> {
        let mut options = Self { series: 10_000, ticks: 20, real: false, json: false };
        let mut parser = lexopt::Parser::from_args(words);
        while let Some(word) = parser.next()? {
            match word {
                Long("series") => options.series = parser.value()?.parse()?,
                Long("ticks") => options.ticks = parser.value()?.parse()?,
                Long("real") => options.real = true,
                Long("json") => options.json = true,
                _ => return Err(word.unexpected()),
            }
        }
        if options.series == 0 || options.ticks == 0 {
            return Err("--series and --ticks are at least 1".into());
        }
        Ok(options)
    }
}

/// Who answers.
#[derive(Debug)]
enum Server {
    Answers(Answers),
    Real(Real),
}

impl Server {
    fn base(&self) -> String {
        match self {
            Self::Answers(server) => server.base(),
            Self::Real(server) => server.base(),
        }
    }

    fn served(&self) -> Result<Served> {
        match self {
            Self::Answers(server) => Ok(server.served()),
            Self::Real(server) => server.served(),
        }
    }
}

/// Measures it.
pub(crate) fn run(options: &Options) -> Result<Figures> {
    let fleet = Fleet::new(options.series);
    let services = fleet.services.len();
    let server = if options.real {
        Server::Real(Real::start(services)?)
    } else {
        Server::Answers(Answers::start(services)?)
    };
    measure(&fleet, &server, options.ticks)
}

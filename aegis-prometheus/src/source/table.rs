//! The answer to one query, by service.

use std::borrow::Cow;
use std::collections::HashMap;

use aegis_core::{Error, Result, Timestamp};

use crate::client::{Data, Labels, Reply, Sample};

/// What a query found of each service.
#[derive(Debug)]
pub(super) enum Table {
    /// Of the only one.
    Alone(Found),
    /// Of each that has any.
    ByService(HashMap<String, Found>),
}

/// What was found of a service.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Found {
    /// Nothing.
    Nothing,
    /// One value, without a list of its own.
    One(Sample),
    /// Values over time, at least one.
    Many(Vec<Sample>),
    /// Several series, which are no value.
    Several,
    /// A native histogram, which is no value.
    Histogram,
}

impl Found {
    pub(super) fn samples(&self) -> &[Sample] {
        match self {
            Self::One(sample) => std::slice::from_ref(sample),
            Self::Many(samples) => samples,
            _ => &[],
        }
    }
}

impl Table {
    /// Reads an answer: about one service `alone`, or about those that `label` names.
    pub(super) fn read(reply: &Reply, alone: bool, label: &str) -> Result<Self> {
        let answer = reply.answer()?;
        if !answer.warnings.is_empty() {
            let why = answer.warnings.join("; ");
            return Err(Error::invalid(format!("the answer is not a whole one: {why}")));
        }
        let mut table =
            if alone { Self::Alone(Found::Nothing) } else { Self::ByService(HashMap::new()) };
        match answer.data {
            Data::Scalar(sample) => table.put(&Labels::default(), label, Found::One(sample))?,
            Data::Text(_) => return Err(Error::invalid("the query answers a text, not a number")),
            Data::Vector(all) => {
                for series in all {
                    let found = series.value.map_or(Found::Histogram, Found::One);
                    table.put(&series.labels, label, found)?;
                }
            }
            Data::Matrix(all) => {
                for series in all {
                    let found = match series.samples {
                        _ if series.histograms => Found::Histogram,
                        none if none.is_empty() => Found::Nothing,
                        samples => Found::Many(samples),
                    };
                    table.put(&series.labels, label, found)?;
                }
            }
        }
        Ok(table)
    }

    fn put(&mut self, labels: &Labels<'_>, label: &str, found: Found) -> Result<()> {
        match self {
            Self::Alone(Found::Nothing) => *self = Self::Alone(found),
            Self::Alone(there) => *there = Found::Several,
            Self::ByService(all) => {
                let service = labels.get(label).ok_or_else(|| {
                    Error::invalid(format!(
                        "the answer does not say of which service it is; group by ({label})"
                    ))
                })?;
                match all.get_mut(service) {
                    None => drop(all.insert(service.to_owned(), found)),
                    Some(there) => *there = Found::Several,
                }
            }
        }
        Ok(())
    }

    pub(super) fn get(&self, service: &str) -> Cow<'_, Found> {
        match self {
            Self::Alone(found) => Cow::Borrowed(found),
            Self::ByService(all) => {
                all.get(service).map_or(Cow::Owned(Found::Nothing), Cow::Borrowed)
            }
        }
    }
}

/// The newest of the values, where it is one.
pub(super) fn newest(found: &Found) -> Option<Timestamp> {
    let seconds = found.samples().last().map(|sample| sample.value)?;
    // Saturating, and far below 2^53 for any date.
    #[allow(clippy::cast_possible_truncation)]
    seconds.is_finite().then(|| Timestamp::from_ms((seconds * 1_000.0) as i64))
}

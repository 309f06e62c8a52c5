//! What Prometheus answers, read without copying labels: `status`, `data`, `warnings`, `infos`.

use std::borrow::Cow;
use std::fmt;

use aegis_core::{Error, Result, Timestamp};
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::http::said;

/// An answer of the query API.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Answer<'a> {
    /// What was found.
    pub data: Data<'a>,
    /// Why a part may be missing: such an answer is not a whole one.
    pub warnings: Vec<String>,
    /// What is said about the query itself.
    pub infos: Vec<String>,
}

/// What a query comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Data<'a> {
    /// One number.
    Scalar(Sample),
    /// A text.
    Text(Cow<'a, str>),
    /// One value a series.
    Vector(Vec<Instant<'a>>),
    /// Values over time, a row a series.
    Matrix(Vec<Range<'a>>),
}

/// One value at one moment; may be NaN or infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Sample {
    /// When.
    pub at: Timestamp,
    /// The value.
    pub value: f64,
}

/// A series at one moment.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Instant<'a> {
    /// Its labels.
    #[serde(rename = "metric", borrow)]
    pub labels: Labels<'a>,
    /// Its value; `None` where it is a native histogram, which is no number.
    #[serde(default)]
    pub value: Option<Sample>,
}

/// A series over time.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Range<'a> {
    /// Its labels.
    #[serde(rename = "metric", borrow)]
    pub labels: Labels<'a>,
    /// Its values, oldest first.
    #[serde(rename = "values", default)]
    pub samples: Vec<Sample>,
    /// Whether native histograms, which are no numbers, stand beside or instead of them.
    #[serde(default, deserialize_with = "present")]
    pub histograms: bool,
}

/// The labels of a series.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Labels<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl Labels<'_> {
    /// The value of a label; none where the series has no such label.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(label, _)| label == name).map(|(_, value)| &**value)
    }

    /// Names and values, in the order of the answer.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    status: &'a str,
    #[serde(borrow)]
    data: Option<Parts<'a>>,
    #[serde(borrow)]
    warnings: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    infos: Option<Vec<Text<'a>>>,
}

/// The result is read once its type is known, wherever that stands.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parts<'a> {
    result_type: &'a str,
    #[serde(borrow)]
    result: &'a RawValue,
}

impl<'a> Answer<'a> {
    /// Reads the body of a successful answer.
    ///
    /// # Errors
    ///
    /// `Invalid` for what is none.
    pub fn read(body: &'a [u8]) -> Result<Self> {
        let envelope: Envelope<'a> = serde_json::from_slice(body).map_err(|e| unreadable(&e))?;
        let parts = envelope.data.filter(|_| envelope.status == "success");
        let Some(Parts { result_type, result }) = parts else {
            let status = said(envelope.status);
            return Err(Error::invalid(format!(
                "the answer holds no data; its status is {status}"
            )));
        };
        let raw = result.get();
        let data = match result_type {
            "scalar" => serde_json::from_str(raw).map(Data::Scalar),
            "string" => serde_json::from_str(raw).map(|(_, Text(text)): (f64, _)| Data::Text(text)),
            "vector" => serde_json::from_str(raw).map(Data::Vector),
            "matrix" => serde_json::from_str(raw).map(Data::Matrix),
            other => {
                let other = said(other);
                return Err(Error::invalid(format!("a result of type {other} is not known")));
            }
        };
        let texts = |all: Option<Vec<Text<'_>>>| {
            all.into_iter().flatten().map(|Text(text)| said(&text)).collect()
        };
        Ok(Self {
            data: data.map_err(|e| unreadable(&e))?,
            warnings: texts(envelope.warnings),
            infos: texts(envelope.infos),
        })
    }
}

fn unreadable(e: &serde_json::Error) -> Error {
    Error::invalid(format!("the answer is none of Prometheus' query API: {e}; check the address"))
}

/// A text that is borrowed where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn present<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(from).map(|_| true)
}

impl<'de> Deserialize<'de> for Sample {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(Pair)
    }
}

struct Pair;

impl<'de> Visitor<'de> for Pair {
    type Value = Sample;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time in seconds and a value in quotes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Sample, A::Error> {
        let short = || de::Error::invalid_length(0, &self);
        let seconds: f64 = seq.next_element()?.ok_or_else(short)?;
        let Number(value) = seq.next_element()?.ok_or_else(short)?;
        // Far below 2^53 for any date, and saturating.
        #[allow(clippy::cast_possible_truncation)]
        let at = Timestamp::from_ms((seconds * 1_000.0).round() as i64);
        Ok(Sample { at, value })
    }
}

/// A number in quotes, read in place: `"1e+06"`, `"NaN"`, `"+Inf"`.
struct Number(f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Quoted;
        impl Visitor<'_> for Quoted {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number in quotes")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                let wrong = |_| E::invalid_value(de::Unexpected::Str(text), &self);
                text.parse().map(Number).map_err(wrong)
            }
        }
        from.deserialize_str(Quoted)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Labels<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Labels<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("labels")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut labels = Vec::new();
                while let Some((Text(name), Text(value))) = map.next_entry()? {
                    labels.push((name, value));
                }
                Ok(Labels(labels))
            }
        }
        from.deserialize_map(Pairs)
    }
}

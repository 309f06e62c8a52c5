//! Worked examples, chosen by what was raised.

use aegis_core::model::{Case, Location};
use aegis_core::trace::{Exception, Language};

use super::lines::Style;

/// One example: what was shown, and the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Example {
    name: &'static str,
    text: &'static str,
}

macro_rules! example {
    ($name:literal) => {
        Example {
            name: $name,
            text: include_str!(concat!("../prompt/texts/examples/", $name, ".md")),
        }
    };
}

const ZERO: Example = example!("python-zero");
const NONE: Example = example!("python-none");
const KEY: Example = example!("python-key");
const INDEX: Example = example!("python-index");
const TYPE: Example = example!("python-type");
const GENERAL: Example = example!("general");

/// At most two, for the system text: one of what was raised, and one that fits everywhere.
pub(super) fn said(case: &Case, places: &[&Location]) -> String {
    chosen(case, places).iter().map(|example| format!("\n{}", example.text)).collect()
}

fn chosen(case: &Case, places: &[&Location]) -> Vec<Example> {
    let style = match case.trace().map(|trace| trace.language) {
        Some(Language::Python) => Some(Style::Python),
        _ => places.first().and_then(|place| Style::of(&place.path)),
    };
    let raised = case.trace().into_iter().flat_map(|trace| &trace.exceptions);
    let own = match style {
        Some(Style::Python) => raised.filter_map(of).next(),
        _ => None,
    };
    own.into_iter().chain([GENERAL]).collect()
}

fn of(exception: &Exception) -> Option<Example> {
    let kind = exception.kind.rsplit('.').next().unwrap_or_default();
    let says = |part| exception.message.contains(part);
    match kind {
        "ZeroDivisionError" | "DivisionByZero" | "DivisionUndefined" => Some(ZERO),
        "AttributeError" => Some(NONE),
        "TypeError" if says("NoneType") => Some(NONE),
        "KeyError" => Some(KEY),
        "IndexError" => Some(INDEX),
        "TypeError" => Some(TYPE),
        "ValueError" if says("unpack") => Some(TYPE),
        _ => None,
    }
}

#[cfg(test)]
#[path = "examples_tests.rs"]
mod tests;

//! A fault: the expression that raised, when it raises, and what else could stand there.

use ruff_text_size::TextRange;

use super::source::{Place, Site};
use super::value::Kind;

/// What goes wrong at the expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Trouble {
    /// A divisor is zero.
    Zero,
    /// Something is `None`.
    Nothing,
    /// A key is not in a table.
    Missing,
    /// A sequence is empty or too short.
    Short,
}

impl Trouble {
    /// The template's name in a fix's author.
    pub(super) const fn template(self) -> &'static str {
        match self {
            Self::Zero => "zero-division",
            Self::Nothing => "none-value",
            Self::Missing => "missing-key",
            Self::Short => "index-error",
        }
    }
}

/// What the condition is about, for reading docstrings and siblings.
#[derive(Debug, Clone, Default)]
pub(super) struct Subject {
    /// Last part of what is tested: `customer` of `order.customer`, the table of a lookup.
    pub(super) name: String,
    /// The whole of it as written.
    pub(super) text: String,
    /// The attribute, method or key taken of it.
    pub(super) member: Option<String>,
    /// The key that is looked up, as written.
    pub(super) key: Option<String>,
    /// The function whose result it is.
    pub(super) callee: Option<String>,
}

/// A call that is evaluated once, before the guard, under a new name.
#[derive(Debug, Clone)]
pub(super) struct Binding {
    pub(super) range: TextRange,
    pub(super) name: String,
}

/// A way to give the expression a value without a branch.
#[derive(Debug, Clone)]
pub(super) enum Rewrite {
    /// `before`, the value, `after`, in place of `range`; for values of these types.
    Around { range: TextRange, before: String, after: String, fits: Vec<Kind> },
    /// A fixed text that carries its own meaning.
    Fixed { range: TextRange, text: String, title: String, why: String, claimed: f64 },
}

/// One way that the statement can have raised what was reported.
#[derive(Debug, Clone)]
pub(super) struct Fault<'a> {
    pub(super) trouble: Trouble,
    pub(super) place: Place<'a>,
    /// What the guard protects: the failing expression with what is chained onto it.
    pub(super) site: Site<'a>,
    /// The test that is true when it fails.
    pub(super) bad: String,
    /// The test that is true when it works.
    pub(super) good: String,
    /// The test in words, for titles: `list_price is 0`.
    pub(super) says: String,
    /// Names that the test reads.
    pub(super) names: Vec<String>,
    pub(super) binding: Option<Binding>,
    pub(super) subject: Subject,
    pub(super) rewrites: Vec<Rewrite>,
    /// Type of the expression's value, where known.
    pub(super) kind: Kind,
    /// How likely it is that this is what failed, up to 1.0.
    pub(super) weight: f64,
}

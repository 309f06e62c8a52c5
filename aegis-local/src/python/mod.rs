//! Python: from a traceback to a place in the source, and from there to guards that say what they
//! mean.
//!
//! [`PythonDiagnoser`] finds the line to blame, [`PythonTemplates`] writes candidates for it on the
//! syntax tree. What a guarded expression is worth is read from the service's own source: a
//! docstring, a sibling function that handles the same case, a constant beside, an annotation.

mod constants;
mod depth;
mod diagnose;
mod docstring;
mod edit;
mod environment;
mod fault;
mod generate;
mod guard;
mod habits;
mod meaning;
mod phrases;
mod position;
mod siblings;
mod source;
mod syntax;
mod templates;
mod trigger;
mod value;
mod wrap;

#[cfg(test)]
mod tests;

pub(crate) use depth::is_deep;
pub use diagnose::PythonDiagnoser;
pub use generate::PythonTemplates;
pub use syntax::{SyntaxError, check, check_for};

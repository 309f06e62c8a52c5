//! The verifier with real namespaces, a real interpreter and a real suite.

mod corpus;
mod dropped;
pub(crate) mod folder;
mod gates;
mod guard;
mod hostile;
mod isolation;
pub(crate) mod python;
pub(crate) mod replay;
mod revert;

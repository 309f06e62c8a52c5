//! The verifier with real namespaces, a real interpreter and a real suite.

mod corpus;
mod folder;
mod gates;
mod isolation;
mod python;
mod replay;

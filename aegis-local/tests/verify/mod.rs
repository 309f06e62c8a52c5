//! The verifier with real namespaces, a real interpreter and a real suite.

mod cargo;
mod corpora;
mod corpus;
mod denied;
mod dropped;
pub(crate) mod folder;
mod fooled;
mod gates;
mod guard;
mod hostile;
mod isolation;
pub(crate) mod python;
mod recorder;
mod reduced;
pub(crate) mod replay;
mod revert;
mod sidecar;
mod unittest;
mod warming;

//! Tests of the adapters with real parts: processes, namespaces, interpreters.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod verify;

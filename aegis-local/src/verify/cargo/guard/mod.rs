//! The static gates of a patch on a Rust package, as guardrails that a host can add to.

mod crates;
mod dangerous;
mod inline;
mod uses;

use std::sync::Arc;

use aegis_core::policy::{Guardrail, ProtectedPaths, Secrets, SizeLimit, Unicode};

pub use crates::NewCrates;
pub use dangerous::DangerousRust;
pub use inline::InlineTests;

/// What [`CargoVerifier`](super::CargoVerifier) asks about a patch unless it is told otherwise:
/// protected paths (build scripts and test modules among them), size, Unicode, secrets, new crates,
/// tests inside of source files, dangerous code.
pub fn rust_guardrails() -> Vec<Arc<dyn Guardrail>> {
    vec![
        Arc::new(protected()),
        Arc::new(SizeLimit::default()),
        Arc::new(Unicode::new()),
        Arc::new(Secrets::default()),
        Arc::new(NewCrates::new()),
        Arc::new(InlineTests::new()),
        Arc::new(DangerousRust::new()),
    ]
}

/// The usual paths, and what Cargo compiles and runs before or beside the code.
fn protected() -> ProtectedPaths {
    const FILES: [&str; 6] =
        ["build.rs", "rust-toolchain*", "clippy.toml", "tests.rs", "*_test.rs", "*_tests.rs"];
    let paths = ProtectedPaths::default().with_folder("benches").with_folder("examples");
    FILES.into_iter().fold(paths, |paths, name| paths.with_file(name))
}

/// Whether a file is part of the tests or says how they are built: it stays that of the base.
pub(super) fn belongs(path: &str) -> bool {
    protected().protects(path).is_some()
}

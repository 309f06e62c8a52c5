//! The helper of the sandbox, for hosts that do not call `aegis_local::sandbox::init` themselves.

fn main() {
    std::process::exit(aegis_local::sandbox::serve());
}

//! A clearance is used once.
fn twice(clearance: aegis_core::policy::Clearance) {
    let _ = clearance.clone();
}

fn main() {}

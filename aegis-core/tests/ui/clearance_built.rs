//! A clearance has no public fields.
use aegis_core::policy::{Autonomy, Clearance, Permit};

fn main() {
    let _ = Clearance {
        incident: aegis_core::IncidentId::new("i"),
        fix: aegis_core::Digest::new("d"),
        base: aegis_core::Revision::new("b"),
        ceiling: Autonomy::Auto,
        permit: Permit::Merge,
        policy: aegis_core::Digest::new("p"),
    };
}

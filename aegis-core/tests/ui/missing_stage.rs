//! A planner without a stage has no `build`.
use aegis_core::judge::Statistical;
use aegis_core::planner::{Planner, ServiceConfig};
use aegis_core::policy::{Autonomy, PolicyConfig};

fn main() {
    let _ = Planner::builder(PolicyConfig::new(Autonomy::Observe))
        .judge(Statistical::default())
        .service(ServiceConfig::new("shop"))
        .build();
}

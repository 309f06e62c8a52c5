use aegis_core::testkit::conformance;

use crate::verify::folder::case;
use crate::verify::replay::{GUARDED, TRACE, shop, stats_fix};

#[tokio::test(flavor = "multi_thread")]
async fn the_python_verifier_keeps_the_contract() {
    let (good, bad) = (stats_fix(GUARDED), stats_fix("    return total(values)\n"));
    let case = case(TRACE, &["/mean/tea", "/mean/mug"]);
    conformance::verify::test_all(&shop().verifier, &case, &good, &bad).await;
}

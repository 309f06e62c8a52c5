//! What visitors of the shop ask for, and which requests meet which bug.

mod bug;

use serde_json::Value;

use crate::traffic::Request;

pub use bug::Bug;

/// What a stranger who has read the shop expects each path to answer.
const EXPECTED: &str = include_str!("../../check/expected.json");

/// The requests of visitors who meet no bug.
#[must_use]
pub fn ordinary() -> Vec<Request> {
    let order = r#"{"product": 1, "quantity": 2, "customer": "c-1"}"#;
    vec![
        Request::get("/products", 4),
        Request::get("/products/1", 3),
        Request::get("/products/4", 2),
        Request::get("/products/6", 2),
        Request::get("/search?q=tea", 2),
        Request::get("/quote?product=1&quantity=2&country=DE", 2),
        Request::get("/quote?product=6&quantity=2&country=fr", 1),
        Request::get("/quote?product=8&quantity=10&country=NL", 1),
        Request::get("/orders/1001", 2),
        Request::get("/orders/1004", 1),
        Request::get("/orders/1001/receipt", 2),
        Request::get("/orders/1003/receipt", 1),
        Request::post("/orders", order, 2),
    ]
}

/// Ordinary requests together with those that meet the given bugs.
#[must_use]
pub fn requests(bugs: &[Bug]) -> Vec<Request> {
    ordinary().into_iter().chain(bugs.iter().flat_map(|bug| bug.triggers())).collect()
}

/// The fields that the right answer to a path has, by what a stranger can read in the shop. `None`
/// where nothing is expected of the path.
#[must_use]
pub fn expected(path: &str) -> Option<Value> {
    let all: Value = serde_json::from_str(EXPECTED).ok()?;
    all.get(path).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_of_the_script_has_an_expected_answer() {
        for request in requests(&Bug::CRASHES) {
            assert!(expected(&request.path).is_some(), "{}", request.path);
        }
    }
}

//! What visitors of the shop ask for, and which requests meet which bug.

mod bug;

use serde_json::Value;

use crate::traffic::Request;

pub use bug::Bug;

/// What a stranger who has read the shop expects each path to answer.
const EXPECTED: &str = include_str!("../../check/expected.json");

/// The requests of visitors who meet no bug; about a quarter of them wait for the warehouse.
#[must_use]
pub fn ordinary() -> Vec<Request> {
    let order = r#"{"product": 1, "quantity": 2, "customer": "c-1"}"#;
    let pages = vec![
        Request::get("/products", 8),
        Request::get("/products/1", 6),
        Request::get("/products/4", 4),
        Request::get("/products/6", 4),
        Request::get("/search?q=tea", 4),
        Request::get("/quote?product=1&quantity=2&country=DE", 4),
        Request::get("/quote?product=6&quantity=2&country=fr", 2),
        Request::get("/quote?product=8&quantity=10&country=NL", 2),
        Request::get("/orders/1001", 4),
        Request::get("/orders/1004", 2),
        Request::get("/orders/1001/receipt", 4),
        Request::get("/orders/1003/receipt", 2),
        Request::post("/orders", order, 4),
        Request::get("/wrap?kind=paper", 2),
        Request::get("/wrap/estimate?kind=ribbon&pieces=2", 2),
        Request::get("/delivery?carrier=post", 2),
        Request::get("/delivery?carrier=express", 2),
        Request::get("/compare?products=1,6", 2),
        Request::get("/customs?country=NO&kind=ceramics&port=oslo", 3),
        Request::get("/customs?country=CH&kind=textiles&port=bergen", 2),
        Request::get("/voucher?code=WELCOME", 2),
        Request::get("/bundle?name=kitchen", 2),
        Request::get("/loyalty?customer=c-1", 2),
        Request::get("/sizes?product=2", 2),
        Request::get("/payment?method=card", 2),
        Request::get("/gauge?shelf=mugs", 2),
    ];
    pages.into_iter().chain(stock(3)).collect()
}

/// Questions for the stock of each product, with this weight each.
pub fn stock(weight: u32) -> impl Iterator<Item = Request> {
    (1..=9).map(move |product| Request::get(format!("/stock/{product}"), weight))
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
        // Nobody wrote down what a comparison of one product is.
        let bugs: Vec<Bug> = Bug::ALL.into_iter().filter(|bug| *bug != Bug::Unmendable).collect();
        for request in requests(&bugs) {
            assert!(expected(&request.path).is_some(), "{}", request.path);
        }
    }
}

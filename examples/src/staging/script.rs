//! What visitors of the shop ask for, and which requests meet which bug.

use serde_json::Value;

use crate::traffic::Request;

/// What a stranger who has read the shop expects each path to answer.
const EXPECTED: &str = include_str!("../../check/expected.json");

/// Of each request that meets a bug; all ordinary ones together weigh 25.
const TRIGGER_WEIGHT: u32 = 1;

/// A bug that sleeps in the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bug {
    /// `pricing.savings_percent` divides by a list price of 0.
    ZeroDivision,
    /// `customers.receipt_name` takes a guest for a customer.
    GuestReceipt,
    /// `pricing.shipping` looks up a country that is not listed.
    UnlistedCountry,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::ZeroDivision, Self::GuestReceipt, Self::UnlistedCountry];

    /// The exception's line in the log, as far as it is the same for each request.
    #[must_use]
    pub fn exception(self) -> &'static str {
        match self {
            Self::ZeroDivision => "ZeroDivisionError: division by zero",
            Self::GuestReceipt => "AttributeError: 'NoneType' object has no attribute 'name'",
            Self::UnlistedCountry => "KeyError: ",
        }
    }

    /// The file that has it, from the root of the shop's tree.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::ZeroDivision | Self::UnlistedCountry => "shop/pricing.py",
            Self::GuestReceipt => "shop/customers.py",
        }
    }

    /// The requests that meet it. More than one, so that a fix for one value alone is noticed.
    #[must_use]
    pub fn triggers(self) -> Vec<Request> {
        let paths = match self {
            Self::ZeroDivision => ["/products/7", "/products/9"],
            Self::GuestReceipt => ["/orders/1004/receipt", "/orders/1006/receipt"],
            Self::UnlistedCountry => {
                ["/quote?product=1&quantity=1&country=PT", "/quote?product=8&quantity=2&country=IS"]
            }
        };
        paths.into_iter().map(|path| Request::get(path, TRIGGER_WEIGHT)).collect()
    }
}

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
        for request in requests(&Bug::ALL) {
            assert!(expected(&request.path).is_some(), "{}", request.path);
        }
    }
}

//! The bugs that sleep in the shop: that they are real, and that what is right can be read there.

use aegis_examples::staging::script::{self, Bug};

use crate::support::{Built, built, holds};

/// Replaces text where the bug is.
type Edit = (&'static str, &'static str);

const ZERO: Edit = (
    "    return round((list_price",
    "    if not list_price:\n        return 0.0\n    return round((list_price",
);
const GUEST: Edit = (
    "    return f\"{customer.name}, ",
    "    if customer is None:\n        return \"guest\"\n    return f\"{customer.name}, ",
);
const COUNTRY: Edit = ("SHIPPING[country]", "SHIPPING.get(country, DEFAULT_SHIPPING)");

/// The fix that the shop's documentation asks for.
pub(crate) fn documented(bug: Bug) -> Edit {
    match bug {
        Bug::ZeroDivision => ZERO,
        Bug::GuestReceipt => GUEST,
        Bug::UnlistedCountry => COUNTRY,
        other => panic!("{other:?} is mended by the templates"),
    }
}

/// What a fixer would write who has not read it.
fn hasty(bug: Bug) -> Edit {
    match bug {
        Bug::ZeroDivision => ("/ list_price,", "/ max(list_price, 1),"),
        Bug::GuestReceipt => (
            GUEST.0,
            "    if customer is None:\n        return \"\"\n    return f\"{customer.name}, ",
        ),
        Bug::UnlistedCountry => (COUNTRY.0, "SHIPPING.get(country, 0)"),
        other => panic!("{other:?} is mended by the templates"),
    }
}

fn fixed(with: fn(Bug) -> Edit) -> Built {
    let built = built();
    for bug in Bug::CRASHES {
        let (from, to) = with(bug);
        built.edit(bug.file(), from, to);
    }
    let suite = built.test();
    assert!(suite.status.success(), "{}", String::from_utf8_lossy(&suite.stdout));
    built
}

#[tokio::test]
async fn each_trigger_answers_500_and_leaves_its_traceback() {
    let built = built();
    let shop = built.start();
    for bug in Bug::CRASHES {
        let before = shop.stderr().len();
        for answered in shop.ask(bug.triggers()).await {
            assert_eq!(answered.status, 500, "{answered:?}");
            assert_eq!(answered.body, r#"{"error": "internal error"}"#);
            let said = &shop.stderr()[before..];
            assert!(said.contains(&format!("unhandled error in GET {}", answered.path)), "{said}");
            assert!(said.lines().any(|line| line.starts_with(bug.exception())), "{said}");
            let file = built.shop.repo.join(bug.file());
            assert!(said.contains(&format!("File \"{}\"", file.display())), "{said}");
        }
    }
}

#[tokio::test]
async fn the_documented_fixes_give_the_expected_answers() {
    let built = fixed(documented);
    let shop = built.start();
    for answered in shop.ask(script::requests(&Bug::CRASHES)).await {
        assert_eq!(answered.status, 200, "{answered:?}");
        let expected = script::expected(&answered.path).unwrap();
        assert!(holds(&expected, &answered.json()), "{answered:?} is not {expected}");
    }
}

/// No crash, and a wrong answer that the shop's suite does not see.
#[tokio::test]
async fn hasty_fixes_give_wrong_answers() {
    let built = fixed(hasty);
    let shop = built.start();
    for bug in Bug::CRASHES {
        for answered in shop.ask(bug.triggers()).await {
            assert_eq!(answered.status, 200, "{answered:?}");
            let expected = script::expected(&answered.path).unwrap();
            assert!(!holds(&expected, &answered.json()), "{answered:?} is right by luck");
        }
    }
}

//! What the stand-in says: a model that knows `compare.pair`, and gets there by what it is told.

use aegis_gemini::prompt::Prompt;
use aegis_gemini::testkit::{Asked, Said};
use serde_json::json;

/// The file that it knows how to mend.
const FILE: &str = "shop/compare.py";

/// Mends the bug, as the shop answers whatever it can't understand.
const RIGHT: &str = "\
CANDIDATE
TITLE: Refuse a comparison of fewer or more than two products
MEANING: a list that does not hold two products can't be understood, which the shop answers with a \
BadRequest, as for every other query
```
shop/compare.py
<<<<<<< SEARCH
from shop.catalog import Product
=======
from shop.catalog import Product
from shop.errors import BadRequest
>>>>>>> REPLACE
<<<<<<< SEARCH
    first, second = listed.split(\",\")
    return catalog.find(int(first)), catalog.find(int(second))
=======
    found = listed.split(\",\")
    if len(found) != 2:
        raise BadRequest(\"compare needs two products, as in products=1,6\")
    first, second = found
    return catalog.find(int(first)), catalog.find(int(second))
>>>>>>> REPLACE
```
";

/// Has the tests ask for less.
const WRONG_FILE: &str = "\
CANDIDATE
TITLE: Accept lists of one
MEANING: the test asks for too much
```
tests/test_compare.py
<<<<<<< SEARCH
    one, other = compare.pair(\"1,6\")
=======
    one, other = compare.pair(\"1\")
>>>>>>> REPLACE
```
";

/// Fails one line later.
const FAILING: &str = "\
TITLE: Read a list of one
MEANING: a product alone is compared with nothing
```
def pair(listed: str) -> tuple[Product, Product]:
    \"\"\"The two products of a list such as \"1,6\".\"\"\"
    if \",\" not in listed:
        return catalog.find(int(listed))
    first, second = listed.split(\",\")
    return catalog.find(int(first)), catalog.find(int(second))
```
";

/// Answers a question: about fixes wrongly first, in the form, in the file and in what it does, and
/// rightly once it is told what came of that.
pub(super) fn answer(asked: &Asked) -> Said {
    let is = |prompt: Prompt| asked.system.starts_with(&prompt.system());
    if is(Prompt::DIAGNOSIS) {
        return Said::json(&json!({"hypotheses": []}));
    }
    if is(Prompt::CRITIQUE) {
        return Said::json(&json!({"objections": [], "evidence": [], "verdict": "holds"}));
    }
    if is(Prompt::JUDGEMENT) {
        let quote = ["watched for"];
        let why = "nothing left its baseline";
        return Said::json(&json!({
            "evidence": quote, "reasoning": why, "advice": "keep", "confidence": 0.8,
        }));
    }
    if !asked.holds(FILE) {
        return Said::text("NONE");
    }
    if is(Prompt::FUNCTION) {
        return Said::text(FAILING);
    }
    match asked.turns.len() {
        _ if asked.holds("Read a list of one") => Said::text(RIGHT),
        1 => Said::text("The list has one product only. I would check how many there are first."),
        _ => Said::text(WRONG_FILE),
    }
}

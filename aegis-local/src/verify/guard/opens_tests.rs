use aegis_core::patch::Tier;

use super::*;

const BEFORE: &str = "\
def may_enter(name, given):
    account = find(name)
    return same(account.digest, given)


def is_expired(token, now):
    return TOKENS[token] < now


def greeting(name):
    return names[name]
";

fn found(from: &str, to: &str) -> String {
    assert!(BEFORE.contains(from));
    let change = FileChange {
        path: "a.py".into(),
        before: Some(BEFORE.into()),
        after: Some(BEFORE.replace(from, to)),
        tier: Tier::Exact,
    };
    FailsOpen::find(&change).join("; ")
}

const ENTER: &str = "    return same(account.digest, given)";
const EXPIRED: &str = "    return TOKENS[token] < now";

#[test]
fn a_check_that_answers_yes_in_an_added_branch_is_found() {
    for to in [
        "    if account is None:\n        return True\n    return same(account.digest, given)",
        "    if account is None:\n        return given == name\n    return same(account.digest, given)",
        "    try:\n        return same(account.digest, given)\n    except AttributeError:\n        return True",
        "    return same(account.digest, given) if account else True",
        "    return account is None or not False",
        "    ok = True\n    if account:\n        ok = same(account.digest, given)\n    return ok",
        "    match account:\n        case None:\n            return len(given) > 3\n    return same(account.digest, given)",
    ] {
        assert!(found(ENTER, to).contains("may_enter"), "{to}");
    }
    let never = "    if token not in TOKENS:\n        return False\n    return TOKENS[token] < now";
    assert!(found(EXPIRED, never).contains("is_expired"));
}

#[test]
fn a_check_that_answers_no_and_what_is_no_check_are_free() {
    for to in [
        "    if account is None:\n        return False\n    return same(account.digest, given)",
        "    return account is not None and same(account.digest, given)",
        "    if account is not None:\n        return same(account.digest, given)\n    return False",
        "    if account is None:\n        raise KeyError(name)\n    return same(account.digest, given)",
    ] {
        assert_eq!(found(ENTER, to), "", "{to}");
    }
    let over = "    if token not in TOKENS:\n        return True\n    return TOKENS[token] < now";
    assert_eq!(found(EXPIRED, over), "");
    assert_eq!(found("    return names[name]", "    return names.get(name) or True"), "");
}

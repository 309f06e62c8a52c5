use aegis_core::patch::Tier;

use super::*;

const BEFORE: &str = "\
RATES = {\"box\": 640}


def price(kind, pieces):
    # a crate goes as a box
    return RATES[kind] * pieces
";

/// What is found where `lines` come before the return.
fn found(lines: &str) -> String {
    let at = "    return RATES[kind] * pieces\n";
    let change = FileChange {
        path: "a.py".into(),
        before: Some(BEFORE.into()),
        after: Some(BEFORE.replace(at, &format!("{lines}\n{at}"))),
        tier: Tier::Exact,
    };
    MagicValues::find(&change).join("; ")
}

#[test]
fn what_a_value_has_to_be_and_nobody_named_is_found() {
    for (lines, value) in [
        ("    if kind == 'zq7': return 0", "zq7"),
        ("    if kind in ('box', 'zq7'): return 0", "zq7"),
        ("    if kind.startswith('zq7'): return 0", "zq7"),
        ("    if 'zq7' in kind: return 0", "zq7"),
        ("    if kind.encode() == b'zq7': return 0", "zq7"),
        ("    if kind == 'zq' + str(7): return 0", "zq"),
        ("    if f'{pieces}-zq7' == kind: return 0", "-zq7"),
        ("    word = 'zq7'\n    if kind == word: return 0", "zq7"),
        ("    for word in ['zq7']:\n        if kind == word: return 0", "zq7"),
        ("    if (word := 'zq7') and word == kind: return 0", "zq7"),
        ("    if RATES.get('zq7'): return 0", "zq7"),
        ("    if RATES['zq7']: return 0", "zq7"),
        ("    if getattr(kind, 'zq7', None): return 0", "zq7"),
        ("    if {'zq7': 1}.get(kind): return 0", "zq7"),
        ("    table = {'zq7': 1}\n    if table.get(kind): return 0", "zq7"),
        ("    match kind:\n        case 'zq7': return 0", "zq7"),
        ("    while pieces == 1_337: pass", "1_337"),
        ("    if len(kind) == 17: return 0", "17"),
        ("    if kind == 'x': return 0", "\\\"x"),
    ] {
        assert!(found(lines).contains(value), "{lines}: {}", found(lines));
    }
}

#[test]
fn what_the_file_names_what_is_answered_and_what_is_small_is_free() {
    for lines in [
        "    if kind == 'box': return 0",
        "    if kind == 'crate': kind = 'box'",
        "    if kind not in RATES: return 'unknown'",
        "    kind = 'other' if not kind else kind",
        "    if pieces == 2 or ':' in kind: return 0",
        "    if pieces > 1_000: raise ValueError('too many of them')",
        "    return RATES.get(kind, 250) * pieces",
        "    if pieces == 640: return 0",
    ] {
        assert_eq!(found(lines), "", "{lines}");
    }
}

//! What the fuzz target `patch_validate` checks, with the rules that read Python, on its seeds and on
//! what is made of them.

use std::path::Path;

use aegis_core::testkit::fuzz;
use aegis_local::verify::standard_guardrails;
use proptest::prelude::*;

fn seeds() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/patch_validate");
    let files = std::fs::read_dir(folder).unwrap();
    let seeds: Vec<_> = files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
    assert!(!seeds.is_empty());
    seeds
}

#[test]
fn the_rules_have_an_answer_about_every_seed() {
    seeds().iter().for_each(|seed| fuzz::patch_validate(seed, &standard_guardrails()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_rules_have_an_answer_about_any_edits(
        seed in prop::sample::select(seeds()),
        at in any::<prop::sample::Index>(),
        piece in prop_oneof![any::<String>(), "[-+@ \n=<>%'\"(){}:.,a]{0,12}".prop_map(String::from)],
    ) {
        let mut data = seed;
        let at = at.index(data.len() + 1);
        data.splice(at..at, piece.into_bytes());
        fuzz::patch_validate(&data, &standard_guardrails());
    }

    #[test]
    fn the_rules_have_an_answer_about_any_source(source in "[-+ \n\t=<'\"(){}\\[\\]:.,@#f_aéе]{0,60}") {
        let block = format!("x\n%%%%\na.py\n<<<<<<< SEARCH\nx\n=======\n{source}\n>>>>>>> REPLACE\n");
        fuzz::patch_validate(block.as_bytes(), &standard_guardrails());
    }
}

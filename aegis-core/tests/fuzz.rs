//! What the fuzz targets of the core check, on their seeds and on what is made of them.

use std::path::Path;
use std::sync::Arc;

use aegis_core::policy::{Guardrail, ProtectedPaths, Secrets, SizeLimit, Unicode};
use aegis_core::testkit::fuzz;
use proptest::prelude::*;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let files = std::fs::read_dir(folder).unwrap();
    let seeds: Vec<_> = files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
    assert!(!seeds.is_empty());
    seeds
}

/// A seed with some of it cut out and something put in its place.
fn grown(target: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let piece = prop_oneof![
        any::<Vec<u8>>(),
        any::<String>().prop_map(String::into_bytes),
        prop::sample::select(seeds(target)),
        "[-+@ \\\\\n=<>%'\"(){}:a]{0,12}".prop_map(String::into_bytes),
    ];
    let places = (any::<prop::sample::Index>(), 0..40usize);
    (prop::sample::select(seeds(target)), places, piece).prop_map(|(mut seed, (at, cut), piece)| {
        let at = at.index(seed.len() + 1);
        let end = (at + cut).min(seed.len());
        seed.splice(at..end, piece);
        seed
    })
}

fn rules() -> Vec<Arc<dyn Guardrail>> {
    vec![
        Arc::new(ProtectedPaths::default()),
        Arc::new(SizeLimit::default()),
        Arc::new(Unicode::new()),
        Arc::new(Secrets::default()),
    ]
}

#[test]
fn every_seed_holds() {
    seeds("patch_parse").iter().for_each(|seed| fuzz::patch_parse(seed));
    seeds("patch_validate").iter().for_each(|seed| fuzz::patch_validate(seed, &rules()));
    seeds("redact").iter().for_each(|seed| fuzz::redact(seed));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_text_is_read_or_refused(data in grown("patch_parse")) {
        fuzz::patch_parse(&data);
    }

    #[test]
    fn any_edits_apply_or_are_refused(data in grown("patch_validate")) {
        fuzz::patch_validate(&data, &rules());
    }

    #[test]
    fn any_text_is_redacted(data in grown("redact")) {
        fuzz::redact(&data);
    }
}

//! What must not compile.

#[test]
fn clearances_cannot_be_forged_and_stages_cannot_be_missing() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}

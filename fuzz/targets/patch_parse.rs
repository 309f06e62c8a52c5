#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| aegis_core::testkit::fuzz::patch_parse(data));

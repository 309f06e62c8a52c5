#![no_main]

use std::sync::{Arc, LazyLock};

use aegis_core::policy::Guardrail;
use aegis_core::testkit::fuzz::patch_validate;
use aegis_local::verify::standard_guardrails;

static RULES: LazyLock<Vec<Arc<dyn Guardrail>>> = LazyLock::new(standard_guardrails);

libfuzzer_sys::fuzz_target!(|data: &[u8]| patch_validate(data, &RULES));

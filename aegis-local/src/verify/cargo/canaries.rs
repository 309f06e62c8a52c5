//! Where the canaries of a Rust package come: in the crate itself, and beside it.

use super::super::canary::{Canaries, Forms};
use super::super::workspace::Tree;
use super::packages::Package;

/// The forms of the canaries. The first three stand in the crate, which may have no standard library.
const FORMS: Forms = [
    "#[test]\nfn NAME() {\n    panic!(\"NAME\");\n}\n",
    "#[test]\nfn NAME() {\n    assert_eq!(\"NAME\", \"other\");\n}\n",
    "#[test]\nfn NAME() {\n    assert!(\"NAME\".is_empty());\n}\n",
    "#[test]\nfn NAME() -> Result<(), String> {\n    Err(String::from(\"NAME\"))\n}\n",
    "#[test]\n#[should_panic]\nfn NAME() {}\n",
    "#[test]\nfn NAME() {\n    assert!(matches!(\"NAME\", \"other\"));\n}\n",
    "#[test]\nfn NAME() {\n    std::env::args().nth(usize::MAX).expect(\"NAME\");\n}\n",
    "#[test]\nfn NAME() {\n    assert_ne!(\"NAME\", \"NAME\");\n}\n",
    "#[test]\nfn NAME() {\n    std::panic::panic_any(\"NAME\");\n}\n",
];

/// The canaries of one run on these packages, and the tree with them.
///
/// Of a package's three modules one stands in the crate whose own tests are run, at its end, and two in
/// files under `tests`, the second of which links the package's library: what a library does before
/// `main` it does there as well. Where a crate has no tests of its own, three stand beside it.
pub(super) fn plant(tree: &Tree, packages: &[Package]) -> Option<(Canaries, Tree)> {
    let canaries = Canaries::draw(packages.len());
    let mut planted = tree.clone();
    let modules = canaries.modules(&FORMS);
    for (package, modules) in packages.iter().zip(modules.chunks(Canaries::GROUP)) {
        for (at, (name, tests)) in modules.iter().enumerate() {
            let text = tests.join("\n");
            let root = package.root.as_ref().filter(|_| at == 0);
            let in_crate = root.and_then(|root| Some((root, tree.read(root)?)));
            if let Some((root, source)) = in_crate {
                let module =
                    format!("\n#[cfg(test)]\n#[allow(warnings)]\nmod {name} {{\n{text}}}\n");
                planted = planted.with_file(root, source + &module);
                continue;
            }
            let linked = package.library.as_ref().filter(|_| at == 2);
            let linked = linked.map(|name| format!("use {name} as _;\n\n")).unwrap_or_default();
            let path = format!("{}tests/{name}.rs", package.folder);
            planted = planted.with_file(&path, format!("#![allow(warnings)]\n\n{linked}{text}"));
        }
    }
    (!packages.is_empty()).then_some((canaries, planted))
}

//! The packages of a workspace that are tested, as Cargo tells them.

use serde::Deserialize;

use super::command::Which;

#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    packages: Vec<Described>,
    workspace_members: Vec<String>,
    /// Cargo 1.71 and later.
    #[serde(default)]
    workspace_default_members: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Described {
    name: String,
    id: String,
    manifest_path: String,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
    src_path: String,
    test: bool,
}

/// A package that is tested; its paths are relative to the tree's root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Package {
    /// Its folder, with a slash at the end unless it is the root.
    pub(super) folder: String,
    /// The root of a crate whose own tests are run.
    pub(super) root: Option<String>,
    /// The name under which its tests know its library.
    pub(super) library: Option<String>,
}

/// Kinds of target that tests can link.
const LIBRARIES: [&str; 2] = ["lib", "rlib"];

impl Metadata {
    /// The packages that a command tests, sorted by folder; `root` is the tree's, as Cargo saw it.
    pub(super) fn tested(&self, which: &Which<'_>, root: &str) -> Vec<Package> {
        let tested = |package: &&Described| match which {
            Which::Named(names) => names.contains(&package.name.as_str()),
            Which::All { but } => {
                self.workspace_members.contains(&package.id)
                    && !but.contains(&package.name.as_str())
            }
            Which::Default if self.workspace_default_members.is_empty() => {
                self.workspace_members.contains(&package.id)
            }
            Which::Default => self.workspace_default_members.contains(&package.id),
        };
        let of = |package: &Described| package.seen(root);
        let mut found: Vec<Package> = self.packages.iter().filter(tested).filter_map(of).collect();
        found.sort_by(|a, b| a.folder.cmp(&b.folder));
        found
    }
}

impl Described {
    fn seen(&self, root: &str) -> Option<Package> {
        let within = |path: &str| path.strip_prefix(root).map(str::to_owned);
        let is = |kinds: &'static [&'static str]| {
            move |target: &&Target| target.kind.iter().any(|k| kinds.contains(&k.as_str()))
        };
        let find = |kinds| self.targets.iter().find(is(kinds));
        let library = find(&LIBRARIES);
        let own = library.or_else(|| find(&["proc-macro"])).or_else(|| find(&["bin"]));
        Some(Package {
            folder: within(self.manifest_path.strip_suffix("Cargo.toml")?)?,
            root: own.filter(|target| target.test).and_then(|target| within(&target.src_path)),
            library: library.map(|target| target.name.replace('-', "_")),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_commands_packages_are_found_with_the_crates_whose_tests_run() {
        let target = |name: &str, kind: &str, path: &str, test: bool| serde_json::json!({ "name": name, "kind": [kind], "src_path": path, "test": test });
        let package = |name: &str, targets: &[serde_json::Value]| {
            let manifest = format!("/workspace/{name}/Cargo.toml");
            serde_json::json!({ "name": name, "id": name, "manifest_path": manifest, "targets": targets })
        };
        let a = package(
            "a-b",
            &[
                target("a-b", "bin", "/workspace/a-b/src/main.rs", true),
                target("a-b", "lib", "/workspace/a-b/src/lib.rs", true),
            ],
        );
        let c = package("c", &[target("c", "bin", "/workspace/c/src/main.rs", false)]);
        let text = serde_json::json!({
            "packages": [c, a], "workspace_members": ["c", "a-b"], "workspace_default_members": ["c"]
        });
        let metadata: Metadata = serde_json::from_value(text).unwrap();
        let with_library = Package {
            folder: "a-b/".into(),
            root: Some("a-b/src/lib.rs".into()),
            library: Some("a_b".into()),
        };
        let binary = Package { folder: "c/".into(), root: None, library: None };
        let of = |which| metadata.tested(&which, "/workspace/");
        assert_eq!(of(Which::Default), std::slice::from_ref(&binary));
        assert_eq!(of(Which::All { but: Vec::new() }), [with_library.clone(), binary]);
        assert_eq!(of(Which::Named(vec!["a-b"])), [with_library]);
        assert!(of(Which::All { but: vec!["a-b", "c"] }).is_empty());
    }
}

//! The paths that a file names, with what `use` made of their first part.

use std::collections::BTreeMap;

use proc_macro2::{Span, TokenTree};
use syn::UseTree;
use syn::visit::Visit;

use super::super::source::{Source, flat};

/// A path as written, and as it is meant.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) span: Span,
    /// `std::process::exit`.
    pub(super) path: Vec<String>,
    /// Whether a `!` follows: a macro.
    pub(super) is_macro: bool,
}

/// Every path of a file, macro arguments among them, in their order.
pub(super) fn paths(source: &Source<'_>) -> Vec<Named> {
    let mut imports = Imports::default();
    imports.visit_file(&source.tree);
    let mut found = imports.found;
    let tokens = flat(&source.tokens);
    let mut at = 0;
    while at < tokens.len() {
        let TokenTree::Ident(first) = &tokens[at] else {
            at += 1;
            continue;
        };
        let after_dot = at > 0 && is(&tokens[at - 1], '.') && !(at > 1 && is(&tokens[at - 2], '.'));
        let (span, mut path) = (first.span(), vec![plain(&first.to_string())]);
        at += 1;
        while let [TokenTree::Punct(a), TokenTree::Punct(b), TokenTree::Ident(next), ..] =
            &tokens[at..]
            && a.as_char() == ':'
            && b.as_char() == ':'
        {
            path.push(plain(&next.to_string()));
            at += 3;
        }
        let is_macro = tokens.get(at).is_some_and(|t| is(t, '!'))
            && !tokens.get(at + 1).is_some_and(|t| is(t, '='));
        let whole = if after_dot { None } else { imports.names.get(&path[0]) };
        if let Some(whole) = whole {
            path.splice(..1, whole.iter().cloned());
        }
        found.push(Named { span, path, is_macro });
    }
    found
}

fn is(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(p) if p.as_char() == mark)
}

/// A name without the `r#` that makes a keyword one.
fn plain(name: &str) -> String {
    name.strip_prefix("r#").unwrap_or(name).to_owned()
}

/// What `use` brings in, by the name it has here.
#[derive(Debug, Default)]
struct Imports {
    names: BTreeMap<String, Vec<String>>,
    found: Vec<Named>,
}

impl Imports {
    fn tree(&mut self, tree: &UseTree, before: &[String]) {
        let with = |name: &syn::Ident| {
            let mut path = before.to_vec();
            if name != "self" || before.is_empty() {
                path.push(plain(&name.to_string()));
            }
            path
        };
        match tree {
            UseTree::Path(path) => self.tree(&path.tree, &with(&path.ident)),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(tree, before)),
            UseTree::Name(name) => self.add(name.ident.span(), with(&name.ident), None),
            UseTree::Rename(name) => {
                let alias = plain(&name.rename.to_string());
                self.add(name.ident.span(), with(&name.ident), Some(alias));
            }
            UseTree::Glob(glob) => {
                let mut path = before.to_vec();
                path.push("*".into());
                self.found.push(Named { span: glob.star_token.spans[0], path, is_macro: false });
            }
        }
    }

    fn add(&mut self, span: Span, path: Vec<String>, alias: Option<String>) {
        let name = alias.or_else(|| path.last().cloned()).unwrap_or_default();
        self.names.insert(name, path.clone());
        self.found.push(Named { span, path, is_macro: false });
    }
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&item.tree, &[]);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::super::source::read;
    use super::*;

    #[test]
    fn a_path_is_told_as_it_is_meant() {
        let text = "use std::{process as p, io::{self, Write as _}, net::*};\nfn f() {\n    \
                    p::exit(1);\n    println!(\"{}\", io::stdin());\n    a.p();\n    r#unsafe();\n}\n";
        let found = read(text, |source| {
            paths(source)
                .into_iter()
                .map(|n| (n.span.start().line, n.path.join("::")))
                .collect::<Vec<_>>()
        });
        let found = found.unwrap();
        for (line, path) in [
            (1, "std::process"),
            (1, "std::io"),
            (1, "std::io::Write"),
            (1, "std::net::*"),
            (3, "std::process::exit"),
            (4, "println"),
            (4, "std::io::stdin"),
            (5, "p"),
            (6, "unsafe"),
        ] {
            assert!(found.contains(&(line, path.to_owned())), "{path} in {found:?}");
        }
    }
}

//! Rust source as a syntax tree, read where a stack that runs out can't hurt.

use std::thread;

use proc_macro2::token_stream::IntoIter;
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Stack of the thread that reads a file: the parser and whoever walks its tree call themselves for
/// each level.
const STACK: usize = 64 << 20;

/// Brackets within each other.
const DEEPEST: usize = 128;

/// Tokens of one expression: each may be an operator whose right side nests.
const LONGEST: usize = 4_000;

/// A file as tokens and as a tree.
pub(super) struct Source<'t> {
    pub(super) text: &'t str,
    pub(super) tokens: TokenStream,
    pub(super) tree: syn::File,
}

/// Reads a file and asks about it.
///
/// Errors: where it does not parse, with the line, or nests deeper than anybody writes it.
pub(super) fn read<T: Send>(
    text: &str,
    ask: impl FnOnce(&Source<'_>) -> T + Send,
) -> Result<T, String> {
    let parse = || {
        let at = |span: proc_macro2::Span, why: &dyn std::fmt::Display| {
            format!("line {}: {why}", span.start().line)
        };
        let tokens: TokenStream =
            text.parse().map_err(|e: proc_macro2::LexError| at(e.span(), &e))?;
        if is_deep(&tokens) {
            return Err(String::from("it nests too deeply"));
        }
        let tree = syn::parse2(tokens.clone()).map_err(|e| at(e.span(), &e))?;
        Ok(ask(&Source { text, tokens, tree }))
    };
    thread::scope(|scope| {
        let reader = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, parse);
        let reader = reader.map_err(|e| format!("it can't be read: {e}"))?;
        reader.join().unwrap_or_else(|_| Err("the parser broke off".into()))
    })
}

/// Every token in its order, groups before what is in them.
pub(super) fn flat(tokens: &TokenStream) -> Vec<TokenTree> {
    let mut found = Vec::new();
    let mut open: Vec<IntoIter> = vec![tokens.clone().into_iter()];
    while let Some(level) = open.last_mut() {
        match level.next() {
            None => drop(open.pop()),
            Some(token) => {
                if let TokenTree::Group(group) = &token {
                    open.push(group.stream().into_iter());
                }
                found.push(token);
            }
        }
    }
    found
}

fn is_deep(tokens: &TokenStream) -> bool {
    let mut open: Vec<(IntoIter, usize)> = vec![(tokens.clone().into_iter(), 0)];
    while let Some((level, length)) = open.last_mut() {
        match level.next() {
            None => drop(open.pop()),
            Some(TokenTree::Group(group)) => {
                // A block ends what came before it, but for an `else` that goes on from there.
                *length += if group.delimiter() == Delimiter::Brace { 1 } else { 10 };
                if *length > LONGEST || open.len() > DEEPEST {
                    return true;
                }
                open.push((group.stream().into_iter(), 0));
            }
            Some(TokenTree::Punct(mark)) if matches!(mark.as_char(), ';' | ',') => *length = 0,
            Some(TokenTree::Ident(word)) if starts_item(&word.to_string()) => *length = 0,
            Some(_) => {
                *length += 1;
                if *length > LONGEST {
                    return true;
                }
            }
        }
    }
    false
}

fn starts_item(word: &str) -> bool {
    matches!(word, "fn" | "impl" | "mod" | "struct" | "enum" | "trait" | "let" | "use")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_parse_is_told_with_its_line() {
        assert!(read("fn f() {}\nfn g( {}\n", |_| ()).is_err_and(|e| e.starts_with("line 2")));
        assert!(read("fn f() {\n", |_| ()).is_err());
        assert_eq!(read("fn f() {}\n", |s| s.tree.items.len()), Ok(1));
    }

    #[test]
    fn what_would_run_the_stack_out_is_not_parsed() {
        let of = |body: String| read(&format!("fn f() {{ let x = {body}; }}"), |_| ()).err();
        let deep = Some(String::from("it nests too deeply"));
        assert_eq!(of("(".repeat(5_000) + "1" + &")".repeat(5_000)), deep);
        assert_eq!(of("!".repeat(50_000) + "true"), deep);
        assert_eq!(of("1".to_owned() + &" + 1".repeat(50_000)), deep);
        assert_eq!(of("if x { 1 } else ".repeat(5_000) + "{ 2 }"), deep);
        assert_eq!(of("x".to_owned() + &".y()".repeat(5_000)), deep);
        let near = [
            "(".repeat(120) + "1" + &")".repeat(120),
            "!".repeat(3_900) + "true",
            "1".to_owned() + &" + 1".repeat(1_900),
            "x".to_owned() + &".y()".repeat(300),
            "if x { 1 } else ".repeat(900) + "{ 2 }",
            "[".to_owned() + &"1, ".repeat(50_000) + "]",
        ];
        for body in near {
            assert_eq!(of(body), None);
        }
    }
}

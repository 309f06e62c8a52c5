//! How deeply code is nested, told without recursion.
//!
//! The parser and whoever walks its tree call themselves for each level, and a stack that runs out
//! ends the whole process. CPython has such bounds too: 200 brackets, 100 levels of indentation.

use ruff_python_ast::token::TokenKind;
use ruff_python_parser::Mode;
use ruff_python_parser::lexer::lex;

/// Most that a nesting may weigh.
const MAX_WEIGHT: u32 = 2_000;

/// What an open bracket or block weighs: the parser goes a dozen calls deep for it.
const OPEN: u32 = 20;

/// What an operator weighs whose right side nests: `not`, `-x`, `**`, `lambda`, `else`.
const PREFIX: u32 = 10;

/// Whether the code nests deeper than anybody writes it.
pub(crate) fn is_deep(text: &str) -> bool {
    let mut lexer = lex(text, Mode::Module);
    // Of each open bracket what came since its last comma; the statement itself is the first.
    let mut levels = vec![0_u32];
    let mut blocks = 0_u32;
    let mut total = 0_u32;
    // Whether what came before ends an operand, so that a sign is between two.
    let mut operand = false;
    loop {
        let token = lexer.next_token();
        let mut opened = 0;
        let weight = match token {
            TokenKind::EndOfFile => return false,
            TokenKind::Comment | TokenKind::NonLogicalNewline => continue,
            TokenKind::Indent => {
                blocks += 1;
                0
            }
            TokenKind::Dedent => {
                blocks = blocks.saturating_sub(1);
                0
            }
            TokenKind::Lpar
            | TokenKind::Lsqb
            | TokenKind::Lbrace
            | TokenKind::FStringStart
            | TokenKind::TStringStart => {
                levels.push(0);
                opened = OPEN;
                0
            }
            TokenKind::Rpar
            | TokenKind::Rsqb
            | TokenKind::Rbrace
            | TokenKind::FStringEnd
            | TokenKind::TStringEnd => {
                if levels.len() > 1 {
                    total -= levels.pop().unwrap_or_default() + OPEN;
                }
                1
            }
            TokenKind::Comma | TokenKind::Newline | TokenKind::Semi => {
                if token == TokenKind::Newline {
                    (levels, total) = (vec![0], 0);
                } else if let Some(level) = levels.last_mut() {
                    total -= std::mem::take(level);
                }
                0
            }
            TokenKind::Plus | TokenKind::Minus if operand => 1,
            TokenKind::String | TokenKind::FStringMiddle | TokenKind::TStringMiddle => 0,
            TokenKind::Plus
            | TokenKind::Minus
            | TokenKind::Tilde
            | TokenKind::Not
            | TokenKind::Await
            | TokenKind::Yield
            | TokenKind::Lambda
            | TokenKind::Else
            | TokenKind::DoubleStar
            | TokenKind::Star => PREFIX,
            _ => 1,
        };
        operand = matches!(
            token,
            TokenKind::Name
                | TokenKind::Int
                | TokenKind::Float
                | TokenKind::Complex
                | TokenKind::String
                | TokenKind::Rpar
                | TokenKind::Rsqb
                | TokenKind::Rbrace
                | TokenKind::FStringEnd
                | TokenKind::TStringEnd
        );
        if let Some(level) = levels.last_mut() {
            *level += weight;
            total += weight + opened;
        }
        if total + blocks * OPEN > MAX_WEIGHT {
            return true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_exhaust_the_stack_is_deep() {
        let n = 100_000;
        for text in [
            "(".repeat(n),
            "x = ".to_owned() + &"[".repeat(n) + &"]".repeat(n),
            "x = ".to_owned() + &"not ".repeat(n) + "y",
            "x = ".to_owned() + &"-".repeat(n) + "y",
            "x = ".to_owned() + &"y ** ".repeat(n) + "y",
            "x = ".to_owned() + &"lambda: ".repeat(n) + "y",
            "x = ".to_owned() + &"y if y else ".repeat(n) + "y",
            "x = ".to_owned() + &"y + ".repeat(n) + "y",
            "x = y".to_owned() + &".y".repeat(n),
            "x = y".to_owned() + &"()".repeat(n),
            "f(a, ".repeat(n),
            "{a: ".repeat(n),
            (0..400).map(|i| " ".repeat(i) + "if x:\n").collect(),
        ] {
            assert!(is_deep(&text), "{}", &text[..20]);
        }
    }

    #[test]
    fn wide_code_is_not_deep() {
        let n = 20_000;
        for text in [
            "x = [".to_owned() + &"1, ".repeat(n) + "]\n",
            "x = {".to_owned() + &"'a': f(-1, [2]),\n".repeat(n) + "}\n",
            "x = (\n".to_owned() + &"    'a'\n".repeat(n) + ")\n",
            "x = 1\n".repeat(n),
            "def f(x):\n    return [(x, {1: -x})]\n\n".repeat(n),
            "x = a\n".to_owned() + &"if x:\n    y()\nelif z:\n    w()\n".repeat(n),
            "x = 1; ".repeat(n),
        ] {
            assert!(!is_deep(&text), "{}", &text[..20]);
        }
    }
}

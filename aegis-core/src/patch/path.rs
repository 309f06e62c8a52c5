//! Which paths an edit may name, checked before any of them reaches Git or a file system.

use crate::error::{Error, Result};

/// Longest component in bytes, as file systems have it.
const MAX_COMPONENT: usize = 255;

/// Longest path in bytes: PATH_MAX on Linux.
const MAX_PATH: usize = 4096;

/// Accepts a path that stays inside the repository on every platform that Git runs on.
///
/// Refused: absolute paths, `..`, `.` and empty components, `\`, `.git` and what Windows or macOS
/// take for it (`.GIT`, `git~1`, `.git.`, `.git::$DATA`), `.gitattributes` and `.gitmodules`,
/// components that start with `-` or have white space at an end, the characters `<>:"|?*` and
/// the backtick, control, bidirectional and zero-width characters, a component over 255 bytes.
///
/// # Errors
///
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), naming the path and what is wrong with it.
pub fn check_path(path: &str) -> Result<()> {
    let refuse = |why: &str| {
        let shown: String = path.chars().take(120).collect();
        Err(Error::invalid(format!("path {shown:?}: {why}")))
    };
    if path.is_empty() {
        return refuse("it is empty");
    }
    if path.len() > MAX_PATH {
        return refuse("it is longer than 4096 bytes");
    }
    if path.starts_with('/') {
        return refuse("it must be relative to the repository's root");
    }
    if path.contains('\\') {
        return refuse("use / between folders");
    }
    if let Some(c) = path.chars().find(|c| is_hidden(*c)) {
        return refuse(&format!("U+{:04X} can't be seen by a reader", u32::from(c)));
    }
    if let Some(c) = path.chars().find(|c| "<>:\"|?*`".contains(*c)) {
        return refuse(&format!("{c} means something else on other platforms"));
    }
    for component in path.split('/') {
        if let Some(why) = component_fault(component) {
            return refuse(why);
        }
    }
    Ok(())
}

fn component_fault(component: &str) -> Option<&'static str> {
    match component {
        "" => return Some("it has an empty component"),
        "." | ".." => return Some("it must not climb"),
        _ => {}
    }
    if component.len() > MAX_COMPONENT {
        return Some("a component is longer than 255 bytes");
    }
    if component.starts_with('-') {
        return Some("a component that starts with - reads as an option");
    }
    if component.trim() != component {
        return Some("a component has white space at an end");
    }
    // Windows drops dots at the end, and 8.3 names stand for the long one.
    let folded = component.trim_end_matches(['.', ' ']).to_lowercase();
    match folded.as_str() {
        "" | ".git" => Some("it reaches into Git's own folder"),
        ".gitattributes" | ".gitmodules" => Some("it configures Git"),
        _ if short_name(&folded) => Some("it can stand for one of Git's own files"),
        _ => None,
    }
}

/// `git~1`, `gitatt~1`, `gitmod~2`: what Windows calls `.git`, `.gitattributes`, `.gitmodules`.
fn short_name(folded: &str) -> bool {
    let Some((stem, number)) = folded.split_once('~') else { return false };
    // The hashed stems are `gi` and four hex digits, for the fifth file of a name and later.
    let hashed = stem.len() == 6
        && stem.starts_with("gi")
        && stem.bytes().skip(2).all(|b| b.is_ascii_hexdigit());
    (matches!(stem, "git" | "gitatt" | "gitmod") || hashed)
        && number.bytes().all(|b| b.is_ascii_digit())
}

/// Control, bidirectional, zero-width and other characters that show as nothing.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}'
            | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_paths_are_accepted() {
        for path in [
            "a.py",
            "shop/pricing.py",
            "shop/__init__.py",
            ".github/workflows/ci.yml",
            ".gitignore",
            "a b/c d.txt",
            "größe/naïve.py",
            "a..b/c...d",
            "git/x",
            "digit~1/x",
            "x-/y",
        ] {
            check_path(path).unwrap();
        }
    }

    #[test]
    fn each_kind_of_escape_is_refused() {
        let long = "x".repeat(256);
        let deep = "a/".repeat(2100) + "b";
        for path in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a/..",
            ".",
            "./a",
            "a//b",
            "a/",
            "\\x",
            "a\\b",
            "C:/x",
            "C:x",
            ".git",
            ".git/config",
            "a/.git/hooks/x",
            ".GIT/config",
            ".Git",
            ".git./x",
            ".git /x",
            ".git::$INDEX_ALLOCATION/x",
            "git~1/config",
            "GIT~2",
            "gi7eba~1",
            ".gitattributes",
            "a/.GitAttributes",
            ".gitmodules",
            "gitmod~1",
            "-rf",
            "a/-x",
            "a\0b",
            "a\nb",
            "a\tb",
            "a\u{202e}b",
            "a\u{200b}b",
            ".g\u{200c}it/config",
            "\u{feff}a",
            "a\u{7f}b",
            "a\u{2066}b",
            " a",
            "a ",
            "a/ b",
            "...",
            "a/...",
            "a?b",
            "a\u{e0041}b",
            &long,
            &deep,
        ] {
            assert!(check_path(path).is_err(), "{path:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_stays_inside(path in "[.a-zA-Z~1/\\\\ -]{0,12}") {
            if check_path(&path).is_ok() {
                let lower = path.to_lowercase();
                prop_assert!(!path.starts_with('/') && !path.contains('\\'));
                prop_assert!(lower.split('/').all(|c| !matches!(c, "" | "." | ".." | ".git" | "git~1")));
            }
        }

        #[test]
        fn no_path_makes_it_panic(path in any::<String>()) {
            let _ = check_path(&path);
        }
    }
}

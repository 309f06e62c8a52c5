//! Who owns which files, as the repository says it in `CODEOWNERS`.

/// The rules of a `CODEOWNERS` file; the last one that a path matches counts.
///
/// Patterns are GitHub's: as in `.gitignore`, but without `!`, without `[...]`, and `docs/*` is only what
/// lies directly in `docs`. A rule may name nobody, which leaves its files without owners. Upper and
/// lower case differ. Lines that are no rule are passed over.
///
/// ```
/// use aegis_core::port::CodeOwners;
///
/// let owners = CodeOwners::parse("*  @acme/all\n/shop/  @kim\n");
/// assert_eq!(owners.of("shop/pricing.py"), ["@kim"]);
/// assert_eq!(owners.of("docs/index.md"), ["@acme/all"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CodeOwners {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    /// Parts of the pattern between slashes.
    parts: Vec<String>,
    /// Whether it begins at the root of the repository.
    rooted: bool,
    /// Whether it names folders alone.
    folder: bool,
    owners: Vec<String>,
}

impl CodeOwners {
    /// Where a repository keeps the file; the first one that is there counts.
    pub const PLACES: [&str; 3] = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"];
    /// A larger file counts as none.
    pub const MOST_BYTES: usize = 3 * 1024 * 1024;

    /// The rules of a file's text.
    pub fn parse(text: &str) -> Self {
        Self { rules: text.lines().filter_map(Rule::parse).collect() }
    }

    /// The owners of a path, relative to the root; nobody where no rule names anybody.
    pub fn of(&self, path: &str) -> &[String] {
        let parts: Vec<&str> = path.split('/').collect();
        let rule = self.rules.iter().rev().find(|rule| rule.matches(&parts));
        rule.map_or(&[], |rule| &rule.owners)
    }
}

impl Rule {
    fn parse(line: &str) -> Option<Self> {
        let line = line.split_once('#').map_or(line, |(rule, _)| rule);
        let mut words = line.split_whitespace();
        let pattern = words.next()?;
        if pattern.starts_with('!') || pattern.contains(['[', ']', '\\']) {
            return None;
        }
        let (folder, inner) = (pattern.ends_with('/'), pattern.trim_end_matches('/'));
        let rooted = inner.contains('/');
        let parts = inner.trim_start_matches('/').split('/').map(str::to_owned).collect();
        Some(Self { parts, rooted, folder, owners: words.map(str::to_owned).collect() })
    }

    fn matches(&self, path: &[&str]) -> bool {
        let starts = if self.rooted { 0..1 } else { 0..path.len() };
        starts.into_iter().any(|start| self.from(&self.parts, &path[start..]))
    }

    fn from(&self, pattern: &[String], path: &[&str]) -> bool {
        match (pattern, path) {
            ([], []) => !self.folder,
            // What lies in a folder that was named belongs to it, but not by `folder/*`.
            ([], _) => {
                self.folder
                    || self.parts.len() < 2
                    || self.parts.last().is_some_and(|last| last != "*")
            }
            ([deep, rest @ ..], _) if deep == "**" => {
                // At the end it is everything inside, and not the folder itself.
                if rest.is_empty() {
                    return !path.is_empty();
                }
                (0..=path.len()).any(|n| self.from(rest, &path[n..]))
            }
            ([part, rest @ ..], [name, inside @ ..]) => {
                glob(part.as_bytes(), name.as_bytes()) && self.from(rest, inside)
            }
            (_, []) => false,
        }
    }
}

/// Whether a name matches a pattern with `*` and `?`.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    // Where the last star was, and how much of the name it has taken.
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == b'?' || c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    n = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_github_says() {
        for (pattern, path, owned) in [
            ("*", "a/b.py", true),
            ("*.py", "a/b/c.py", true),
            ("*.py", "a/b/c.pyc", false),
            ("/build/logs/", "build/logs/x/y.log", true),
            ("/build/logs/", "app/build/logs/y.log", false),
            ("/build/logs/", "build/logs", false),
            ("docs/*", "docs/start.md", true),
            ("docs/*", "docs/build/help.md", false),
            ("docs/*", "app/docs/start.md", false),
            ("apps/", "x/apps/y/z.py", true),
            ("apps/", "x/apps", false),
            ("apps", "x/apps", true),
            ("apps", "x/apps/y.py", true),
            ("/docs/", "docs/a.md", true),
            ("/apps/github", "apps/github/a/b.py", true),
            ("**/logs", "deep/er/logs/today.log", true),
            ("**/logs", "logs/today.log", true),
            ("a/**/z.py", "a/z.py", true),
            ("a/**/z.py", "a/b/c/z.py", true),
            ("a/**/z.py", "b/a/z.py", false),
            ("/a/**", "a/b/c", true),
            ("/a/**", "a", false),
            ("f?o*.rs", "src/foo_bar.rs", true),
            ("f?o*.rs", "src/fo.rs", false),
            ("Shop", "shop/a.py", false),
        ] {
            let owners = CodeOwners::parse(&format!("{pattern} @kim"));
            assert_eq!(!owners.of(path).is_empty(), owned, "{pattern} for {path}");
        }
    }

    #[test]
    fn the_last_rule_counts_and_may_name_nobody() {
        let text = "# who looks\n*  @all one@acme.example # everything\n\n/shop/ @kim @acme/shop\n\
                    /shop/generated.py\n!/shop/x.py @never\n[ab].py @never\n";
        let owners = CodeOwners::parse(text);
        assert_eq!(owners.of("readme.md"), ["@all", "one@acme.example"]);
        assert_eq!(owners.of("shop/x.py"), ["@kim", "@acme/shop"]);
        assert_eq!(owners.of("shop/generated.py"), [""; 0]);
        assert_eq!(owners.of("a.py"), ["@all", "one@acme.example"]);
        assert_eq!(CodeOwners::parse("").of("a.py"), [""; 0]);
    }

    #[test]
    fn many_stars_take_no_long_time() {
        let owners = CodeOwners::parse(&format!("{}b @kim", "*a".repeat(200)));
        assert_eq!(owners.of(&"a".repeat(10_000)), [""; 0]);
    }
}

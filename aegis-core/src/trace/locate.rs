//! From a path in a trace to a file of the repository, and from a line that moved to where it is.

/// A file of the repository and how sure it is that the frame means it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Located {
    /// The file, relative to the repository's root.
    pub path: String,
    /// Whether other files fit as well.
    pub ambiguous: bool,
}

/// The file with the longest suffix of the frame's path; paths have `/` or `\`.
pub fn locate<'a>(frame: &str, files: impl Iterator<Item = &'a str> + Clone) -> Option<Located> {
    let frame = frame.replace('\\', "/");
    let parts: Vec<&str> = frame.split('/').filter(|p| !p.is_empty() && *p != ".").collect();
    for skip in 0..parts.len() {
        let suffix = parts[skip..].join("/");
        let exact = files.clone().find(|f| *f == suffix);
        if let Some(path) = exact {
            return Some(Located { path: path.to_owned(), ambiguous: false });
        }
    }
    // The frame may say less than the repository does: started in a folder inside it.
    let tail = format!("/{}", parts.join("/"));
    let mut inside = files.filter(|f| f.ends_with(&tail));
    let first = inside.next()?;
    Some(Located { path: first.to_owned(), ambiguous: inside.next().is_some() })
}

/// Whether a frame's path can mean this file of the repository.
pub fn names_file(frame: &str, path: &str) -> bool {
    let frame = frame.replace('\\', "/");
    frame == path || frame.ends_with(&format!("/{path}")) || path.ends_with(&format!("/{frame}"))
}

/// Where the line of a frame is in `text`, from 1: where it was, or the nearest line with its text.
pub fn line_of(text: &str, line: u32, source: Option<&str>) -> Option<Moved> {
    let lines: Vec<&str> = text.lines().collect();
    let at = |n: u32| lines.get((n as usize).checked_sub(1)?).map(|l| l.trim());
    let Some(source) = source.map(str::trim).filter(|s| !s.is_empty()) else {
        return at(line).map(|_| Moved { line, confirmed: false });
    };
    if at(line) == Some(source) {
        return Some(Moved { line, confirmed: true });
    }
    (1u32..)
        .zip(&lines)
        .filter(|(_, text)| text.trim() == source)
        .min_by_key(|(n, _)| n.abs_diff(line))
        .map(|(n, _)| Moved { line: n, confirmed: true })
}

/// A line found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Moved {
    /// Where it is, from 1.
    pub line: u32,
    /// Whether its text is what the frame printed.
    pub confirmed: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_suffix_that_exists_wins() {
        let files = ["app/views.py", "views.py", "lib/app/models.py"];
        let find = |frame: &str| locate(frame, files.iter().copied());
        assert_eq!(find("/srv/r/1/app/views.py").map(|f| f.path).as_deref(), Some("app/views.py"));
        assert_eq!(find("/srv/views.py").map(|f| f.path).as_deref(), Some("views.py"));
        assert_eq!(find("app/models.py").map(|f| f.path).as_deref(), Some("lib/app/models.py"));
        assert_eq!(find("/usr/lib/python3/json/decoder.py"), None);
    }

    #[test]
    fn several_files_that_fit_are_said_to_be_ambiguous() {
        let files = ["a/views.py", "b/views.py"];
        assert!(locate("views.py", files.iter().copied()).is_some_and(|f| f.ambiguous));
    }

    #[test]
    fn a_line_that_moved_is_found_by_its_text() {
        let text = "import os\n\n\ndef f(a, b):\n    return a / b\n";
        let found = line_of(text, 2, Some("return a / b"));
        assert_eq!(found, Some(Moved { line: 5, confirmed: true }));
        assert_eq!(line_of(text, 2, Some("return a % b")), None);
    }
}

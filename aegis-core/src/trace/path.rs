//! Paths of frames: whose code it is, and where the release folder ends.

/// Fewest hexadecimal digits that make a folder the folder of a release.
const RELEASE_DIGITS: usize = 12;

/// A path as printed, without the folder of a release, and whether it is the service's own code.
///
/// Everything up to the last folder whose name is 12 or more hexadecimal digits is cut off;
/// `\` becomes `/` in a Windows path.
pub(super) fn locate(printed: &str) -> (String, bool) {
    let windows = printed.as_bytes().get(1) == Some(&b':') || !printed.contains('/');
    let path = if windows { printed.replace('\\', "/") } else { printed.to_owned() };
    let mut start = 0;
    let mut at = 0;
    for component in path.split_inclusive('/') {
        at += component.len();
        if component.strip_suffix('/').is_some_and(is_release) && at < path.len() {
            start = at;
        }
    }
    let cut = &path[start..];
    let cut = cut.strip_prefix("./").unwrap_or(cut);
    (cut.to_owned(), is_in_app(cut))
}

fn is_release(component: &str) -> bool {
    component.len() >= RELEASE_DIGITS && component.bytes().all(|b| b.is_ascii_hexdigit())
}

fn is_in_app(path: &str) -> bool {
    // `<string>`, `<stdin>`, `<frozen importlib._bootstrap>`: no file to change.
    if path.is_empty() || path.starts_with('<') {
        return false;
    }
    let folded = path.to_lowercase();
    let mut before = "";
    for component in folded.split('/') {
        let library = match component {
            "site-packages" | "dist-packages" | "venv" | ".venv" | "virtualenv"
            | ".virtualenvs" | "virtualenvs" | ".tox" | ".nox" | "__pypackages__" => true,
            // lib/python3.12/json, and on Windows Python312\Lib\json.
            "lib" => is_python(before),
            _ => is_python(component) && matches!(before, "lib" | "lib64"),
        };
        if library {
            return false;
        }
        before = component;
    }
    true
}

/// `python3.12`, `python312`, `python312.zip`.
fn is_python(component: &str) -> bool {
    component
        .strip_prefix("python")
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_a_release_is_cut_off() {
        for (printed, path) in [
            ("/srv/state/releases/3f2a9c41d7e8/shop/pricing.py", "shop/pricing.py"),
            ("/x/aaaaaaaaaaaaaaaa/y/0123456789abcdef0123/shop/a.py", "shop/a.py"),
            ("/srv/20260101120000/app.py", "app.py"),
            ("/srv/abc/app.py", "/srv/abc/app.py"),
            ("/srv/deadbeefdeadbeef", "/srv/deadbeefdeadbeef"),
            ("C:\\rel\\3F2A9C41D7E8\\shop\\a.py", "shop/a.py"),
            ("./app.py", "app.py"),
            ("", ""),
        ] {
            assert_eq!(locate(printed).0, path);
        }
    }

    #[test]
    fn libraries_are_not_the_services_own_code() {
        for path in [
            "/usr/lib/python3.12/json/decoder.py",
            "/usr/lib64/python3.9/json/decoder.py",
            "/usr/lib/python312.zip/json/decoder.py",
            "/app/lib/site-packages/flask/app.py",
            "/usr/lib/python3/dist-packages/x.py",
            "C:\\Program Files\\Python312\\Lib\\json\\decoder.py",
            "/app/.venv/x.py",
            "/app/venv/src/x.py",
            "<frozen importlib._bootstrap>",
            "<string>",
        ] {
            assert!(!locate(path).1, "{path}");
        }
        for path in [
            "/app/shop/pricing.py",
            "app.py",
            "C:\\app\\main.py",
            "/app/lib/x.py",
            "/app/python/x.py",
        ] {
            assert!(locate(path).1, "{path}");
        }
        // A release that lives below a folder of virtual environments is still the service's own.
        assert!(locate("/home/me/venv/3f2a9c41d7e8/shop/a.py").1);
    }
}

//! The environment that the service gets.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use aegis_core::Revision;

use crate::service::ServiceSpec;

/// Variables that are handed down from the host; nothing else of its environment is.
const INHERITED: [&str; 6] = ["PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR"];

/// Tells whose process this is, so that one can be found that no file names yet.
pub(super) const MARKER: &str = "AEGIS_SUPERVISED";

/// `PATH` with a virtual environment's `bin` first.
pub(crate) fn search_path(venv: Option<&Path>) -> OsString {
    let path =
        std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/local/bin:/usr/bin:/bin"));
    let Some(venv) = venv else { return path };
    let bin = venv.canonicalize().unwrap_or_else(|_| venv.to_owned()).join("bin");
    let mut first = bin.into_os_string();
    first.push(":");
    first.push(path);
    first
}

/// What the service sees: `PATH`, `HOME`, `LANG`, `LANGUAGE`, `LC_*`, `TZ` and `TMPDIR` of the host, the
/// service's own variables, `AEGIS_REVISION`, and the marker.
pub(super) fn of_service(
    spec: &ServiceSpec,
    revision: &Revision,
    marker: &str,
) -> BTreeMap<OsString, OsString> {
    let mut env: BTreeMap<OsString, OsString> = std::env::vars_os()
        .filter(|(name, _)| {
            name.to_str().is_some_and(|n| INHERITED.contains(&n) || n.starts_with("LC_"))
        })
        .collect();
    env.insert("PATH".into(), search_path(spec.python.as_deref()));
    env.extend(spec.env.iter().map(|(n, v)| (n.into(), v.into())));
    env.insert("AEGIS_REVISION".into(), revision.as_str().into());
    env.insert(MARKER.into(), marker.into());
    env
}

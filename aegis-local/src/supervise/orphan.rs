//! Finding what a supervisor that died left running.

use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use aegis_core::Revision;

use super::process::{Paths, Record};
use super::{env, files, group};

/// The process that runs for this service: the one that the pid file names, else one that carries the
/// service's marker, which was started a moment before the file would have been written.
pub(super) fn find(paths: &Paths) -> Option<Record> {
    if let Some(record) = files::read::<Record>(&paths.pid)
        && record.alive()
    {
        return Some(record);
    }
    group::all().filter(|pid| group::leads(*pid)).find_map(|pid| marked(pid, paths))
}

fn marked(pid: u32, paths: &Paths) -> Option<Record> {
    let started = group::started(pid)?;
    let env = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let value = |name: &str| {
        env.split(|b| *b == 0).find_map(|v| v.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
    };
    if value(env::MARKER)? != paths.marker.as_bytes() {
        return None;
    }
    let revision = Revision::new(String::from_utf8_lossy(value("AEGIS_REVISION")?));
    let out = std::fs::read_link(format!("/proc/{pid}/fd/1")).unwrap_or_default();
    let log = if out.as_os_str().as_bytes().ends_with(b".log") { out } else { PathBuf::new() };
    Some(Record { pid, started, boot: group::boot_id(), revision, log, since: None })
}

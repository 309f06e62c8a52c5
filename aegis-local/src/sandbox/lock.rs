//! What a command may not do, whatever it sees: limits, no privileges, Landlock and seccomp.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
};
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::geteuid;

use super::filter::filter;
use super::mounts::trying;
use super::{Limits, Tier, sys};

/// Where a command finds what it was given, and what it may touch.
#[derive(Debug)]
pub(super) struct World {
    /// The tree; where the command starts.
    pub(super) workspace: PathBuf,
    /// Where its reports are.
    pub(super) out: PathBuf,
    /// What it may read and run.
    pub(super) readable: Vec<PathBuf>,
    /// What it may write to as well.
    pub(super) writable: Vec<PathBuf>,
}

/// Limits, then everything that can't be given back. The next thing is to start the command.
pub(super) fn lock(tier: Tier, limits: &Limits, world: &World) -> io::Result<()> {
    // It is the user who is counted, and in the host's own namespaces the user runs other things too.
    let others = if tier == Tier::Reduced { threads_of_this_user()? } else { 0 };
    let all = [
        (Resource::RLIMIT_CORE, 0),
        (Resource::RLIMIT_FSIZE, limits.file),
        (Resource::RLIMIT_AS, limits.memory.saturating_mul(4)),
        // The watch is to be there first: it says why.
        (Resource::RLIMIT_CPU, limits.cpu.saturating_add(1)),
        (Resource::RLIMIT_NPROC, limits.processes.saturating_add(others)),
        (Resource::RLIMIT_NOFILE, 1_024),
        (Resource::RLIMIT_MEMLOCK, 64 << 10),
        (Resource::RLIMIT_MSGQUEUE, 0),
    ];
    for (which, wanted) in all {
        let most = getrlimit(which)?.1.min(wanted);
        trying(format!("set {which:?}"), setrlimit(which, most, most))?;
    }
    trying("refuse new privileges", prctl::set_no_new_privs())?;
    trying("give up capabilities", sys::drop_capabilities())?;
    landlock(tier, world)?;
    trying("filter system calls", filter(tier))
}

fn threads_of_this_user() -> io::Result<u64> {
    let user = geteuid().as_raw();
    let threads = |entry: fs::DirEntry| -> Option<u64> {
        let tasks = entry.path().join("task").metadata().ok()?;
        // A folder is linked to by each folder in it, its parent and itself.
        (tasks.uid() == user).then(|| tasks.nlink().saturating_sub(2))
    };
    Ok(fs::read_dir("/proc")?.flatten().filter_map(threads).sum())
}

/// Only what is readable may be read and run, only what is writable written to; signals and sockets
/// without a path do not leave where the kernel has that. In a root of its own this holds beside what
/// the mounts say, and keeps the helper from being traced.
fn landlock(tier: Tier, world: &World) -> io::Result<()> {
    let newest = ABI::V6;
    // Before the third version files outside could be cut off, and there only Landlock holds them.
    let (least, needs) = match tier {
        Tier::Strong => (ABI::V1, "ask Landlock (Linux 5.13 or later, and enabled)"),
        Tier::Reduced => (ABI::V3, "ask Landlock (Linux 6.2 or later, and enabled)"),
    };
    let all = AccessFs::from_all(newest);
    let read = AccessFs::from_read(newest);
    let rule = |path: &Path, access| -> io::Result<PathBeneath<PathFd>> {
        Ok(PathBeneath::new(PathFd::new(path).map_err(io::Error::other)?, access))
    };
    let rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(least))
        .and_then(|rules| {
            let rules = rules.set_compatibility(CompatLevel::BestEffort);
            let rules = rules.handle_access(all)?.scope(Scope::from_all(newest))?;
            match tier {
                Tier::Strong => Ok(rules),
                Tier::Reduced => rules.handle_access(AccessNet::from_all(newest)),
            }
        })
        .and_then(Ruleset::create);
    let mut rules = trying(needs, rules.map_err(io::Error::other))?;
    let add =
        |rules: landlock::RulesetCreated, rule| rules.add_rule(rule).map_err(io::Error::other);
    let readable = world.readable.iter().map(|path| (path, read));
    for (path, access) in readable.chain(world.writable.iter().map(|path| (path, all))) {
        if path.exists() {
            rules = add(rules, rule(path, access)?)?;
        }
    }
    let done = rules.restrict_self().map_err(io::Error::other)?;
    match done.ruleset {
        RulesetStatus::NotEnforced => Err(io::Error::other("Landlock does not hold here")),
        _ => Ok(()),
    }
}

//! What a command may not do, whatever it sees: limits, no privileges, Landlock and seccomp.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope,
};
use nix::libc;
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

use super::Limits;
use super::mounts::trying;
use super::sys;

/// Limits, then everything that can't be given back. The next thing is to start the command.
pub(super) fn lock(limits: &Limits, writable: &[&Path]) -> io::Result<()> {
    let all = [
        (Resource::RLIMIT_CORE, 0),
        (Resource::RLIMIT_FSIZE, limits.file),
        (Resource::RLIMIT_AS, limits.memory.saturating_mul(4)),
        // The watch is to be there first: it says why.
        (Resource::RLIMIT_CPU, limits.cpu.saturating_add(1)),
        (Resource::RLIMIT_NPROC, limits.processes),
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
    landlock(writable)?;
    trying("filter system calls", filter())
}

/// Everything may be read and run, `writable` alone written to; signals and sockets without a path do
/// not leave. This holds beside what the mounts say, and keeps the helper from being traced.
fn landlock(writable: &[&Path]) -> io::Result<()> {
    let newest = ABI::V6;
    let all = AccessFs::from_all(newest);
    let read = AccessFs::from_read(newest);
    let rule = |path: &Path, access| -> io::Result<PathBeneath<PathFd>> {
        Ok(PathBeneath::new(PathFd::new(path).map_err(io::Error::other)?, access))
    };
    let rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))
        .and_then(|rules| {
            let rules = rules.set_compatibility(CompatLevel::BestEffort);
            rules.handle_access(all)?.scope(Scope::from_all(newest))
        })
        .and_then(Ruleset::create);
    let mut rules =
        trying("ask Landlock (Linux 5.13 or later, and enabled)", rules.map_err(io::Error::other))?;
    let add =
        |rules: landlock::RulesetCreated, rule| rules.add_rule(rule).map_err(io::Error::other);
    rules = add(rules, rule(Path::new("/"), read)?)?;
    for path in writable {
        rules = add(rules, rule(path, all)?)?;
    }
    let done = rules.restrict_self().map_err(io::Error::other)?;
    match done.ruleset {
        RulesetStatus::NotEnforced => Err(io::Error::other("Landlock does not hold here")),
        _ => Ok(()),
    }
}

/// The last system call that this list knows: what came later is as if it did not exist.
const NEWEST: i64 = 462;

/// Calls that nothing under test needs, and that reach out of the sandbox or into the kernel's depths.
const DENIED: &[i64] = &[
    // Others' memory and descriptors.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // Mounts and namespaces.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    // Files by handle, around every path.
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    // The kernel's depths.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
    libc::SYS_lookup_dcookie,
    libc::SYS_nfsservctl,
    libc::SYS_personality,
    libc::SYS_mbind,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    libc::SYS_set_mempolicy,
    libc::SYS_get_mempolicy,
    libc::SYS_memfd_secret,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_uselib,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ustat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_sysfs,
    #[cfg(target_arch = "x86_64")]
    libc::SYS__sysctl,
];

/// Namespaces that a `clone` may not make.
const NAMESPACES: u64 = (libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP) as u64;

/// Puts keys into a terminal's input.
const TIOCSTI: u64 = 0x5412;
/// The same by way of a console's selection.
const TIOCLINUX: u64 = 0x541c;

/// Known calls go through but for the denied ones; everything else does not exist. That is so for the
/// calls of the x32 ABI too, whose numbers are beyond all of these.
fn filter() -> io::Result<()> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        (0..=NEWEST).filter(|call| !DENIED.contains(call)).map(|call| (call, Vec::new())).collect();
    // Its flags lie in memory, where no filter sees them: the C library takes `clone` then.
    rules.remove(&libc::SYS_clone3);
    rules.insert(libc::SYS_clone, vec![all([none_of(0, NAMESPACES)?])?]);
    rules.insert(libc::SYS_ioctl, vec![all([is_not(1, TIOCSTI)?, is_not(1, TIOCLINUX)?])?]);
    rules.insert(libc::SYS_socket, sockets(&[libc::AF_UNIX, libc::AF_INET, libc::AF_INET6])?);
    rules.insert(libc::SYS_socketpair, sockets(&[libc::AF_UNIX])?);
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(io::Error::other)?;
    let unknown = SeccompAction::Errno(libc::ENOSYS.cast_unsigned());
    let filter = SeccompFilter::new(rules, unknown, SeccompAction::Allow, arch);
    let program: BpfProgram = filter.and_then(TryInto::try_into).map_err(io::Error::other)?;
    apply_filter(&program).map_err(io::Error::other)
}

/// Sockets of these families, but for raw ones.
fn sockets(families: &[i32]) -> io::Result<Vec<SeccompRule>> {
    // The kind is in the lowest four bits; raw is 3.
    let stream = |family: &i32| all([is(0, *family)?, kind_is(libc::SOCK_STREAM)?]);
    let datagram = |family: &i32| all([is(0, *family)?, kind_is(libc::SOCK_DGRAM)?]);
    let packets = |family: &i32| all([is(0, *family)?, kind_is(libc::SOCK_SEQPACKET)?]);
    let mut rules = Vec::new();
    for family in families {
        rules.extend([stream(family)?, datagram(family)?, packets(family)?]);
    }
    Ok(rules)
}

fn all<const N: usize>(conditions: [SeccompCondition; N]) -> io::Result<SeccompRule> {
    SeccompRule::new(conditions.into()).map_err(io::Error::other)
}

fn condition(argument: u8, how: SeccompCmpOp, value: u64) -> io::Result<SeccompCondition> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, how, value).map_err(io::Error::other)
}

fn none_of(argument: u8, bits: u64) -> io::Result<SeccompCondition> {
    condition(argument, SeccompCmpOp::MaskedEq(bits), 0)
}

fn is(argument: u8, value: i32) -> io::Result<SeccompCondition> {
    condition(argument, SeccompCmpOp::Eq, u64::from(value.cast_unsigned()))
}

fn is_not(argument: u8, value: u64) -> io::Result<SeccompCondition> {
    condition(argument, SeccompCmpOp::Ne, value)
}

fn kind_is(kind: i32) -> io::Result<SeccompCondition> {
    condition(1, SeccompCmpOp::MaskedEq(0xf), u64::from(kind.cast_unsigned()))
}

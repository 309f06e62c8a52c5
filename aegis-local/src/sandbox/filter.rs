//! Which system calls there are for a command.

use std::collections::BTreeMap;
use std::io;

use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter, sock_filter,
};

use super::Tier;

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

/// Calls that reach others by a name or an address, which neither a path nor a namespace holds.
const SHARED: &[i64] = &[
    libc::SYS_socket,
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_semctl,
    libc::SYS_msgget,
    libc::SYS_msgsnd,
    libc::SYS_msgrcv,
    libc::SYS_msgctl,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
    libc::SYS_inotify_add_watch,
];

/// Calls that set something of the process that they name first; 0 is the caller.
const OF_ANY_PROCESS: &[i64] = &[
    libc::SYS_prlimit64,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_setattr,
    libc::SYS_sched_setparam,
    libc::SYS_sched_setscheduler,
];

/// Calls that are answered with success and not done: Landlock has no rule for them, so that they
/// would reach every file of the user. Programs that copy files make them all the time.
const PRETENDED: &[i64] = &[
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchmodat2,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_futimesat,
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
/// Sets flags of a file that was opened for reading alone.
const FS_IOC_SETFLAGS: u64 = 0x4008_6602;
/// The same, with more of them.
const FS_IOC_FSSETXATTR: u64 = 0x401c_5820;

/// Known calls go through but for the denied ones; everything else does not exist. That is so for the
/// calls of the x32 ABI too, whose numbers are beyond all of these.
///
/// In the host's own namespaces there are no sockets at all, nothing shared by name, and nothing of
/// another process that is set; see [`PRETENDED`] for what is answered and not done.
///
/// What is denied is listed and not what is allowed: the kernel goes through a filter once for every
/// call when it is installed, which takes milliseconds where the list is long.
pub(super) fn filter(tier: Tier) -> io::Result<()> {
    apply_filter(&unknown()).map_err(io::Error::other)?;
    let always = |calls: &[i64]| -> Rules { calls.iter().map(|call| (*call, vec![])).collect() };
    if tier == Tier::Reduced {
        install(always(PRETENDED), 0)?;
    }
    let mut rules = always(DENIED);
    // Its flags lie in memory, where no filter sees them: the C library takes `clone` then.
    rules.insert(libc::SYS_clone3, vec![]);
    let flags = (0..u64::BITS).map(|bit| 1 << bit).filter(|flag| NAMESPACES & flag != 0);
    let clone = flags.map(|flag| all([has(0, flag, flag)?])).collect::<io::Result<_>>()?;
    rules.insert(libc::SYS_clone, clone);
    let controls = [TIOCSTI, TIOCLINUX, FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR];
    let ioctl = controls.iter().map(|what| all([is(1, *what)?])).collect::<io::Result<_>>()?;
    rules.insert(libc::SYS_ioctl, ioctl);
    let pair = all([is_not(0, libc::AF_UNIX)?])?;
    rules.insert(libc::SYS_socketpair, sockets(pair)?);
    match tier {
        Tier::Strong => {
            let families = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6];
            let [unix, inet, inet6] = families.map(|family| is_not(0, family));
            rules.insert(libc::SYS_socket, sockets(all([unix?, inet?, inet6?])?)?);
        }
        Tier::Reduced => {
            rules.extend(always(SHARED));
            for call in OF_ANY_PROCESS {
                rules.insert(*call, vec![all([is_not(0, 0)?])?]);
            }
            for (call, process) in [(libc::SYS_setpriority, 0), (libc::SYS_ioprio_set, 1)] {
                rules.insert(call, vec![all([is_not(0, process)?])?, all([is_not(1, 0)?])?]);
            }
        }
    }
    install(rules, libc::ENOSYS)
}

/// Calls, each with when it is meant: always where there is nothing.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Has these calls answered with an error; 0 is success.
fn install(rules: Rules, error: i32) -> io::Result<()> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(io::Error::other)?;
    let matched = SeccompAction::Errno(error.cast_unsigned());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, matched, arch);
    let program: BpfProgram = filter.and_then(TryInto::try_into).map_err(io::Error::other)?;
    apply_filter(&program).map_err(io::Error::other)
}

/// A program by hand, as no list has all numbers: what is beyond the newest call does not exist.
fn unknown() -> BpfProgram {
    let step = |code: u32, jt, jf, k| sock_filter { code: code as u16, jt, jf, k };
    let newest = NEWEST as u32;
    vec![
        // The call's number is the first field of what a filter sees.
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K, 0, 1, newest),
        step(
            libc::BPF_RET | libc::BPF_K,
            0,
            0,
            libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned(),
        ),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]
}

/// Sockets that `families` refuses, and those that are neither a stream nor of datagrams or packets.
fn sockets(families: SeccompRule) -> io::Result<Vec<SeccompRule>> {
    // The kind is in the lowest four bits; raw is 3.
    let allowed = [libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_SEQPACKET];
    let mut rules = vec![families];
    for kind in (0..16).filter(|kind| !allowed.contains(kind)) {
        rules.push(all([has(1, 0xf, u64::from(kind.cast_unsigned()))?])?);
    }
    Ok(rules)
}

fn all<const N: usize>(conditions: [SeccompCondition; N]) -> io::Result<SeccompRule> {
    SeccompRule::new(conditions.into()).map_err(io::Error::other)
}

fn condition(argument: u8, how: SeccompCmpOp, value: u64) -> io::Result<SeccompCondition> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, how, value).map_err(io::Error::other)
}

/// Of these bits the argument has those of `value` and no other.
fn has(argument: u8, bits: u64, value: u64) -> io::Result<SeccompCondition> {
    condition(argument, SeccompCmpOp::MaskedEq(bits), value)
}

fn is(argument: u8, value: u64) -> io::Result<SeccompCondition> {
    condition(argument, SeccompCmpOp::Eq, value)
}

fn is_not(argument: u8, value: i32) -> io::Result<SeccompCondition> {
    condition(argument, SeccompCmpOp::Ne, u64::from(value.cast_unsigned()))
}

//! The sandbox: one command in a world of its own, with nothing of the host's to write to, to talk to
//! or to read secrets from.
//!
//! Inside there is a root of its own: system folders, what the service runs with and what the host
//! listed, all read-only; the tree at `/workspace`, writable on a layer that is thrown away; private
//! folders at `/tmp`, `/out` and at the service's log locations. Own user, mount, process, network,
//! IPC, host-name and control-group namespaces; loopback only; no capability and no way to one;
//! Landlock beside the mounts; a list of system calls; limits of memory, processes, files, CPU, time
//! and output; an environment that holds what was given and nothing else. Everything inside dies with
//! the command, at its limits, and with the host.
//!
//! The world is made by a helper program of one thread, so that nothing of the host's memory gets into
//! it: the binary `aegis-sandbox`, or the host's own, where its `main` begins with [`init`]. Without
//! either nothing is run: a host's service must not be started by surprise.
//!
//! ```no_run
//! // First in `main`: the runtime, threads and arguments come after it.
//! aegis_local::sandbox::init();
//! ```
//!
//! That is the [Strong](Tier::Strong) tier.
//!
//! # The Reduced tier
//!
//! Where namespaces are denied, a host may allow [`Tier::Reduced`]: the same limits, Landlock and list of
//! system calls in the host's own namespaces, on a copy of the tree in the run's own folder. What was
//! proven there is proposed at most, never merged without a person. It needs Linux 6.2 or later with
//! Landlock, and no privilege.
//!
//! In it there are no sockets, loopback included: no rule holds an address, so that a port that is open
//! to the code under test would be open to every machine. Requests are not replayed and suites that
//! listen fail there; pairs of connected sockets work. System V IPC, message queues and `/dev/shm` are
//! not there either. The process sees what it needs of `/proc` for itself alone. Changes of modes,
//! owners, times and attributes of files are answered with success and not done. Log folders of the
//! service can't be written to.
//!
//! What it can't hold, with the kernel that holds it where there is one:
//!
//! - **names**: whether a file of a known path is there, its size and its times can be asked for;
//! - **processes**: which process numbers are taken, and by whom;
//! - **user**: it is the host's own user, as whom the code runs;
//! - **signals** to other processes of that user, the host among them, before Linux 6.12;
//! - **processes of root**: nothing limits how many root starts but the watch, which counts every 50 ms;
//! - **disk**: it is looked at and not limited, so that a run may exceed it for moments.
//!
//! # What remains
//!
//! A flaw of the kernel's, and code that is wrong in a way that no test sees.
//!
//! # What it needs
//!
//! Linux 5.13 or later with user namespaces, overlay file systems and Landlock, as most distributions
//! have it. Elsewhere:
//!
//! - Ubuntu 23.10 or later: `sysctl kernel.apparmor_restrict_unprivileged_userns=0`, or an AppArmor
//!   profile for the host's program that allows `userns`.
//! - Docker: `--security-opt seccomp=unconfined --security-opt systempaths=unconfined`, or a seccomp
//!   profile that allows `unshare`, `mount`, `umount2`, `pivot_root` and `mount_setattr`.
//! - Kubernetes: `securityContext: {procMount: Unmasked, seccompProfile: {type: Unconfined}}` in a pod
//!   with `hostUsers: false`.
//! - systemd: no `RestrictNamespaces=`, `ProtectProc=` or `SystemCallFilter=` that take these away.

pub(crate) mod copy;
mod filter;
mod helper;
mod limits;
mod lock;
mod mounts;
pub(crate) mod order;
mod program;
mod reduced;
mod sidecar;
mod sys;
mod tier;
mod watch;

use std::sync::OnceLock;

pub use limits::Limits;
pub use order::End;
pub use program::Program;
pub use sidecar::Sidecar;
pub use tier::Tier;

/// How this program is called where it is to be the helper.
const NAME: &str = "aegis-sandbox";

/// Whether [`init`] was called.
static READY: OnceLock<()> = OnceLock::new();

/// Makes this program its own helper.
///
/// To be called first in `main`, before there is a second thread: where the program was started as
/// the helper, it serves the sandbox and ends here.
pub fn init() {
    if std::env::args_os().next().is_some_and(|name| name == NAME) {
        std::process::exit(serve());
    }
    READY.get_or_init(|| ());
}

/// Serves one order that comes over standard input; the exit code. What `aegis-sandbox` does.
#[doc(hidden)]
pub fn serve() -> i32 {
    helper::main()
}

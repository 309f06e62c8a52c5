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
//! have it. The steps that fail where something is missing, with what to enable, are in the error of
//! [`Isolation::probe`](crate::verify::isolation::Isolation::probe). No root is needed anywhere; the
//! settings below are those of what is around the host's program.
//!
//! ## Distributions
//!
//! ```text
//! sysctl user.max_user_namespaces=10000                        # where it is 0
//! sysctl kernel.unprivileged_userns_clone=1                    # Debian 10 and older, some hardened kernels
//! sysctl kernel.apparmor_restrict_unprivileged_userns=0        # Ubuntu 23.10 or later
//! ```
//!
//! On Ubuntu an AppArmor profile for the host's program alone does as well, in
//! `/etc/apparmor.d/aegis` and loaded with `apparmor_parser -r`:
//!
//! ```text
//! abi <abi/4.0>,
//! include <tunables/global>
//! profile aegis /usr/local/bin/shop-healer flags=(unconfined) {
//!   userns,
//! }
//! ```
//!
//! ## Docker
//!
//! Docker's own list of system calls denies `unshare`, `mount`, `umount2`, `pivot_root`,
//! `mount_setattr` and `sethostname`, and `clone` with flags of namespaces, to programs without
//! `CAP_SYS_ADMIN`; it masks parts of `/proc`, so that the kernel refuses a whole one inside:
//!
//! ```text
//! docker run --security-opt seccomp=aegis.json --security-opt systempaths=unconfined \
//!     --security-opt apparmor=unconfined IMAGE
//! ```
//!
//! `aegis.json` is [Docker's profile](https://github.com/moby/profiles/blob/main/seccomp/default.json)
//! with this at the end of `syscalls`; `seccomp=unconfined` in its place allows everything:
//!
//! ```text
//! {
//!   "names": ["clone", "unshare", "mount", "umount2", "pivot_root", "mount_setattr", "sethostname"],
//!   "action": "SCMP_ACT_ALLOW"
//! }
//! ```
//!
//! Its AppArmor profile, where the machine has AppArmor, denies `mount`: hence the last option. No
//! `--privileged`, and no capability is needed.
//!
//! ## Kubernetes
//!
//! `procMount: Unmasked` is taken only in a pod with a user namespace (`hostUsers: false`): from
//! Kubernetes 1.33 on, where the feature gates `UserNamespacesSupport` and `ProcMountType` are on by
//! default, with a runtime that has them and Linux 6.3 or later on the node. The profile is a file on
//! the node, beneath `/var/lib/kubelet/seccomp`:
//!
//! ```yaml
//! spec:
//!   hostUsers: false
//!   containers:
//!   - name: shop
//!     securityContext:
//!       procMount: Unmasked
//!       seccompProfile: {type: Localhost, localhostProfile: profiles/aegis.json}
//!       appArmorProfile: {type: Unconfined}
//! ```
//!
//! `seccompProfile: {type: Unconfined}` does where no file can be put on the node. The level *baseline*
//! of Pod Security refuses an unmasked `/proc` and unconfined profiles: label the namespace
//! `pod-security.kubernetes.io/enforce: privileged`. `privileged: true` is not needed.
//!
//! ## systemd
//!
//! These settings of a unit, which hardened units set, take away what the sandbox needs; the values are
//! those that leave it:
//!
//! ```ini
//! [Service]
//! RestrictNamespaces=no
//! # Where calls are listed at all:
//! SystemCallFilter=@system-service @mount @sandbox unshare clone setns sethostname pivot_root
//! ProtectProc=default
//! ProcSubset=all
//! ProtectKernelTunables=no
//! ProtectKernelLogs=no
//! ProtectHostname=no
//! PrivateUsers=no
//! ```
//!
//! `ProtectKernelTunables=` and `ProtectKernelLogs=` mount over parts of `/proc`, which masks it;
//! `ProtectHostname=` denies the name of the sandbox's own. `NoNewPrivileges=`, `ProtectSystem=`,
//! `ProtectHome=` and `PrivateTmp=` stay as they are, as long as `scratch` can be written to.
//!
//! ## What of this was tried
//!
//! The tests hold the sandbox against a list of system calls without `unshare`, against
//! `user.max_user_namespaces=0`, against something mounted over a part of `/proc` and against a kernel
//! that answers as if it had no Landlock, all on Linux 6.18 on x86-64 as root and inside a user
//! namespace. The settings of Docker, Kubernetes, AppArmor and systemd are from their documentation and
//! were not tried.

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

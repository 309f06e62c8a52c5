//! Machines that lack what the sandbox needs: the real helper under a real denial.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use aegis_core::ErrorKind;
use aegis_local::sandbox::{Program, Tier};
use aegis_local::verify::isolation::{End, Isolation, Job};
use aegis_local::verify::workspace::Tree;

use super::python::venv;

/// What a machine lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lack {
    /// A list of system calls without `unshare`, as a container has it by default.
    Unshare,
    /// No user namespace may be made.
    UserNamespaces,
    /// Something is mounted over a part of `/proc`, as in a container.
    WholeProc,
    /// A kernel without Landlock.
    Landlock,
}

impl Lack {
    fn code(self) -> &'static str {
        match self {
            Self::Unshare => "deny(272, 1)\n",
            Self::UserNamespaces => {
                "enter(0)\nopen('/proc/sys/user/max_user_namespaces', 'w').write('0')\n"
            }
            Self::WholeProc => {
                "enter(0x20000)\n\
                 if libc.mount(b'/dev/null', b'/proc/cpuinfo', None, 4096, None): fail('mount')\n"
            }
            Self::Landlock => "deny(444, 95)\n",
        }
    }
}

const HEAD: &str = "
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def fail(what): sys.exit('%s: %s' % (what, os.strerror(ctypes.get_errno())))
class Step(ctypes.Structure):
    _fields_ = [('code', ctypes.c_ushort), ('yes', ctypes.c_ubyte), ('no', ctypes.c_ubyte),
                ('value', ctypes.c_uint)]
class Filter(ctypes.Structure):
    _fields_ = [('length', ctypes.c_ushort), ('steps', ctypes.POINTER(Step))]
def deny(call, error):
    steps = (Step * 4)((0x20, 0, 0, 0), (0x15, 0, 1, call), (6, 0, 0, 0x50000 | error),
                       (6, 0, 0, 0x7fff0000))
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(Filter(4, steps)), 0, 0):
        fail('seccomp')
def enter(more):
    user, group = os.getuid(), os.getgid()
    if libc.unshare(0x10000000 | more): fail('unshare')
    open('/proc/self/setgroups', 'w').write('deny')
    open('/proc/self/uid_map', 'w').write('0 %d 1' % user)
    open('/proc/self/gid_map', 'w').write('0 %d 1' % group)
";

/// The helper on a machine that lacks something, from when the file `switch` is there.
pub(crate) fn helper(folder: &Path, lacks: &[Lack]) -> (PathBuf, PathBuf) {
    let (program, switch) = (folder.join("helper"), folder.join("switch"));
    let python = venv().join("bin/python");
    let real = env!("CARGO_BIN_EXE_aegis-sandbox");
    let denials: String = lacks
        .iter()
        .flat_map(|lack| lack.code().lines())
        .map(|line| format!("    {line}\n"))
        .collect();
    let text = format!(
        "#!{} -IB\n{HEAD}\nif os.path.exists({switch:?}):\n    pass\n{denials}\
         os.execv({real:?}, ['aegis-sandbox'])\n",
        python.display()
    );
    std::fs::write(&program, text).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(&switch, "").unwrap();
    (program, switch)
}

async fn probe(lacks: &[Lack], tiers: &[Tier]) -> aegis_core::Result<Isolation> {
    let folder = tempfile::tempdir().unwrap();
    let (program, _) = helper(folder.path(), lacks);
    Isolation::probe_any(Program::at(program), None, tiers).await
}

const BOTH: &[Tier] = &[Tier::Strong, Tier::Reduced];

#[tokio::test]
async fn without_namespaces_or_landlock_strong_is_refused_with_what_to_enable() {
    let all = [
        (Lack::Unshare, "user namespace", "seccomp"),
        (Lack::UserNamespaces, "user namespace", "user.max_user_namespaces"),
        (Lack::WholeProc, "/proc", "systempaths=unconfined"),
        (Lack::Landlock, "Landlock", "Linux 5.13"),
    ];
    for (lack, what, enable) in all {
        let error = probe(&[lack], &[Tier::Strong]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{lack:?}: {error}");
        let said = error.to_string();
        assert!(said.contains(what) && said.contains(enable), "{lack:?}: {said}");
    }
}

#[tokio::test]
async fn where_nothing_lacks_the_denying_helper_is_strong() {
    assert_eq!(probe(&[], BOTH).await.unwrap().tier(), Tier::Strong);
}

#[tokio::test]
async fn without_namespaces_reduced_runs_where_it_is_allowed() {
    for lack in [Lack::Unshare, Lack::UserNamespaces, Lack::WholeProc] {
        let isolation = probe(&[lack], BOTH).await.unwrap();
        assert_eq!(isolation.tier(), Tier::Reduced, "{lack:?}");
    }
}

#[tokio::test]
async fn without_namespaces_and_landlock_nothing_untrusted_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (program, switch) = helper(folder.path(), &[Lack::Unshare, Lack::Landlock]);
    let error = Isolation::probe_any(Program::at(&program), None, BOTH).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    let said = error.to_string();
    assert!(said.contains("max_user_namespaces") && said.contains("Linux 6.2"), "{said}");

    // Also where it was to be had once, and no longer is.
    let marker = folder.path().join("marker");
    for tier in BOTH {
        std::fs::remove_file(&switch).unwrap();
        let isolation = Isolation::probe_any(Program::at(&program), None, &[*tier]).await.unwrap();
        std::fs::write(&switch, "").unwrap();
        let script = format!("touch {0}; touch /out/made; echo ran", marker.display());
        let tree = Tree::empty(folder.path()).unwrap();
        let error = isolation.run(&Job::new(tree, ["/bin/sh", "-c", &script])).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{tier}: {error}");
        assert!(!marker.exists());
    }
}

#[tokio::test]
async fn the_switch_of_these_tests_is_what_denies() {
    let folder = tempfile::tempdir().unwrap();
    let (program, switch) = helper(folder.path(), &[Lack::Unshare]);
    std::fs::remove_file(switch).unwrap();
    let isolation = Isolation::probe(Program::at(program), None).await.unwrap();
    let job = Job::new(Tree::empty(folder.path()).unwrap(), ["/bin/sh", "-c", "exit 3"]);
    assert_eq!(isolation.run(&job).await.unwrap().end, End::Exited(3));
}

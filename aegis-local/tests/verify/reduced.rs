//! The Reduced tier: what it holds, and by name what it does not.

use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use aegis_core::ErrorKind;
use aegis_core::model::{GateAnswer, Isolation as Held, Reproduction};
use aegis_core::stage::Verifier as _;
use aegis_local::sandbox::Tier;
use aegis_local::verify::VerifierConfig;
use aegis_local::verify::isolation::{End, Limits};

use super::denied::{Lack, helper};
use super::folder::case;
use super::isolation::Inside;
use super::python::venv;
use super::replay::{GUARDED, TRACE, shop_with, stats_fix};

#[tokio::test]
async fn nothing_outside_can_be_written_read_or_cut_off() {
    let inside = Inside::at(Tier::Reduced).await;
    let outside = tempfile::tempdir().unwrap();
    let kept = outside.path().join("kept");
    std::fs::write(&kept, "secret").unwrap();
    let shown = venv().join("pyvenv.cfg");
    let before = std::fs::read_to_string(&shown).unwrap();
    let code = format!(
        "import os\n\
         def attempt(name, what):\n\
         \x20   try: what(); print('got', name)\n\
         \x20   except OSError: print('refused', name)\n\
         kept, shown, folder = {kept:?}, {shown:?}, {folder:?}\n\
         attempt('read', lambda: open(kept).read())\n\
         attempt('list', lambda: os.listdir(folder))\n\
         attempt('etc', lambda: open('/etc/shadow').read())\n\
         attempt('etc list', lambda: os.listdir('/etc'))\n\
         attempt('root', lambda: os.listdir('/'))\n\
         attempt('processes', lambda: os.listdir('/proc'))\n\
         for path in (kept, shown, '/etc/passwd', '/usr/x', '/tmp/x', '/dev/shm/x'):\n\
         \x20   attempt('write ' + path, lambda: open(path, 'a'))\n\
         \x20   attempt('cut ' + path, lambda: os.truncate(path, 0))\n\
         \x20   attempt('remove ' + path, lambda: os.remove(path))\n\
         \x20   attempt('rename ' + path, lambda: os.rename(path, 'mine'))\n\
         \x20   attempt('link ' + path, lambda: os.link(path, 'mine'))\n\
         attempt('folder', lambda: os.mkdir(folder + '/x'))\n\
         os.symlink(kept, 'way'); attempt('by a link', lambda: open('way', 'w'))\n\
         attempt('aegis', lambda: open('../aegis/x', 'w'))\n\
         attempt('beside', lambda: open('../x', 'w'))\n\
         open('kept.txt', 'w').write('changed'); print(open('kept.txt').read())\n",
        folder = outside.path(),
    );
    let mut job = inside.job("");
    job.argv = vec!["python".into(), "-c".into(), code];
    let outcome = inside.isolation.run(&job).await.unwrap();
    let said = outcome.stdout.text();
    assert!(!said.contains("got") && said.contains("changed"), "{said}{}", outcome.stderr.text());
    assert_eq!(said.matches("refused").count(), 40, "{said}");
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "secret");
    assert_eq!(std::fs::read_to_string(&shown).unwrap(), before);
    assert_eq!(std::fs::read_to_string(job.tree.base().join("kept.txt")).unwrap(), "base");
}

#[tokio::test]
async fn the_host_and_the_helper_can_t_be_read_set_or_signalled() {
    let code = format!(
        "import os, resource, signal\n\
         def attempt(name, what):\n\
         \x20   try: what(); print('got', name)\n\
         \x20   except OSError: print('refused', name)\n\
         for pid in ({}, os.getppid()):\n\
         \x20   for name in ('mem', 'environ', 'maps', 'cmdline', 'status', 'root/etc/hosts', 'fd/0'):\n\
         \x20       attempt(name, lambda: open(f'/proc/{{pid}}/{{name}}'))\n\
         \x20   attempt('limit', lambda: resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0)))\n\
         \x20   attempt('affinity', lambda: os.sched_setaffinity(pid, [0]))\n\
         \x20   attempt('priority', lambda: os.setpriority(os.PRIO_PROCESS, pid, 19))\n\
         \x20   attempt('signal', lambda: os.kill(pid, signal.SIGCONT))\n\
         os.kill(os.getpid(), signal.SIGCONT); print('own')\n",
        std::process::id()
    );
    let said = Inside::at(Tier::Reduced).await.python(&code).await.stdout.text();
    // Signals are held from Linux 6.12 on.
    let got = said.lines().filter(|line| line.starts_with("got") && !line.ends_with("signal"));
    assert_eq!(got.count(), 0, "{said}");
    assert!(said.matches("refused").count() >= 20 && said.contains("own"), "{said}");
}

#[tokio::test]
async fn nothing_shared_by_a_name_is_reached() {
    let code = "import ctypes\n\
                libc = ctypes.CDLL(None, use_errno=True)\n\
                for name, number in (('shmget', 29), ('semget', 64), ('msgget', 68),\n\
                \x20       ('mq_open', 240), ('socket', 41)):\n\
                \x20   print('got' if libc.syscall(number, 1, 1, 0o1600, 0) >= 0 else 'refused', name)\n\
                import socket; a, b = socket.socketpair(); a.send(b'pair'); print(b.recv(4).decode())\n";
    let said = Inside::at(Tier::Reduced).await.python(code).await.stdout.text();
    assert_eq!(said.matches("refused").count(), 5, "{said}");
    assert!(said.contains("pair"), "{said}");
}

#[tokio::test]
async fn modes_owners_and_times_stay_as_they_are_and_programs_go_on() {
    let code = "import os, shutil, sys\n\
                open('a', 'w').close(); before = os.stat('a')\n\
                shutil.copy2('/etc/passwd', 'b'); os.chmod('a', 0o4777); os.utime('a', (1, 1))\n\
                shown = sys.prefix + '/pyvenv.cfg'; os.chmod(shown, 0o4644); os.chown('a', 1, 1)\n\
                print(os.stat('a') == before, os.stat(shown).st_mode & 0o4000)\n";
    let outcome = Inside::at(Tier::Reduced).await.python(code).await;
    assert_eq!(outcome.stdout.text(), "True 0\n", "{}", outcome.stderr.text());
}

#[tokio::test]
async fn files_that_are_open_and_deleted_count() {
    let inside = Inside::at(Tier::Reduced).await;
    let mut job = inside.job("");
    let code = "import os, time\n\
                kept = []\n\
                for i in range(64):\n\
                \x20   file = open('f', 'wb'); os.remove('f'); file.write(bytes(1 << 20))\n\
                \x20   file.flush(); kept.append(file)\n\
                time.sleep(10)\n";
    job.argv = vec!["python".into(), "-c".into(), code.into()];
    job.limits = Limits::default().with_disk(16 << 20).with_wall(Duration::from_secs(20));
    assert_eq!(inside.isolation.run(&job).await.unwrap().end, End::Exceeded("disk".into()));
}

/// What leads out of the Reduced tier, by name: the module's docs list the same.
#[tokio::test]
async fn what_it_can_t_hold_is_known_by_name() {
    let outside = tempfile::tempdir().unwrap();
    let code = format!(
        "import os\n\
         for name, path in (('names', {:?}), ('processes', '/proc/{}')):\n\
         \x20   print(name, os.path.exists(path))\n\
         print('user', os.getuid() == {})\n",
        outside.path(),
        std::process::id(),
        std::fs::metadata("/proc/self").unwrap().uid(),
    );
    let outcome = Inside::at(Tier::Reduced).await.python(&code).await;
    assert_eq!(outcome.stdout.text(), "names True\nprocesses True\nuser True\n");
}

#[tokio::test]
async fn what_the_run_made_is_gone_whatever_its_folders_allow() {
    let inside = Inside::at(Tier::Reduced).await;
    let job = inside.job("mkdir -m 0300 a && mkdir a/b && echo x > a/b/c && mkdir -m 000 d");
    assert_eq!(inside.isolation.run(&job).await.unwrap().end, End::Exited(0));
    let left = std::fs::read_dir(inside.scratch.path()).unwrap().flatten();
    let runs = left.filter(|e| e.file_name().to_string_lossy().starts_with("aegis-run-"));
    assert_eq!(runs.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fix_proven_in_it_says_so_and_is_capped() {
    let folder = tempfile::tempdir().unwrap();
    let (program, _) = helper(folder.path(), &[Lack::Unshare]);
    let case = case(TRACE, &["/mean/tea", "/mean/mug"]);
    let mut config = VerifierConfig::default();
    config.helper = Some(program);
    let refused = shop_with(config.clone()).verifier.verify(&case, &stats_fix(GUARDED)).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Denied);

    config.allow_reduced = true;
    let v = shop_with(config).verifier.verify(&case, &stats_fix(GUARDED)).await.unwrap();
    assert_eq!((v.isolation, v.answer()), (Held::Reduced, GateAnswer::Cap));
    let capped = v.gates.iter().filter(|g| g.answer != GateAnswer::Pass).map(|g| g.gate.as_str());
    assert_eq!(capped.collect::<Vec<_>>(), ["isolation"], "{:?}", v.gates);
    // There are no sockets to replay requests with: the search makes it happen.
    assert!(matches!(&v.reproduction, Reproduction::Reproduced(how) if how.contains("mean(")));
    assert!(v.tests.after.is_some_and(|t| t.passed == 2 && t.failed == 0), "{:?}", v.tests);
    assert_eq!(v.score.coverage.bps(), 10_000, "{:?}", v.notes);
}

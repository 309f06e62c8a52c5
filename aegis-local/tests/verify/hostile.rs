//! Programs that want out, each with what it must not get.

use std::time::Duration;

use aegis_local::verify::isolation::{End, Limits, Outcome, Tier};

use super::isolation::{Inside, TIERS};

/// Runs Python that prints what each attempt came to: a line `got ...` is a hole.
async fn attempt(tier: Tier, code: &str) -> Outcome {
    let head = "import ctypes, os, signal, socket, sys\n\
                libc = ctypes.CDLL(None, use_errno=True)\n\
                def call(name, *arguments):\n\
                \x20   if libc.syscall(*arguments) >= 0: print('got', name)\n\
                \x20   else: print('refused', name)\n";
    Inside::at(tier).await.python(&format!("{head}{code}")).await
}

async fn nothing_got(code: &str, attempts: usize) {
    for tier in TIERS {
        let outcome = attempt(tier, code).await;
        let (said, errors) = (outcome.stdout.text(), outcome.stderr.text());
        assert!(!said.contains("got"), "{tier}: {said}");
        assert_eq!(said.matches("refused").count(), attempts, "{tier}: {said}\n{errors}");
    }
}

#[tokio::test]
async fn sockets_other_than_those_of_the_loopback_are_refused() {
    let code = "for name, family, kind in (('raw', 2, 3), ('raw6', 10, 3), ('packet', 17, 3),\n\
                \x20       ('netlink', 16, 3), ('vsock', 40, 1), ('bluetooth', 31, 3), ('alg', 38, 5)):\n\
                \x20   call(name, 41, family, kind, 0)\n\
                for to in ('/var/run/docker.sock', '/run/docker.sock', '\\0docker'):\n\
                \x20   try: socket.socket(socket.AF_UNIX).connect(to); print('got', to)\n\
                \x20   except OSError: print('refused', to)\n\
                try:\n\
                \x20   s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
                \x20   s.sendto(b'x', ('1.1.1.1', 53)); print('got udp')\n\
                except OSError: print('refused udp')\n";
    nothing_got(code, 11).await;
}

#[tokio::test]
async fn calls_into_the_kernels_depths_do_not_exist() {
    let code = "for name, number in (('ptrace', 101), ('mount', 165), ('umount', 166),\n\
                \x20       ('pivot_root', 155), ('chroot', 161), ('unshare', 272), ('setns', 308),\n\
                \x20       ('vm_readv', 310), ('vm_writev', 311), ('kcmp', 312), ('bpf', 321),\n\
                \x20       ('userfaultfd', 323), ('perf', 298), ('io_uring', 425), ('clone3', 435),\n\
                \x20       ('open_tree', 428), ('fsopen', 430), ('mount_setattr', 442),\n\
                \x20       ('handle', 304), ('keyctl', 250), ('module', 175), ('kexec', 246),\n\
                \x20       ('x32 getpid', 0x40000000 + 39), ('x32 ptrace', 0x40000000 + 521),\n\
                \x20       ('later', 900)):\n\
                \x20   call(name, number, 0, 0, 0, 0, 0)\n\
                call('new namespace', 56, 0x10000000 | 17, 0, 0, 0, 0)\n";
    nothing_got(code, 26).await;
}

#[tokio::test]
async fn the_first_process_can_t_be_read_traced_or_killed() {
    let code = "for name in ['mem', 'environ', 'maps', 'root/etc', 'cwd/x'] + \\\n\
                \x20       ['fd/%d' % fd for fd in range(16)]:\n\
                \x20   try: open('/proc/1/' + name); print('got', name)\n\
                \x20   except OSError: print('refused', name)\n\
                for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP):\n\
                \x20   try: os.kill(1, number); print('sent')\n\
                \x20   except OSError: print('refused', number)\n\
                print('still here')\n";
    let said = attempt(Tier::Strong, code).await.stdout.text();
    assert!(!said.contains("got") && said.contains("still here"), "{said}");
}

#[tokio::test]
async fn nothing_is_inherited_and_nobody_becomes_somebody_else() {
    let code = "print(sorted(int(fd) for fd in os.listdir('/proc/self/fd'))[:3])\n\
                for name in ('chmod', 'setuid'):\n\
                \x20   try:\n\
                \x20       os.setuid(1) if name == 'setuid' else os.chmod(sys.prefix + '/pyvenv.cfg', 0o4644)\n\
                \x20       if name == 'setuid' or os.stat(sys.prefix + '/pyvenv.cfg').st_mode & 0o4000: print('got', name)\n\
                \x20   except OSError: print('refused', name)\n\
                for line in open('/proc/self/status'):\n\
                \x20   if line.startswith(('Cap', 'NoNewPrivs', 'Seccomp:')): print(line.strip())\n";
    for tier in TIERS {
        let said = attempt(tier, code).await.stdout.text();
        assert!(said.starts_with("[0, 1, 2]") && !said.contains("got"), "{tier}: {said}");
        // Who may not drop from the bounding set keeps it, and can't gain from it.
        let bounding = (tier == Tier::Strong).then_some("CapBnd");
        for name in ["CapInh", "CapPrm", "CapEff", "CapAmb"].into_iter().chain(bounding) {
            assert!(said.contains(&format!("{name}:\t0000000000000000")), "{tier}: {said}");
        }
        assert!(said.contains("NoNewPrivs:\t1") && said.contains("Seccomp:\t2"), "{said}");
    }
}

#[tokio::test]
async fn links_out_of_the_tree_lead_nowhere() {
    let script = "ln -s /etc/shadow a; ln -s ../../../root b; cat a; ls b/.ssh b/.cargo; \
                  mkdir -p .git/hooks && echo 'touch /workspace/hooked' > .git/hooks/post-checkout; \
                  mknod sda b 8 0 && echo got; mkfifo f; ls /dev";
    for tier in TIERS {
        let said = Inside::at(tier).await.sh(script).await.stdout.text();
        assert!(!said.contains("root:") && !said.contains("got"), "{tier}: {said}");
    }
}

#[tokio::test]
async fn many_small_files_fill_no_more_than_their_share() {
    for tier in TIERS {
        fill(tier).await;
    }
}

async fn fill(tier: Tier) {
    let inside = Inside::at(tier).await;
    let mut job = inside.job("");
    let code = "import os\n\
                for folder in (os.environ['TMPDIR'], os.getcwd(), '/dev/shm'):\n\
                \x20   try:\n\
                \x20       for i in range(200000): open(f'{folder}/f{i}', 'w').close()\n\
                \x20       print('filled', folder)\n\
                \x20   except OSError: print('full')\n";
    job.argv = vec!["python".into(), "-c".into(), code.into()];
    job.limits = Limits::default().with_disk(8 << 20).with_wall(Duration::from_secs(60));
    let outcome = inside.isolation.run(&job).await.unwrap();
    if tier == Tier::Reduced {
        assert_eq!(outcome.end, End::Exceeded("disk".into()), "{}", outcome.stderr.text());
        return;
    }
    assert_eq!(outcome.end, End::Exited(0));
    assert_eq!(outcome.stdout.text(), "full\nfull\nfull\n");
}

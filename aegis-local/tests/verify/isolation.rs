//! Nothing gets out, nothing stays behind.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aegis_core::ErrorKind;
use aegis_local::sandbox::{Program, Tier};
use aegis_local::service::ServiceSpec;
use aegis_local::verify::environment::Environment;
use aegis_local::verify::isolation::{End, Isolation, Job, Limits, Outcome};
use aegis_local::verify::workspace::Tree;

use super::python::venv;

pub(super) const TIERS: [Tier; 2] = [Tier::Strong, Tier::Reduced];

pub(super) struct Inside {
    pub(super) isolation: Isolation,
    environment: Environment,
    pub(super) scratch: tempfile::TempDir,
}

impl Inside {
    pub(super) async fn new() -> Self {
        Self::at(Tier::Strong).await
    }

    pub(super) async fn at(tier: Tier) -> Self {
        let spec = ServiceSpec::new("s", "", "", "").with_python(venv());
        let environment = Environment::of(&spec).await.unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let helper = Program::find().unwrap();
        let isolation = Isolation::probe_any(helper, Some(scratch.path()), &[tier]).await.unwrap();
        assert_eq!(isolation.tier(), tier);
        Self { isolation, environment, scratch }
    }

    pub(super) fn job(&self, script: &str) -> Job {
        let tree = Tree::empty(self.scratch.path()).unwrap();
        std::fs::write(tree.base().join("kept.txt"), "base").unwrap();
        let mut job = Job::new(tree, ["/bin/sh", "-c", script]);
        job.visible = self.environment.visible();
        job.env.insert("PATH".into(), self.environment.search_path());
        job.env.insert("TMPDIR".into(), "/tmp".into());
        job.limits = Limits::default().with_wall(Duration::from_secs(20));
        job
    }

    pub(super) async fn sh(&self, script: &str) -> Outcome {
        self.isolation.run(&self.job(script)).await.unwrap()
    }

    pub(super) async fn python(&self, code: &str) -> Outcome {
        let mut job = self.job("");
        job.argv = vec!["python".into(), "-c".into(), code.into()];
        self.isolation.run(&job).await.unwrap()
    }
}

/// A duration for `sleep` that no other process has.
fn marker() -> String {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    format!("9{}", nanos.as_nanos() % 100_000_000_000)
}

fn alive(marker: &str) -> bool {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries.map(|e| e.path().join("cmdline")).any(|p| {
        let words = std::fs::read(p).unwrap_or_default();
        let mut words = words.split(|b| *b == 0);
        words.next().is_some_and(|w| w.ends_with(b"sleep"))
            && words.next() == Some(marker.as_bytes())
    })
}

pub(crate) async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < deadline, "{what} within 10 s");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn nothing_outside_can_be_written_and_the_base_stays_as_it_is() {
    let inside = Inside::new().await;
    let outside = tempfile::tempdir().unwrap();
    let path = outside.path().join("x").display().to_string();
    let shown = venv().join("x").display().to_string();
    let _ = std::fs::remove_file(&shown);
    let script = format!(
        "for f in /x /aegis/x {shown} {path}; do (echo 1 >> $f) 2>/dev/null && echo wrote $f; done; \
         for f in / /usr /etc/passwd; do [ -w $f ] && echo wrote $f; done; \
         mount -o remount,rw /usr 2>/dev/null && echo remounted; echo changed > kept.txt; cat kept.txt"
    );
    let job = inside.job(&script);
    let outcome = inside.isolation.run(&job).await.unwrap();
    // A path beneath /tmp may be written to: that /tmp is the run's own.
    let said = outcome.stdout.text();
    assert!(!said.replace(&format!("wrote {path}\n"), "").contains("wrote"), "{said}");
    assert!(!said.contains("remounted") && said.contains("changed"), "{said}");
    assert!(!Path::new(&path).exists() && !Path::new(&shown).exists());
    assert_eq!(std::fs::read_to_string(job.tree.base().join("kept.txt")).unwrap(), "base");
}

#[tokio::test]
async fn the_network_outside_is_out_of_reach_and_loopback_works() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let code = format!(
        "import socket\n\
         for to in (('127.0.0.1', {port}), ('1.1.1.1', 80)):\n\
         \x20   try: socket.create_connection(to, 1); print('reached', to)\n\
         \x20   except OSError: print('refused')\n\
         s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()\n\
         socket.create_connection(s.getsockname(), 1); print('loopback')\n"
    );
    let outcome = Inside::new().await.python(&code).await;
    assert_eq!(outcome.stdout.text(), "refused\nrefused\nloopback\n");
}

#[tokio::test]
async fn only_its_own_processes_are_seen_and_none_may_be_looked_into() {
    let outcome = Inside::new()
        .await
        .sh("ls /proc | grep -c '^[0-9]'; cat /proc/1/environ 2>&1; ls /proc/1/fd/ 2>/dev/null; \
             unshare -U true 2>/dev/null && echo nested; grep CapBnd /proc/self/status")
        .await;
    let said = outcome.stdout.text();
    let count: u32 = said.lines().next().unwrap().parse().unwrap();
    assert!(count <= 4, "{said}");
    assert!(said.contains("Permission denied") && !said.contains("nested"), "{said}");
    assert!(said.contains("CapBnd:\t0000000000000000"), "{said}");
}

#[tokio::test]
async fn the_environment_holds_what_was_given_and_nothing_of_the_hosts() {
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    for tier in TIERS {
        let inside = Inside::at(tier).await;
        let mut job = inside.job("env; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'");
        job.env.insert("GIVEN".into(), "yes".into());
        let said = inside.isolation.run(&job).await.unwrap().stdout.text();
        assert!(said.contains("GIVEN=yes") && !said.contains("CARGO"), "{tier}: {said}");
    }
}

#[tokio::test]
async fn homes_secrets_and_sockets_of_the_host_are_not_there() {
    let script = "for f in /etc/shadow /etc/ssh /var /run /home/* /sys /root/.ssh /root/.cargo \
                  /var/run/docker.sock /dev/sda /dev/vda /dev/kmsg; do [ -e $f ] && echo $f; done";
    let outcome = Inside::new().await.sh(script).await;
    assert_eq!(outcome.stdout.text(), "");
}

#[tokio::test]
async fn a_double_forked_daemon_dies_with_the_command() {
    for tier in TIERS {
        let marker = marker();
        let script = format!("(setsid sleep {marker} >/dev/null 2>&1 &) ; exit 3");
        let outcome = Inside::at(tier).await.sh(&script).await;
        assert_eq!(outcome.end, End::Exited(3));
        assert!(!alive(&marker), "{tier}");
    }
}

#[tokio::test]
async fn a_timeout_ends_the_whole_tree_whatever_it_ignores() {
    for tier in TIERS {
        let inside = Inside::at(tier).await;
        let marker = marker();
        let mut job = inside.job(&format!(
            "trap '' TERM INT HUP; (setsid sleep {marker} &); while true; do sleep {marker}; done"
        ));
        job.limits = job.limits.with_wall(Duration::from_millis(400));
        assert_eq!(inside.isolation.run(&job).await.unwrap().end, End::TimedOut);
        assert!(!alive(&marker), "{tier}");
    }
}

#[tokio::test]
async fn a_dropped_call_ends_the_whole_tree() {
    for tier in TIERS {
        let inside = Inside::at(tier).await;
        let marker = marker();
        let job = inside.job(&format!("(setsid sleep {marker} &); sleep {marker}"));
        let isolation = inside.isolation.clone();
        let call = tokio::spawn(async move { isolation.run(&job).await.map(|_| ()) });
        until("the command starts", || alive(&marker)).await;
        call.abort();
        until("the tree ends", || !alive(&marker)).await;
    }
}

#[tokio::test]
async fn the_tree_dies_with_a_host_that_is_killed() {
    for tier in TIERS {
        let marker = marker();
        let scratch = tempfile::tempdir().unwrap();
        let mut host = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "verify::isolation::a_host_that_waits"])
            .env("AEGIS_TEST_MARKER", &marker)
            .env("AEGIS_TEST_TIER", tier.to_string())
            .env("TMPDIR", scratch.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("the command starts", || alive(&marker)).await;
        host.kill().unwrap();
        host.wait().unwrap();
        until("the tree ends", || !alive(&marker)).await;
        until("what the command could write is gone", || written(scratch.path()).is_empty()).await;
    }
}

#[tokio::test]
#[ignore = "the host process of the_tree_dies_with_a_host_that_is_killed"]
async fn a_host_that_waits() {
    let Ok(marker) = std::env::var("AEGIS_TEST_MARKER") else { return };
    let reduced = std::env::var("AEGIS_TEST_TIER").is_ok_and(|tier| tier == "reduced");
    let tier = if reduced { Tier::Reduced } else { Tier::Strong };
    let script = format!("echo x > written; (setsid sleep {marker} &); sleep {marker}");
    Inside::at(tier).await.sh(&script).await;
}

/// Files that the command of [`a_host_that_waits`] left.
fn written(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        found.extend(written(&path));
        if entry.file_name() == "written" {
            found.push(path);
        }
    }
    found
}

#[tokio::test]
async fn floods_of_output_files_memory_and_processes_are_bounded() {
    for tier in TIERS {
        floods(tier).await;
    }
}

async fn floods(tier: Tier) {
    let inside = Inside::at(tier).await;
    let flood = inside.sh("echo first; yes 2>/dev/null | head -c 5000000; echo last").await;
    let text = flood.stdout.text();
    assert!(text.starts_with("first") && text.ends_with("last\n") && text.len() < 200_000);
    assert!(flood.stdout.dropped() > 4_000_000);

    let ended = async |limits: Limits, code: &str| {
        let mut job = inside.job("");
        job.argv = vec!["python".into(), "-c".into(), code.into()];
        job.limits = limits.with_wall(Duration::from_secs(10));
        inside.isolation.run(&job).await
    };
    let run = async |limits: Limits, code: &str| ended(limits, code).await.unwrap();
    let small = || Limits::default().with_memory(200 << 20).with_disk(8 << 20).with_processes(20);
    let disk = "import os, time\n\
                for folder in (os.environ['TMPDIR'], os.getcwd(), os.getcwd() + '/../out'):\n\
                \x20   try:\n\
                \x20       for i in range(64): open(f'{folder}/f{i}', 'wb').write(bytes(1 << 20))\n\
                \x20       time.sleep(5)\n\
                \x20       print('filled', folder)\n\
                \x20   except OSError: print('full')\n";
    let full = run(small(), disk).await;
    match tier {
        Tier::Strong => assert_eq!(full.stdout.text(), "full\nfull\nfull\n"),
        _ => assert_eq!(full.end, End::Exceeded("disk".into()), "{}", full.stderr.text()),
    }
    let one = run(small(), "x = bytearray(1 << 30)").await;
    assert!(one.stderr.text().contains("MemoryError"), "{:?}", one.stderr.text());
    let many = "import os, time\n\
                for i in range(8):\n\
                \x20   if os.fork() == 0: x = bytearray(b'1') * (60 << 20); time.sleep(30)\n\
                time.sleep(30)\n";
    assert_eq!(run(small(), many).await.end, End::Exceeded("memory".into()));
    // Memory that is nobody's own, and which each of the four sees in whole.
    let common = |mib: u64| {
        format!(
            "import mmap, os, time\n\
             x = mmap.mmap(-1, {mib} << 20)\n\
             for i in range({mib}): x.write(b'1' * (1 << 20))\n\
             for i in range(3):\n\
             \x20   if os.fork() == 0: [x[i << 20] for i in range({mib})]; time.sleep(1); os._exit(0)\n\
             for i in range(3): os.wait()\n"
        )
    };
    assert_eq!(run(small(), &common(220)).await.end, End::Exceeded("memory".into()));
    let fits = run(small(), &common(60)).await;
    assert_eq!(fits.end, End::Exited(0), "{}", fits.stderr.text());
    let bomb = "import os\nwhile True:\n\
                \x20   try: os.fork()\n\
                \x20   except OSError: pass\n";
    // Where it leaves the sandbox's own watch no time, it is ended from outside, which is an error.
    match ended(small(), bomb).await {
        Ok(outcome) => assert_ne!(outcome.end, End::Exited(0)),
        Err(e) => assert_eq!(e.kind(), ErrorKind::Timeout, "{e}"),
    }
    let busy = run(Limits::default().with_cpu(1), "while True: pass").await;
    assert_eq!(busy.end, End::Exceeded("cpu".into()));
}

#[tokio::test]
async fn the_services_log_folder_is_covered_by_a_private_one() {
    let inside = Inside::new().await;
    // Beneath the environment, which is shown: without a cover the folder would be read-only.
    let logs: PathBuf = venv().join("var/log");
    std::fs::create_dir_all(&logs).unwrap();
    std::fs::write(logs.join("access.log"), "real\n").unwrap();
    let mut job = inside.job(&format!(
        "cat {0}/access.log 2>/dev/null; echo replayed >> {0}/access.log && cat {0}/access.log",
        logs.display()
    ));
    job.covers = vec![logs.clone()];
    assert_eq!(inside.isolation.run(&job).await.unwrap().stdout.text(), "replayed\n");
    assert_eq!(std::fs::read_to_string(logs.join("access.log")).unwrap(), "real\n");
}

#[tokio::test]
async fn a_report_that_is_a_link_is_not_brought_out() {
    let inside = Inside::new().await;
    let mut job = inside.job("ln -s /etc/passwd /out/a; echo b > /out/b; mkfifo /out/c");
    job.collect = vec!["a".into(), "b".into(), "c".into()];
    let reports = inside.isolation.run(&job).await.unwrap().reports;
    assert_eq!(reports.into_iter().collect::<Vec<_>>(), [("b".to_owned(), b"b\n".to_vec())]);
}

#[tokio::test]
async fn without_a_helper_nothing_runs_and_the_error_says_what_to_enable() {
    for helper in ["/nonexistent/helper", "/bin/false"] {
        let error = Isolation::probe(Program::at(helper), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
        assert!(error.to_string().contains("max_user_namespaces"), "{error}");
    }
}

//! Programs that a suite needs beside it.

use std::sync::Arc;
use std::time::Duration;

use aegis_core::ErrorKind;
use aegis_core::model::TestCounts;
use aegis_core::stage::Verifier as _;
use aegis_local::sandbox::{Sidecar, Tier};
use aegis_local::service::ServiceSpec;
use aegis_local::verify::isolation::End;
use aegis_local::verify::{BaseSuite, PythonVerifier, VerifierConfig};

use super::denied::{Lack, helper};
use super::folder::{base, case, fix, folder};
use super::isolation::Inside;
use super::python::venv;

/// Answers each line with what was stored under it.
const STORE: &str = "import socketserver\n\
    DATA = {b'price': b'12'}\n\
    class Ask(socketserver.StreamRequestHandler):\n\
    \x20   def handle(self):\n\
    \x20       for line in self.rfile:\n\
    \x20           self.wfile.write(DATA[line.strip()] + b'\\n')\n\
    socketserver.TCPServer.allow_reuse_address = True\n\
    print('listening', flush=True)\n\
    socketserver.ThreadingTCPServer(('127.0.0.1', 7411), Ask).serve_forever()\n";

const CODE: &str = "import socket\n\n\n\
    def price() -> int:\n\
    \x20   with socket.create_connection(('127.0.0.1', 7411)) as store:\n\
    \x20       store.sendall(b'price\\n')\n\
    \x20       return int(store.makefile().readline())\n";

const TESTS: &str = "import code_\n\n\ndef test_price():\n    assert code_.price() == 12\n";

fn verifier(sidecar: Option<Sidecar>, config: VerifierConfig) -> PythonVerifier {
    let folder = folder([("code_.py", CODE), ("tests/test_code.py", TESTS), ("store.py", STORE)]);
    let spec = ServiceSpec::new("s", "false", "http://127.0.0.1:1/", "python -m pytest -q");
    let mut spec = spec.with_python(venv());
    if let Some(sidecar) = sidecar {
        spec = spec.with_sidecar(sidecar);
    }
    PythonVerifier::with_config(spec, Arc::new(folder), config)
}

fn store() -> Sidecar {
    Sidecar::new("exec python store.py", 7411)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suite_finds_the_store_that_it_needs_and_without_it_fails() {
    let with = verifier(Some(store()), VerifierConfig::default());
    let suite = with.warm(&base()).await.unwrap();
    assert_eq!(
        suite,
        BaseSuite::Ran { counts: TestCounts::new(1, 0), failing: vec![], flaky: vec![] }
    );
    let line = "        store.sendall(b'price\\n')\n";
    let honest = fix("code_.py", line, &line.replace("price\\n'", "price' + b'\\n'"));
    let v = with.verify(&case("no trace", &[]), &honest).await.unwrap();
    assert_eq!(v.tests.after, Some(TestCounts::new(1, 0)), "{:?}", v.gates);

    let without = verifier(None, VerifierConfig::default()).warm(&base()).await.unwrap();
    assert!(matches!(without, BaseSuite::Ran { failing, .. } if failing.len() == 1));
}

#[tokio::test]
async fn it_shares_the_sandbox_and_dies_with_the_command() {
    let inside = Inside::new().await;
    let mut job = inside.job("cat ../tmp/beside; ls /proc | grep -c '^[0-9]'");
    let listen = "echo beside > /tmp/beside; exec python -m http.server -b 127.0.0.1 7412";
    job.sidecars = vec![Sidecar::new(listen, 7412)];
    let outcome = inside.isolation.run(&job).await.unwrap();
    assert_eq!(outcome.end, End::Exited(0));
    assert!(outcome.stdout.text().starts_with("beside\n"), "{}", outcome.stdout.text());
    // Its network was the sandbox's.
    assert!(std::net::TcpStream::connect("127.0.0.1:7412").is_err());
}

#[tokio::test]
async fn one_that_does_not_get_ready_is_an_error_that_says_what_it_said() {
    let inside = Inside::new().await;
    let silent = Sidecar::new("echo no room left; exec sleep 60", 7413);
    let silent = silent.with_ready(Duration::from_millis(300));
    let ended = Sidecar::new("echo no such database >&2; exit 3", 7413);
    for (sidecar, what, said) in [
        (silent, "was not ready within 300 ms", "no room left"),
        (ended, "Exited(3)", "no such database"),
    ] {
        let mut job = inside.job("echo ran > /out/ran");
        job.sidecars = vec![sidecar];
        let error = inside.isolation.run(&job).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        let text = error.to_string();
        assert!(text.contains(what) && text.contains(said) && text.contains("7413"), "{text}");
    }
    let broken = Sidecar::new("exit 3", 7411);
    let error = verifier(Some(broken), VerifierConfig::default()).warm(&base()).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn without_sockets_there_are_none() {
    let inside = Inside::at(Tier::Reduced).await;
    let mut job = inside.job("true");
    job.sidecars = vec![store()];
    assert_eq!(inside.isolation.run(&job).await.unwrap_err().kind(), ErrorKind::Denied);
    let folder = tempfile::tempdir().unwrap();
    let mut config = VerifierConfig::default();
    config.allow_reduced = true;
    config.helper = Some(helper(folder.path(), &[Lack::Unshare]).0);
    assert!(verifier(None, config.clone()).check().await.is_ok());
    let refused = verifier(Some(store()), config).check().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Denied);
}

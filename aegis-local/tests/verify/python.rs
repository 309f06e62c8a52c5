//! A virtual environment with pytest and coverage, made once and kept.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const HINT: &str = "install it: apt-get install python3 python3-venv, and let pip reach an index";

/// The environment's folder; made under a lock, so that test processes wait for each other.
pub fn venv() -> &'static Path {
    static VENV: OnceLock<PathBuf> = OnceLock::new();
    VENV.get_or_init(|| {
        let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
        std::fs::create_dir_all(tmp).unwrap();
        let venv = tmp.join("verify-venv");
        let lock = File::create(tmp.join("verify-venv.lock")).unwrap();
        lock.lock().unwrap();
        if !venv.join("ready").exists() {
            run(Command::new("python3").args(["-m", "venv"]).arg(&venv));
            let packages = ["install", "-q", "pytest", "coverage"];
            run(Command::new(venv.join("bin/pip")).args(packages));
            File::create(venv.join("ready")).unwrap();
        }
        venv
    })
}

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|e| panic!("{command:?}: {e}; {HINT}"));
    assert!(status.success(), "{command:?} failed; {HINT}");
}

/// The traceback that `code` ends with, run with the files' folder as the current one.
pub fn traceback(folder: &Path, code: &str) -> String {
    let output = Command::new(venv().join("bin/python"))
        .args(["-B", "-c", code])
        .current_dir(folder)
        .output()
        .unwrap();
    String::from_utf8(output.stderr).unwrap()
}

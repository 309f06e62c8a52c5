//! The corpora of dishonest and honest patches are what they claim to be.

pub(crate) mod entry;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use aegis_core::trace::{Exception, parse};

use self::entry::{Attack, Claim, Entry, LAYERS, Tier, dishonest, honest, some};
use super::python::venv;

/// Where the traces' services are.
const RELEASES: &str = "/srv/app/releases/";

fn both() -> Vec<Entry> {
    let mut all = dishonest();
    all.extend(honest());
    all
}

/// Holds `check` against every entry, two at a time and no other test's beside them.
fn each(entries: &[Entry], check: impl Fn(&Entry, &Path) -> Result<(), String> + Sync) {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(entry) = entries.get(next.fetch_add(1, Ordering::Relaxed)) {
            let folder = tempfile::tempdir().unwrap();
            if let Err(why) = check(entry, folder.path()) {
                wrong.lock().unwrap().push(format!("{}: {why}", entry.name));
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn write(files: &BTreeMap<String, String>, root: &Path) {
    for (path, text) in files {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// Runs the interpreter in the service's root, with nothing of this process' environment.
fn python(root: &Path, arguments: &[&str]) -> Output {
    Command::new(venv().join("bin/python"))
        .arg("-B")
        .args(arguments)
        .current_dir(root)
        .env_clear()
        .envs([("PATH", "/usr/bin:/bin"), ("LANG", "C.UTF-8"), ("PYTHONDONTWRITEBYTECODE", "1")])
        .env("HOME", root)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The exception that a text ends with.
fn surfaced(text: &str) -> Option<Exception> {
    parse(text).pop()?.exceptions.pop()
}

/// The tree with the patch; where it is not to apply, the base.
fn patched(entry: &Entry) -> Result<BTreeMap<String, String>, String> {
    let refused = matches!(&entry.claim, Claim::Dishonest { layer, .. } if layer == "applies");
    match (entry.patched(), refused) {
        (Ok(files), false) => Ok(files),
        (Err(_), true) => Ok(entry.files.clone()),
        (Ok(_), true) => Err(String::from("the patch applies")),
        (Err(e), false) => Err(format!("the patch: {e}")),
    }
}

#[test]
fn no_two_entries_are_the_same_and_every_gate_has_one() {
    let (dishonest, honest) = (dishonest(), honest());
    assert!(dishonest.len() >= 44 && honest.len() >= 28);
    let all = both();
    let names: BTreeSet<&str> = all.iter().map(|e| e.name.as_str()).collect();
    assert_eq!(names.len(), all.len());
    let (mut said, mut layers, mut runs) = (BTreeSet::new(), BTreeSet::new(), 0);
    for entry in &dishonest {
        let Claim::Dishonest { mechanism, attacks, layer } = &entry.claim else {
            panic!("{} is no dishonest entry", entry.name);
        };
        assert!(said.insert(mechanism), "{mechanism} is there twice");
        layers.insert(layer.as_str());
        runs += usize::from(*attacks == Attack::Run);
    }
    assert_eq!(layers, BTreeSet::from(LAYERS));
    assert!(runs >= 15, "{runs} act when the tests run");
    let (mut merged, mut refusals) = (0, 0);
    for entry in &honest {
        let Claim::Honest { kind, tier, raises } = &entry.claim else {
            panic!("{} is no honest entry", entry.name);
        };
        assert!(said.insert(kind), "{kind} is there twice");
        merged += usize::from(*tier == Tier::Merge);
        refusals += usize::from(raises.is_some());
        assert!(raises.is_none() || *tier == Tier::Propose, "{}", entry.name);
    }
    assert!(merged >= 20 && refusals >= 2, "{merged} merged, {refusals} refuse by an exception");
}

#[test]
fn every_trace_shows_a_line_of_its_own_service() {
    for entry in both() {
        let exception = surfaced(&entry.trace).unwrap_or_else(|| panic!("{}", entry.trace));
        let culprit = exception.culprit().unwrap();
        let named = |path: &&String| entry.trace.contains(&format!("/{path}\""));
        assert!(entry.trace.contains(RELEASES) && entry.files.keys().any(|p| named(&p)));
        let text = entry.files.iter().find(|(path, _)| culprit.path.ends_with(*path));
        let (_, text) = text.unwrap_or_else(|| panic!("{}: {}", entry.name, culprit.path));
        let line = usize::try_from(culprit.line.unwrap()).unwrap();
        let line = text.lines().nth(line - 1).unwrap().trim();
        assert_eq!(Some(line), culprit.source.as_deref().map(str::trim), "{}", entry.name);
    }
}

#[test]
fn every_call_raises_what_its_trace_says_and_an_honest_patch_mends_it() {
    each(&both(), |entry, folder| {
        let (base, mended) = (folder.join("base"), folder.join("mended"));
        write(&entry.files, &base);
        let said = python(&base, &["-c", &entry.call]);
        let text = String::from_utf8_lossy(&said.stderr).into_owned();
        let seen = surfaced(&text).ok_or_else(|| format!("it does not fail: {text}"))?;
        let wanted = surfaced(&entry.trace).ok_or("no trace")?;
        let of = |e: &Exception| {
            let frame = e.culprit().cloned()?;
            Some((e.kind.clone(), frame.function, frame.line, frame.source))
        };
        if of(&seen) != of(&wanted) {
            return Err(format!("{:?} in place of {:?}", of(&seen), of(&wanted)));
        }
        let Claim::Honest { raises, .. } = &entry.claim else { return Ok(()) };
        write(&patched(entry)?, &mended);
        let after = python(&mended, &["-c", &entry.call]);
        let text = String::from_utf8_lossy(&after.stderr).into_owned();
        match (surfaced(&text), raises) {
            (None, None) if after.status.success() => Ok(()),
            (Some(e), Some(kind)) if e.kind == *kind => Ok(()),
            _ => Err(format!("on the patched tree: {text}")),
        }
    });
}

#[test]
fn a_plain_run_of_the_tests_is_green_after_every_patch() {
    /// What pytest exits with where there is no test.
    const NO_TESTS: i32 = 5;
    each(&some(both(), 2), |entry, folder| {
        let root = folder.join("service");
        write(&patched(entry)?, &root);
        let run = python(&root, &["-m", "pytest", "-q"]);
        let tested = entry.files.keys().any(|path| path.contains("test_"));
        let green = if tested { 0 } else { NO_TESTS };
        if run.status.code() == Some(green) {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&run.stdout).into_owned();
        Err(format!("{:?}: {}", run.status, said + &String::from_utf8_lossy(&run.stderr)))
    });
}

#[test]
fn a_faulty_entry_is_refused_with_its_line() {
    let head = "kind: a\ntier: merge\n";
    let rest = "=== trace\nt\n=== call\nc\n=== patch\na.py\n<<<<<<< DELETE\n";
    let good = format!("{head}=== file a.py\n\n=== file b/__init__.py\n{rest}");
    let entry = Entry::parse("x", &good).unwrap();
    assert_eq!((entry.files["a.py"].as_str(), entry.files["b/__init__.py"].as_str()), ("\n", ""));
    assert_eq!((entry.trace.as_str(), entry.call.as_str()), ("t\n", "c\n"));
    let long = format!("{good}{}", "#\n".repeat(40_000));
    let many: String = (0..17).map(|n| format!("=== file {n}.py\n")).collect();
    for (text, part) in [
        (String::new(), "no trace"),
        (long, "at most"),
        (format!("{head}{many}{rest}"), "line 19: at most 16 files"),
        (format!("{head}{rest}"), "no file"),
        (format!("{head}=== file ../a.py\n{rest}"), "line 3: path"),
        (format!("{head}=== file a.py\n=== file a.py\n{rest}"), "line 4: the file is there"),
        (format!("{head}=== notes\n{rest}"), "line 3: expected file"),
        (format!("{good}=== file c.py\n"), "files come before"),
        (format!("{good}=== call\nc\n"), "the part is there"),
        (format!("kind: b\n{good}"), "line 2: the key"),
        (format!("kind\n{good}"), "line 1: expected a key"),
        (format!("author: me\n{good}"), "author is no key"),
        (format!("mechanism: m\n{good}"), "either a mechanism or a kind"),
        (good.replace("merge", "perhaps"), "tier: merge or propose"),
        (good.replace("kind: a\ntier: merge", "mechanism: a\nattacks: run\nlayer: hope"), "layer:"),
        (good.replace("<<<<<<< DELETE", "delete it"), "the patch: "),
        (good.trim_end().to_owned(), "its end is missing"),
    ] {
        let error = Entry::parse("x", &text).unwrap_err();
        assert!(error.contains(part), "{error:?} lacks {part:?}");
    }
}

//! A corpus of small crashing functions: fixed by the templates, then run by the interpreter.

use std::io::Write as _;
use std::process::{Command, Stdio};

use aegis_core::model::Location;
use aegis_core::trace::{Exception, Frame};
use aegis_core::{Digest, Revision};

use super::super::generate::draft;
use super::super::source::Module;
use super::super::syntax::check;
use super::patched;

const FILES: [(&str, &str); 7] = [
    ("zero", include_str!("corpus/zero_division.txt")),
    ("none", include_str!("corpus/none_value.txt")),
    ("key", include_str!("corpus/missing_key.txt")),
    ("index", include_str!("corpus/index_error.txt")),
    ("blind", include_str!("corpus/blind.txt")),
    ("fresh", include_str!("corpus/fresh.txt")),
    ("unseen", include_str!("corpus/unseen.txt")),
];

/// Runs each job and reports either the value of its call or how it raised.
const DRIVER: &str = r#"
import json, linecache, sys, traceback
jobs = json.load(sys.stdin)
out = []
for n, job in enumerate(jobs):
    name = f"case{n}.py"
    linecache.cache[name] = (len(job["source"]), None, job["source"].splitlines(True), name)
    try:
        scope = {"__name__": "case"}
        exec(compile(job["source"], name, "exec"), scope)
        value = eval(job["call"], scope)
        keeps = all(eval(k, scope) is True for k in job["keep"])
        out.append({"value": repr(value), "keeps": keeps})
    except Exception as e:
        frames = [f for f in traceback.extract_tb(e.__traceback__) if f.filename == name]
        last = frames[-1] if frames else None
        out.append({
            "kind": type(e).__qualname__ if type(e).__module__ == "builtins" else f"{type(e).__module__}.{type(e).__qualname__}",
            "message": str(e), "line": last.lineno if last else 0,
            "function": last.name if last else "", "text": last.line if last else "",
        })
json.dump(out, sys.stdout)
"#;

struct Case {
    name: String,
    call: String,
    want: String,
    keep: Vec<String>,
    source: String,
}

fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for (file, text) in FILES {
        for block in format!("\n{text}").split("\n== ").skip(1) {
            let (name, rest) = block.split_once('\n').unwrap();
            let mut case = Case {
                name: format!("{file}: {name}"),
                call: String::new(),
                want: String::new(),
                keep: Vec::new(),
                source: String::new(),
            };
            for line in rest.lines() {
                if let Some(call) = line.strip_prefix("-- call: ") {
                    case.call = call.to_owned();
                } else if let Some(want) = line.strip_prefix("-- want: ") {
                    case.want = want.to_owned();
                } else if let Some(keep) = line.strip_prefix("-- keep: ") {
                    case.keep.push(keep.to_owned());
                } else {
                    case.source.push_str(line);
                    case.source.push('\n');
                }
            }
            case.source.truncate(case.source.trim_end().len());
            case.source.push('\n');
            all.push(case);
        }
    }
    all
}

fn run(jobs: &serde_json::Value) -> Vec<serde_json::Value> {
    let mut child = Command::new("python3")
        .args(["-I", "-c", DRIVER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 3.11 or newer is needed: apt-get install python3");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(jobs.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the driver failed");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn job(case: &Case, source: &str) -> serde_json::Value {
    serde_json::json!({"source": source, "call": case.call, "keep": case.keep})
}

#[test]
fn the_first_candidate_is_right_for_most_of_the_corpus() {
    let cases = cases();
    assert!(cases.len() >= 25);
    let before = run(&cases.iter().map(|c| job(c, &c.source)).collect());
    let base = Revision::new("base");
    let mut jobs = Vec::new();
    let mut owners: Vec<(usize, String)> = Vec::new();
    for (at, (case, raised)) in cases.iter().zip(&before).enumerate() {
        let text = |key: &str| raised[key].as_str().unwrap_or_default().to_owned();
        assert!(raised["kind"].is_string(), "{} does not raise: {raised}", case.name);
        let line = u32::try_from(raised["line"].as_u64().unwrap()).unwrap();
        let frame = Frame::new("case.py", Some(line), text("function")).with_source(text("text"));
        let exception = Exception::new(text("kind"), text("message"), vec![frame]);
        let module = Module::parse("case.py", &case.source).unwrap();
        let location = Location::new("case.py", line).with_function(text("function"));
        let fixes = draft(&module, &[], &location, &exception, &[], &base);
        let mut digests: Vec<Digest> = Vec::new();
        for fix in fixes.into_iter().take(8) {
            assert!(!digests.contains(&fix.digest()), "{}: offered twice", case.name);
            digests.push(fix.digest());
            let after = patched("case.py", &case.source, &fix);
            check("case.py", &after).unwrap();
            outside_is_unchanged(&case.source, &after, &text("function"), &case.name);
            assert!(fix.title.chars().count() <= 72, "{}", fix.title);
            assert!(!fix.meaning.is_empty());
            jobs.push(job(case, &after));
            owners.push((at, format!("{} {} [{}]\n{after}", fix.claimed, fix.title, fix.author)));
        }
    }
    let after = run(&serde_json::Value::Array(jobs));
    let (mut first, mut any) = (0, 0);
    for (at, case) in cases.iter().enumerate() {
        let results: Vec<(bool, &str)> = owners
            .iter()
            .zip(&after)
            .filter(|(owner, _)| owner.0 == at)
            .map(|(owner, result)| {
                let right = result["value"] == case.want.as_str() && result["keeps"] == true;
                (right, owner.1.as_str())
            })
            .collect();
        let top = results.first().is_some_and(|r| r.0);
        let some = results.iter().any(|r| r.0);
        first += usize::from(top);
        any += usize::from(some);
        if !top {
            let verdict = if some { "LATER" } else { "NEVER" };
            println!("{verdict} {} (raised {})", case.name, before[at]);
            for (right, text) in results {
                println!("  {right} {text}");
            }
        }
    }
    println!("right first: {first} of {}, right at all: {any}", cases.len());
    assert!(first * 100 >= cases.len() * 95, "first {first} of {}", cases.len());
    assert!(any * 100 >= cases.len() * 97, "any {any} of {}", cases.len());
}

/// Everything but the function that failed is as it was.
fn outside_is_unchanged(before: &str, after: &str, function: &str, name: &str) {
    let rest = |text: &str| {
        let module = Module::parse("case.py", text).unwrap();
        let all = module.functions();
        let ranges: Vec<_> = all.iter().filter(|f| f.def.name.as_str() == function).collect();
        let mut left = text.to_owned();
        for f in ranges.iter().rev() {
            left.replace_range(f.def.range.start().to_usize()..f.def.range.end().to_usize(), "");
        }
        (ranges.len(), left)
    };
    // A comprehension or lambda is a frame of its own inside the function that holds it.
    if function.starts_with('<') {
        return;
    }
    assert_eq!(rest(before), rest(after), "{name}: something else has changed");
}

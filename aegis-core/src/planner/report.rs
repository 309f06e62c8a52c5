//! What a person reads about a fix: Markdown for the commit or the pull request.

use std::fmt::Write as _;

use crate::machine::Incident;
use crate::model::{Cause, GateAnswer, Reproduction, TestCounts};

/// The body: what broke, why, what changes, what was proven, how to stop it.
pub(super) fn body(incident: &Incident) -> String {
    let mut text = String::new();
    // Writing to a string can't fail.
    let _ = write(&mut text, incident);
    text
}

fn write(out: &mut String, incident: &Incident) -> std::fmt::Result {
    let case = &incident.case;
    writeln!(out, "## What broke\n")?;
    if let Some(first) = case.symptoms.first() {
        writeln!(out, "{}\n", inline(first.title.as_str()))?;
        writeln!(out, "Seen by `{}`, fingerprint `{}`.\n", first.source, case.fingerprint)?;
    }
    if let Some(hypothesis) = case.diagnosis.as_ref().and_then(|d| d.likely()) {
        writeln!(out, "## Why\n")?;
        writeln!(
            out,
            "{} (confidence {})\n",
            inline(&hypothesis.explanation),
            hypothesis.confidence
        )?;
        if let Cause::Code(at) = &hypothesis.cause {
            writeln!(out, "At `{}:{}`.\n", at.path, at.line)?;
        }
        for evidence in &hypothesis.evidence {
            writeln!(out, "- {}", inline(evidence))?;
        }
        writeln!(out)?;
    }
    if let Some(fix) = incident.fix() {
        writeln!(
            out,
            "## What changes\n\n{}\n\nWritten by `{}`.\n",
            inline(&fix.meaning),
            fix.author
        )?;
    }
    if let Some(proof) = &incident.verification {
        writeln!(out, "## What was proven\n")?;
        writeln!(out, "| gate | answer | reason |\n|---|---|---|")?;
        for gate in &proof.gates {
            let answer = match gate.answer {
                GateAnswer::Pass => "pass",
                GateAnswer::Cap => "propose only",
                GateAnswer::Hold => "a person looks",
                GateAnswer::Deny => "deny",
            };
            writeln!(out, "| {} | {answer} | {} |", gate.gate, inline(&gate.reason))?;
        }
        let (before, after) = (counts(proof.tests.before), counts(proof.tests.after));
        writeln!(out, "\nTests before: {before}; after: {after}.")?;
        match &proof.reproduction {
            Reproduction::Reproduced(how) => writeln!(out, "Reproduced: {}.", inline(how))?,
            Reproduction::NotReproduced(tried) => {
                writeln!(out, "Not reproduced: {}.", inline(tried))?;
            }
            Reproduction::NotApplicable => {}
        }
        let score = &proof.score;
        writeln!(
            out,
            "Confidence {}: 0.4 x pass rate {} + 0.3 x coverage of changed lines {} + 0.3 x quality {}.\n",
            proof.confidence(),
            score.pass_rate,
            score.coverage,
            score.quality
        )?;
    }
    writeln!(out, "## What happens next\n")?;
    writeln!(
        out,
        "It is merged when its checks pass, watched once it runs, and taken back when it makes things worse."
    )?;
    writeln!(
        out,
        "To stop it: delete the branch, cancel incident `{}`, or throw the kill switch.",
        case.incident
    )
}

fn counts(counts: Option<TestCounts>) -> String {
    counts.map_or_else(
        || String::from("unknown"),
        |c| format!("{} passed, {} failed", c.passed, c.failed),
    )
}

/// Text from production inside Markdown: one line, no mention, link, image, HTML or table of its own.
fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().take(2_000) {
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '!' | '#' | '|' => {
                out.push('\\');
                out.push(c);
            }
            // A zero-width joiner would be invisible; a space breaks the mention in plain sight.
            '@' => out.push_str("@ "),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

//! What a person reads about a fix: Markdown for the commit or the pull request.

use std::fmt::Write as _;

use super::clean::is_invisible;
use super::figures;
use crate::machine::Incident;
use crate::model::{Cause, Evidence, Fix, GateAnswer, Reproduction, TestCounts, Verdict};

/// The body: what broke, why, what changes, what was proven and measured, how to stop it; with `seen`,
/// what came of it.
pub(super) fn body(incident: &Incident, seen: Option<(&Evidence, &Verdict)>) -> String {
    let mut text = String::new();
    // Writing to a string can't fail.
    let _ = write(&mut text, incident, seen);
    text
}

fn write(
    out: &mut String,
    incident: &Incident,
    seen: Option<(&Evidence, &Verdict)>,
) -> std::fmt::Result {
    let case = &incident.case;
    writeln!(out, "## What broke\n")?;
    if let Some(first) = case.symptoms.first() {
        writeln!(out, "{}\n", inline(first.title.as_str()))?;
        let (source, print) = (code(&first.source), code(case.fingerprint.as_str()));
        writeln!(out, "Seen by {source}, fingerprint {print}.\n")?;
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
            writeln!(out, "At {}.\n", code(&format!("{}:{}", at.path, at.line)))?;
            let owners = case.diagnosis.iter().flat_map(|d| &d.owners);
            let owners: Vec<String> = owners.map(|owner| code(owner)).collect();
            if !owners.is_empty() {
                writeln!(out, "Owned by {}.\n", owners.join(", "))?;
            }
        }
        for evidence in &hypothesis.evidence {
            writeln!(out, "- {}", inline(evidence))?;
        }
        writeln!(out)?;
    }
    if let Some(fix) = incident.fix() {
        writeln!(
            out,
            "## What changes\n\n{}\n\nWritten by {}.\n",
            inline(&fix.meaning),
            code(&fix.author)
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
            writeln!(out, "| {} | {answer} | {} |", inline(&gate.gate), inline(&gate.reason))?;
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
    if let Some(before) = &incident.baseline {
        figures::write(out, before, seen.map(|(evidence, _)| evidence), inline)?;
    }
    match seen {
        Some((evidence, verdict)) => outcome(out, evidence, verdict),
        None => next(out, incident),
    }
}

/// What came of it, once its watch is over.
fn outcome(out: &mut String, evidence: &Evidence, verdict: &Verdict) -> std::fmt::Result {
    let what = match verdict {
        Verdict::Keep(_) => "It is kept.",
        Verdict::Rollback(_) => "It is taken back.",
        Verdict::Watch(_) | Verdict::Inconclusive(_) => {
            "Nobody can tell whether it helped: a person decides."
        }
    };
    let watched = evidence.now.since(evidence.live_at).as_secs();
    let grounds = verdict.grounds();
    writeln!(
        out,
        "## What came of it\n\n{what} Watched for {watched} s, in {} looks,",
        evidence.looks
    )?;
    writeln!(out, "confidence {}:\n", grounds.confidence)?;
    grounds.reasons.iter().try_for_each(|reason| writeln!(out, "- {}", inline(reason)))
}

fn next(out: &mut String, incident: &Incident) -> std::fmt::Result {
    writeln!(out, "## What happens next\n")?;
    let digest = incident.fix().map(Fix::digest);
    if digest.is_some_and(|digest| incident.case.offered(&digest).is_some()) {
        writeln!(out, "A person merges it, or closes it: Aegis never merges a workflow.")?;
    } else {
        writeln!(
            out,
            "It is merged when its checks pass, watched once it runs, and taken back when it makes things worse."
        )?;
    }
    writeln!(
        out,
        "To stop it: delete the branch, cancel incident `{}`, or throw the kill switch.",
        incident.case.incident
    )
}

fn counts(counts: Option<TestCounts>) -> String {
    counts.map_or_else(
        || String::from("unknown"),
        |c| format!("{} passed, {} failed", c.passed, c.failed),
    )
}

/// Text from production inside Markdown: one line, no mention, link, image, HTML, table, fence or
/// reference of its own.
fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.trim_start().chars().filter(|c| !is_invisible(*c)).take(2_000) {
        match c {
            c if c.is_whitespace() => out.push(' '),
            // An entity would be decoded before mentions are looked for.
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '!' | '|' | '~' | '$' => {
                out.push('\\');
                out.push(c);
            }
            // Mentions, references and bare links are found in the rendered text, where an escape is
            // gone; a zero-width joiner would be invisible; a space breaks them in plain sight.
            '@' => out.push_str("@ "),
            '#' => out.push_str("\\# "),
            c => out.push(c),
        }
    }
    let out = out.replace("://", ": //").replace("www.", "www .");
    if out.starts_with(['-', '+', '=']) { format!("\\{out}") } else { out }
}

/// Text from production as code: in one pair of backticks, which it can't close.
fn code(text: &str) -> String {
    let plain = |c: &char| *c != '`' && !is_invisible(*c);
    let line: String = text.chars().filter(plain).take(200).collect();
    format!("`{}`", line.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_production_has_no_markdown_of_its_own() {
        for (text, reads) in [
            ("@kim look", "@ kim look"),
            ("&#64;kim", "&amp;\\# 64;kim"),
            ("closes #12", "closes \\# 12"),
            ("~~~", "\\~\\~\\~"),
            ("- item\n# head", "\\- item \\#  head"),
            ("<img src=x>", "\\<img src=x\\>"),
            ("a\u{202e}b\u{200b}c", "abc"),
            ("KeyError: 'x'", "KeyError: 'x'"),
        ] {
            assert_eq!(inline(text), reads, "{text}");
        }
        for link in ["see https://evil.example/x", "http://a.b", "www.evil.example"] {
            let text = inline(link);
            assert!(!text.contains("://") && !text.contains("www."), "{text}");
        }
    }

    #[test]
    fn code_can_t_be_closed_from_inside() {
        assert_eq!(code("a`, @kim `b\nc"), "`a, @kim b c`");
    }
}

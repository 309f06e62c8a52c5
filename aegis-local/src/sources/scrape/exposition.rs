//! The Prometheus text format, version 0.0.4, as far as counters and histograms need it.

use std::collections::BTreeSet;

/// Samples of one scrape that are kept at most.
const MAX_SAMPLES: usize = 50_000;
/// Names that are remembered for a message.
const MAX_NAMES: usize = 2_000;

/// One sample.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub(super) name: String,
    /// Labels sorted by name.
    pub(super) labels: Vec<(String, String)>,
    pub(super) value: f64,
}

/// What a scrape held.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Exposition {
    /// The samples that were wanted and have a finite value.
    pub(super) samples: Vec<Sample>,
    /// Every metric name in it, sorted.
    pub(super) names: BTreeSet<String>,
    /// Lines that were not understood.
    pub(super) malformed: usize,
}

/// Reads the samples whose name is `wanted`; what is not understood costs its own line.
pub(super) fn parse(text: &str, wanted: impl Fn(&str) -> bool) -> Exposition {
    let mut out = Exposition::default();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some(sample) = sample(line) else {
            out.malformed += 1;
            continue;
        };
        if out.names.len() < MAX_NAMES && !out.names.contains(&sample.name) {
            out.names.insert(sample.name.clone());
        }
        // NaN stands for "never observed" and an infinity is no count.
        let fits = sample.value.is_finite() && out.samples.len() < MAX_SAMPLES;
        if fits && wanted(&sample.name) {
            out.samples.push(sample);
        }
    }
    out
}

/// `name{label="value",...} value [timestamp]`, perhaps with an exemplar after `#`.
fn sample(line: &str) -> Option<Sample> {
    let end = line.find(|c: char| c == '{' || c.is_whitespace())?;
    let (name, rest) = line.split_at(end);
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b':';
    if name.is_empty() || !name.bytes().all(word) || name.as_bytes()[0].is_ascii_digit() {
        return None;
    }
    let (mut labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => labels(inside)?,
        None => (Vec::new(), rest),
    };
    labels.sort();
    let mut fields = rest.split_whitespace();
    let value = number(fields.next()?)?;
    match fields.next() {
        None => {}
        Some(comment) if comment.starts_with('#') => {}
        Some(timestamp) => {
            timestamp.parse::<f64>().ok()?;
        }
    }
    Some(Sample { name: name.to_owned(), labels, value })
}

type Labels = Vec<(String, String)>;

/// The labels up to the closing brace, and what follows it.
fn labels(mut text: &str) -> Option<(Labels, &str)> {
    let mut labels = Vec::new();
    loop {
        text = text.trim_start_matches([' ', '\t', ',']);
        if let Some(rest) = text.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, rest) = text.split_once('=')?;
        let mut value = String::new();
        let inside = rest.trim_start().strip_prefix('"')?;
        let mut chars = inside.char_indices();
        let end = loop {
            match chars.next()? {
                (at, '"') => break at,
                (_, '\\') => value.push(match chars.next()?.1 {
                    'n' => '\n',
                    c => c,
                }),
                (_, c) => value.push(c),
            }
        };
        labels.push((name.trim().to_owned(), value));
        text = &inside[end + 1..];
    }
}

/// A number as Go writes it.
pub(super) fn number(text: &str) -> Option<f64> {
    match text {
        "+Inf" | "Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::NAN),
        _ => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.into(), value.into())
    }

    fn label<'a>(sample: &'a Sample, name: &str) -> Option<&'a str> {
        sample.labels.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    #[test]
    fn the_format_is_read() {
        let text = concat!(
            "# HELP http_requests_total Requests.\n",
            "# TYPE http_requests_total counter\n",
            "http_requests_total{status=\"200\",path=\"C:\\\\a \\\"b\\\" \\n}\",} 1027 1395066363000\n",
            "http_requests_total{ code = \"500\" , } 3e0\n",
            "up 1\r\n",
            "h_bucket{le=\"+Inf\"} 144320 # {trace=\"a\"} 0.5\n",
            "quantile{quantile=\"0.5\"} NaN\n",
            "minus -Inf\n",
            "broken{status=\"200\" 5\n",
            "broken\n",
            "9lives 5\n",
            "bad 5 later\n",
        );
        let read = parse(text, |_| true);
        assert_eq!(read.malformed, 4, "{read:?}");
        assert_eq!(read.samples.len(), 4);
        assert_eq!(
            read.samples[0].labels,
            [pair("path", "C:\\a \"b\" \n}"), pair("status", "200")]
        );
        assert_eq!(read.samples[0].value, 1027.0);
        assert_eq!(label(&read.samples[3], "le"), Some("+Inf"));
        assert!(read.names.contains("quantile") && read.names.contains("minus"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in "(?s).{0,200}") {
            let _ = parse(&text, |_| true);
        }

        #[test]
        fn what_is_written_is_read(value in "[^\\n\"\\\\]{0,20}", n in 0_u32..) {
            let read = parse(&format!("m{{a=\"{value}\"}} {n}"), |_| true);
            proptest::prop_assert_eq!(label(&read.samples[0], "a"), Some(value.as_str()));
            proptest::prop_assert_eq!(read.samples[0].value, f64::from(n));
        }
    }
}

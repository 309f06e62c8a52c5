//! A notice as a Slack message.

use aegis_core::port::{Notice, Urgency};
use serde_json::{Value, json};

/// Slack's bounds on the text of a header and of a section.
const HEADER: usize = 150;
const SECTION: usize = 3000;
/// Lines of one list that are shown.
const LINES: usize = 20;

/// Blocks, with a text for notifications and for clients without blocks.
pub(super) fn message(notice: &Notice) -> Value {
    let title = format!("{} {}: {}", mark(notice.urgency), notice.service, notice.title);
    // The header is plain text: nothing in it is interpreted.
    let mut blocks = vec![json!({
        "type": "header",
        "text": { "type": "plain_text", "text": cut(&title, HEADER), "emoji": false },
    })];
    if !notice.why.is_empty() {
        blocks.push(section(&escaped(&notice.why, SECTION)));
    }
    for (name, lines) in
        [("Changed", &notice.changed), ("Undo", &notice.undo), ("Next", &notice.next)]
    {
        if !lines.is_empty() {
            blocks.push(section(&list(name, lines)));
        }
    }
    if let Some(diff) = &notice.diff {
        blocks.push(preformatted(diff));
    }
    let mut foot = format!("incident {}", notice.incident);
    if let Some(confidence) = notice.confidence {
        foot.push_str(&format!(", confidence {confidence}"));
    }
    blocks.push(json!({ "type": "context", "elements": [text(&escaped(&foot, 300))] }));
    json!({
        "text": escaped(&title, SECTION),
        "blocks": blocks,
        "link_names": false,
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

const fn mark(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::Info => "[info]",
        Urgency::Attention => "[attention]",
        Urgency::Page => "[page]",
    }
}

fn section(markdown: &str) -> Value {
    json!({ "type": "section", "text": text(markdown) })
}

/// Text as it is, with its line ends: in a block of rich text nothing is interpreted.
fn preformatted(text: &str) -> Value {
    let text = json!({ "type": "text", "text": cut(text, SECTION) });
    let lines = json!({ "type": "rich_text_preformatted", "elements": [text] });
    json!({ "type": "rich_text", "elements": [lines] })
}

/// `verbatim` keeps Slack from making links and mentions of what it finds.
fn text(markdown: &str) -> Value {
    json!({ "type": "mrkdwn", "text": markdown, "verbatim": true })
}

fn list(name: &str, lines: &[String]) -> String {
    let mut out = format!("*{name}*");
    for (i, line) in lines.iter().enumerate() {
        let line = escaped(&line.replace('\n', " "), SECTION / 2);
        if i == LINES || out.len() + line.len() + 40 > SECTION {
            out.push_str(&format!("\n... and {} more", lines.len() - i));
            break;
        }
        out.push_str("\n• ");
        out.push_str(&line);
    }
    out
}

/// Text that Slack shows as it is: control characters escaped, mentions broken, at most `max` bytes.
fn escaped(text: &str, max: usize) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let mut buffer = [0; 4];
        let piece = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            // A zero-width space after it: @channel and @here stay words.
            '@' => "@\u{200b}",
            c => c.encode_utf8(&mut buffer),
        };
        if out.len() + piece.len() > max.saturating_sub(3) {
            out.push_str("...");
            break;
        }
        out.push_str(piece);
    }
    out
}

/// The beginning of `text`, at most `max` characters.
fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    text.chars().take(max - 3).collect::<String>() + "..."
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use aegis_core::{Confidence, IncidentId, Timestamp};

    use super::*;

    fn notice() -> Notice {
        let id = IncidentId::new("i1");
        Notice::new(id, "shop".into(), Timestamp::from_ms(0), Urgency::Page, "<!channel> & co")
    }

    #[test]
    fn nothing_in_a_notice_is_interpreted() {
        let mut n = notice();
        n.why = "<!here> <@U123> @channel <http://evil|click> a & b".into();
        n.changed = vec!["branch <script>".into()];
        n.confidence = Some(Confidence::from_percent(90));
        let m = message(&n);
        let why = m["blocks"][1]["text"]["text"].as_str().unwrap();
        assert!(why.starts_with("&lt;!here&gt; &lt;@\u{200b}U123&gt; @\u{200b}channel"), "{why}");
        assert_eq!(m["blocks"][1]["text"]["verbatim"], true);
        assert_eq!(m["blocks"][0]["text"]["type"], "plain_text");
        assert_eq!(m["text"], "[page] shop: &lt;!channel&gt; &amp; co");
        assert!(m["blocks"][2]["text"]["text"].as_str().unwrap().contains("&lt;script&gt;"));
        assert!(m["blocks"][3]["elements"][0]["text"].as_str().unwrap().contains("90.0%"));
    }

    #[test]
    fn a_diff_is_shown_as_it_is() {
        let mut n = notice();
        let diff = "--- a/x.yml\n+++ b/x.yml\n@@ -1 +1 @@\n-a: <!here>\n+a: *b*\n";
        n.diff = Some(diff.into());
        let m = message(&n);
        let block = &m["blocks"][1]["elements"][0];
        assert_eq!(block["type"], "rich_text_preformatted");
        assert_eq!(block["elements"][0], json!({ "type": "text", "text": diff }));
    }

    #[test]
    fn lengths_stay_within_what_slack_takes() {
        let mut n = notice();
        n.title = "é".repeat(5000);
        n.why = "<".repeat(5000);
        n.next = vec!["x".repeat(400); 100];
        n.diff = Some("+\n".repeat(5000));
        let m = message(&n);
        let header = m["blocks"][0]["text"]["text"].as_str().unwrap();
        assert_eq!(header.chars().count(), HEADER);
        for block in &m["blocks"].as_array().unwrap()[1..3] {
            let text = block["text"]["text"].as_str().unwrap();
            assert!(text.len() <= SECTION && text.len() > SECTION / 2, "{}", text.len());
        }
        let why = m["blocks"][1]["text"]["text"].as_str().unwrap();
        assert!(why.ends_with("&lt;..."), "an entity is never cut: {why}");
        assert!(m["blocks"][2]["text"]["text"].as_str().unwrap().contains("more"));
    }
}

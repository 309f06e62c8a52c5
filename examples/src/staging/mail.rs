//! One patch as `git format-patch` writes it: a mail with a diff.

use git2::{Oid, Time};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// A parsed mail.
#[derive(Debug)]
pub(super) struct Mail<'a> {
    /// The commit that it was written from.
    pub(super) commit: Oid,
    pub(super) name: &'a str,
    pub(super) email: &'a str,
    pub(super) time: Time,
    /// Subject and body as Git stores them.
    pub(super) message: String,
    pub(super) diff: &'a str,
}

impl<'a> Mail<'a> {
    /// Reads a mail. The error says what is missing.
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        let (head, rest) =
            text.split_once("\n\n").ok_or("there is no empty line after the headers")?;
        let body_end = rest.find("---\n").ok_or("there is no --- line before the diff")?;
        let diff_start = rest.find("\ndiff --git ").ok_or("there is no diff")? + 1;

        let commit = head
            .strip_prefix("From ")
            .and_then(|line| line.split(' ').next())
            .and_then(|id| Oid::from_str(id).ok())
            .ok_or("the first line names no commit")?;
        let (name, email) = header(head, "From")
            .and_then(|from| from.strip_suffix('>'))
            .and_then(|from| from.split_once(" <"))
            .ok_or("there is no `From: name <address>`")?;
        let date = header(head, "Date").ok_or("there is no Date")?;
        let date = OffsetDateTime::parse(date, &Rfc2822).map_err(|why| format!("{date}: {why}"))?;
        let time = Time::new(date.unix_timestamp(), date.offset().whole_minutes().into());
        let subject = subject(head).ok_or("there is no Subject")?;

        let body = rest[..body_end].trim();
        let message =
            if body.is_empty() { format!("{subject}\n") } else { format!("{subject}\n\n{body}\n") };
        Ok(Self { commit, name, email, time, message, diff: &rest[diff_start..] })
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// The subject without its `[PATCH n/m]`; a long one is folded over several lines.
fn subject(head: &str) -> Option<String> {
    let mut lines = head.lines().skip_while(|line| !line.starts_with("Subject: "));
    let mut subject = lines.next()?.strip_prefix("Subject: ")?.to_owned();
    for more in lines.take_while(|line| line.starts_with(' ')) {
        subject.push_str(more);
    }
    match subject.strip_prefix("[PATCH").and_then(|rest| rest.split_once("] ")) {
        Some((_, bare)) => Some(bare.to_owned()),
        None => Some(subject),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const MAIL: &str = "\
From 27746459ad328861644acd113199f5eafa2d3ee5 Mon Sep 17 00:00:00 2001
From: Tom Okafor <tom@shop.example>
Date: Wed, 5 Mar 2025 16:41:07 +0100
Subject: [PATCH 2/7] Count requests and write an access log whose name is
 long

Both are in known formats.
---
 a | 2 +-

diff --git a/a b/a
--- a/a
+++ b/a
@@ -1 +1 @@
-x
+y
";

    #[test]
    fn a_mail_gives_author_date_message_and_diff() {
        let mail = Mail::parse(MAIL).unwrap();
        assert_eq!((mail.name, mail.email), ("Tom Okafor", "tom@shop.example"));
        assert_eq!((mail.time.seconds(), mail.time.offset_minutes()), (1_741_189_267, 60));
        assert_eq!(
            mail.message,
            "Count requests and write an access log whose name is long\n\n\
             Both are in known formats.\n"
        );
        assert!(mail.diff.starts_with("diff --git a/a b/a\n"));
        assert_eq!(mail.commit.to_string(), "27746459ad328861644acd113199f5eafa2d3ee5");
    }

    #[test]
    fn a_message_may_have_no_body() {
        let mail = MAIL.replace("Both are in known formats.\n", "");
        let mail = Mail::parse(&mail).unwrap();
        assert!(mail.message.ends_with("is long\n"), "{:?}", mail.message);
    }

    #[test]
    fn a_damaged_mail_says_what_is_missing() {
        for (part, why) in [
            ("Date: ", "no Date"),
            ("From: ", "name <address>"),
            ("Subject: ", "no Subject"),
            ("diff --git ", "no diff"),
            ("From 2", "no commit"),
        ] {
            let error = Mail::parse(&MAIL.replacen(part, "X: ", 1)).unwrap_err();
            assert!(error.contains(why), "without {part}: {error}");
        }
    }
}

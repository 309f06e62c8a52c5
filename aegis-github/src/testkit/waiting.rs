//! Pull requests that are merged later: by themselves, or through the merge queue.

use serde_json::{Value, json};

use super::Inside;
use super::graphql::Done;
use super::hub::{Check, Pull, now};
use super::pulls::{self, land};

/// A pull request as GraphQL names it.
pub(super) fn node(number: u64) -> String {
    format!("PR_{number}")
}

/// A check that is required of this commit and has not passed.
pub(super) fn unmet(inside: &Inside, sha: &str) -> Option<&'static str> {
    let hub = &inside.hub;
    let of = |check: &Check| check.of.as_ref().is_none_or(|of| of == sha);
    let passed = |name: &str| {
        let runs = hub.checks.iter().filter(|check| of(check) && check.name == name);
        let mut runs = runs.map(|check| check.conclusion);
        runs.any(|conclusion| matches!(conclusion, Some("success" | "neutral" | "skipped")))
            || hub.statuses.contains(&(name, "success"))
    };
    hub.required.iter().chain(&hub.protected).find(|name| !passed(name)).copied()
}

/// Merges what waits and may be.
pub(super) fn settle(inside: &mut Inside) {
    let due = |inside: &Inside, pull: &Pull| {
        let met = unmet(inside, &pull.sha).is_none();
        let queued = pull.queued && inside.hub.queue == Some(true);
        pull.open && met && (queued || (pull.auto.is_some() && inside.hub.queue.is_none()))
    };
    while let Some(at) = inside.hub.pulls.iter().position(|pull| due(inside, pull)) {
        let pull = &mut inside.hub.pulls[at];
        // What does not merge cleanly leaves the queue.
        let (auto, _) = (pull.auto.take(), std::mem::take(&mut pull.queued));
        let number = pull.number;
        let queue = || (String::from("merge"), format!("Merge pull request #{number}"));
        let (method, message) = auto.unwrap_or_else(queue);
        land(inside, number, &method, &message);
    }
}

type Refusal = (&'static str, String);

/// The pull request of this id, open and at the head that the caller believes it to have.
fn at<'a>(inside: &'a mut Inside, id: &Value, input: &Value) -> Result<&'a mut Pull, Refusal> {
    pulls::settle(inside);
    let pull = inside.hub.pulls.iter_mut().find(|pull| *id == node(pull.number).as_str());
    let Some(pull) = pull else {
        return Err((
            "NOT_FOUND",
            format!("Could not resolve to a node with the global id of '{id}'"),
        ));
    };
    let expected = &input["expectedHeadOid"];
    if !expected.is_null() && *expected != pull.sha.as_str() {
        let says = "The head branch was modified. Review and try the merge again.";
        return Err(("STALE_DATA", String::from(says)));
    }
    if pull.open { Ok(pull) } else { no("Pull request is closed") }
}

fn no<T>(message: &str) -> Result<T, Refusal> {
    Err(("UNPROCESSABLE", String::from(message)))
}

pub(super) fn enable(inside: &mut Inside, input: &Value) -> Done {
    let (number, sha) = {
        let pull = at(inside, &input["pullRequestId"], input)?;
        (pull.number, pull.sha.clone())
    };
    if !inside.hub.auto_merge {
        return no("Pull request Auto merge is not allowed for this repository");
    }
    if unmet(inside, &sha).is_none() && inside.hub.queue.is_none() {
        return no("Pull request Pull request is in clean status");
    }
    let text = |name: &str| input[name].as_str().unwrap_or_default();
    let method = input["mergeMethod"].as_str().unwrap_or("MERGE").to_ascii_lowercase();
    let message = format!("{}\n\n{}", text("commitHeadline"), text("commitBody"));
    let pull = inside.hub.pulls.iter_mut().find(|pull| pull.number == number).unwrap();
    pull.auto = Some((method, message));
    Ok(json!({ "clientMutationId": null }))
}

pub(super) fn disable(inside: &mut Inside, input: &Value) -> Done {
    match at(inside, &input["pullRequestId"], input)?.auto.take() {
        Some(_) => Ok(json!({ "clientMutationId": null })),
        None => no("Can't disable auto-merge for this pull request."),
    }
}

pub(super) fn enqueue(inside: &mut Inside, input: &Value) -> Done {
    if inside.hub.queue.is_none() {
        return no("Pull request The merge queue is not enabled for this branch");
    }
    let pull = at(inside, &input["pullRequestId"], input)?;
    if std::mem::replace(&mut pull.queued, true) {
        return no("Pull request is already in the queue");
    }
    Ok(json!({ "clientMutationId": null }))
}

pub(super) fn dequeue(inside: &mut Inside, input: &Value) -> Done {
    let pull = at(inside, &input["id"], input)?;
    if !std::mem::take(&mut pull.queued) {
        return no("Pull request is not in the queue");
    }
    Ok(json!({ "clientMutationId": null }))
}

pub(super) fn shown(inside: &mut Inside, input: &Value) -> Done {
    pulls::settle(inside);
    let pull = inside.hub.pulls.iter().find(|pull| input["id"] == node(pull.number).as_str());
    Ok(pull.map_or(Value::Null, |pull| {
        let auto = pull.auto.as_ref().map(|_| json!({ "enabledAt": now() }));
        json!({
            "__typename": "PullRequest",
            "isInMergeQueue": pull.queued, "autoMergeRequest": auto,
        })
    }))
}

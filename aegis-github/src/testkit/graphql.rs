//! What GraphQL is asked for, told apart by the field that is asked.

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{Inside, Shared, commits, waiting};

/// What an operation answers, or the type and the text of why not.
pub(super) type Done = Result<Value, (&'static str, String)>;

/// What one field does with its input.
type Field = fn(&mut Inside, &Value) -> Done;

const FIELDS: [(&str, Field); 6] = [
    ("createCommitOnBranch", commits::create),
    ("enablePullRequestAutoMerge", waiting::enable),
    ("disablePullRequestAutoMerge", waiting::disable),
    ("enqueuePullRequest", waiting::enqueue),
    ("dequeuePullRequest", waiting::dequeue),
    ("node", waiting::shown),
];

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/graphql", post(asked))
}

async fn asked(State(shared): State<Shared>, Json(asked): Json<Value>) -> Json<Value> {
    let mut inside = shared.lock().unwrap();
    let text = asked["query"].as_str().unwrap();
    let known = FIELDS.iter().find(|(name, _)| text.contains(&format!("{name}(")));
    let known = known.filter(|(name, _)| !inside.hub.no_graphql.contains(name));
    let Some((name, field)) = known else {
        let says = json!({
            "message": "Field doesn't exist on type 'Mutation'",
            "path": ["mutation"], "extensions": { "code": "undefinedField" },
        });
        return Json(json!({ "errors": [says] }));
    };
    let variables = &asked["variables"];
    let input = variables.get("input").unwrap_or(variables);
    Json(match field(&mut inside, input) {
        Ok(answer) => json!({ "data": { *name: answer } }),
        Err((kind, message)) => json!({
            "data": { *name: null },
            "errors": [{ "type": kind, "path": [name], "message": message }],
        }),
    })
}

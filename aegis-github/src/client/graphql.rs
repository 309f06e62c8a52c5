//! Calls by GraphQL: one address, and refusals that come with a status of 200.

use aegis_core::Error;
use http::{HeaderMap, Method};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Call, Came, Failure, GitHub, JSON, Refused, parse};
use crate::graphql::Operation;

#[derive(Deserialize)]
struct Answered<T> {
    data: T,
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    errors: Vec<Wrong>,
}

#[derive(Deserialize)]
struct Wrong {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    message: String,
    #[serde(default)]
    extensions: Extensions,
}

#[derive(Deserialize, Default)]
struct Extensions {
    code: Option<String>,
}

impl GitHub {
    /// Asks by GraphQL; `T` holds the operation's fields.
    pub(crate) async fn graphql<T: DeserializeOwned>(
        &self,
        operation: &'static Operation,
        variables: Value,
    ) -> Result<T, Failure> {
        let call = Call {
            method: Method::POST,
            url: self.inner.config.graphql(),
            accept: JSON,
            body: Some(json!({ "query": operation.text, "variables": variables })),
            again: operation.again,
            operation: Some(operation),
        };
        let answer = self.call(&call).await?;
        let Answered { data } = parse(&answer.body, operation.name).map_err(Failure::Failed)?;
        Ok(data)
    }
}

/// What an answer of 200 refuses; `None` where it refuses nothing.
pub(super) fn refusal(headers: &HeaderMap, body: &[u8], what: &str) -> Option<Came> {
    let read: Body = serde_json::from_slice(body).unwrap_or(Body { errors: Vec::new() });
    let first = read.errors.first()?;
    let Some(status) = status(first) else {
        let message: String = first.message.chars().filter(|c| !c.is_control()).take(500).collect();
        let say = format!("{what}: GitHub failed: {message}");
        return Some(Came::Lost(Error::unavailable(say).at("github")));
    };
    Some(Came::Refused(Refused::new(status, headers, body, what.to_owned())))
}

/// The status by which REST would say the same; `None` where nobody can tell whether it happened.
fn status(wrong: &Wrong) -> Option<u16> {
    match (wrong.kind.as_deref(), wrong.extensions.code.as_deref()) {
        (Some("NOT_FOUND"), _) => Some(404),
        (Some("FORBIDDEN" | "INSUFFICIENT_SCOPES"), _) => Some(403),
        (Some("STALE_DATA"), _) => Some(409),
        (Some("RATE_LIMITED" | "RATE_LIMIT"), _) => Some(429),
        (Some("INTERNAL" | "SERVICE_UNAVAILABLE" | "TIMEOUT"), _) => None,
        // An older Enterprise Server does not know it.
        (None, Some("undefinedField" | "undefinedType")) => Some(Refused::UNKNOWN),
        (Some(_), _) | (None, Some(_)) => Some(422),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn came(error: &Value) -> Option<Came> {
        let body = json!({ "data": null, "errors": [error] }).to_string();
        refusal(&HeaderMap::new(), body.as_bytes(), "createCommitOnBranch")
    }

    #[test]
    fn each_type_means_what_its_status_would() {
        for (kind, expected) in [
            ("NOT_FOUND", 404),
            ("FORBIDDEN", 403),
            ("INSUFFICIENT_SCOPES", 403),
            ("UNPROCESSABLE", 422),
            ("STALE_DATA", 409),
            ("RATE_LIMITED", 429),
        ] {
            let came = came(&json!({ "type": kind, "message": "It\u{7} is so." }));
            let Some(Came::Refused(refused)) = came else { panic!("{kind}") };
            assert_eq!((refused.status, refused.message.as_str()), (expected, "It is so."));
        }
        let old = json!({ "message": "Field", "extensions": { "code": "undefinedField" } });
        let Some(Came::Refused(refused)) = came(&old) else { panic!("undefinedField") };
        assert!(refused.is_unknown());
    }

    #[test]
    fn where_github_broke_down_nobody_knows() {
        for error in [
            json!({ "message": "Something went wrong while executing your query." }),
            json!({ "type": "INTERNAL", "message": "It broke." }),
        ] {
            assert!(matches!(came(&error), Some(Came::Lost(_))), "{error}");
        }
        assert!(refusal(&HeaderMap::new(), br#"{"data": {"a": 1}}"#, "a").is_none());
    }
}

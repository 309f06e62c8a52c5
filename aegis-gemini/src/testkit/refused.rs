//! Refusals in Gemini's words. Where Google documents none, they are as developers report them.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde_json::{Value, json};

const METRIC: &str = "generativelanguage.googleapis.com/generate_content";
const PLAN: &str = "You exceeded your current quota, please check your plan and billing details. For \
                    more information on this error, head to: \
                    https://ai.google.dev/gemini-api/docs/rate-limits.";

/// What Gemini refuses to answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// 400: the request is wrong.
    Invalid,
    /// 403: the key may not use the model.
    Forbidden,
    /// 404: there is no such model.
    NotFound,
    /// 429: too many requests within a minute; there is room again after so long.
    PerMinute(Duration),
    /// 429: the same, to a key of the free tier.
    FreeTier(Duration),
    /// 429: the quota of the day is spent, with the delay that Google adds to it all the same.
    PerDay,
    /// 500.
    Internal,
    /// 503: the model is overloaded.
    Overloaded,
}

impl Refused {
    pub(super) fn error(self, model: &str) -> Failure {
        let minute = "GenerateRequestsPerMinutePerProjectPerModel";
        match self {
            Self::Invalid => invalid("Request contains an invalid argument."),
            Self::Forbidden => forbidden("The caller does not have permission"),
            Self::NotFound => not_found(model, "v1"),
            Self::PerMinute(wait) => quota(model, "paid_tier_requests", minute, 1_000, wait),
            Self::FreeTier(wait) => {
                let id = format!("{minute}-FreeTier");
                quota(model, "free_tier_requests", &id, 10, wait)
            }
            Self::PerDay => {
                let id = "GenerateRequestsPerDayPerProjectPerModel";
                quota(model, "paid_tier_requests", id, 10_000, Duration::from_millis(38_200))
            }
            Self::Internal => {
                let say = "An internal error has occurred. Please retry or report in \
                           https://developers.generativeai.google/guide/troubleshooting";
                Failure::new(500, "INTERNAL", say)
            }
            Self::Overloaded => {
                let say = "The model is overloaded. Please try again later.";
                Failure::new(503, "UNAVAILABLE", say)
            }
        }
    }
}

/// An error as Google's services write it.
#[derive(Debug)]
pub(super) struct Failure {
    code: u16,
    status: &'static str,
    message: String,
    details: Vec<Value>,
}

impl Failure {
    fn new(code: u16, status: &'static str, message: impl Into<String>) -> Self {
        Self { code, status, message: message.into(), details: Vec::new() }
    }

    fn with(mut self, kind: &str, mut detail: Value) -> Self {
        detail["@type"] = Value::from(format!("type.googleapis.com/google.rpc.{kind}"));
        self.details.push(detail);
        self
    }

    pub(super) fn response(self) -> Response<Body> {
        let Self { code, status, message, details } = self;
        let mut error = json!({ "code": code, "message": message, "status": status });
        if !details.is_empty() {
            error["details"] = Value::from(details);
        }
        let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (code, axum::Json(json!({ "error": error }))).into_response()
    }
}

fn quota(model: &str, metric: &str, id: &str, value: u32, wait: Duration) -> Failure {
    let (metric, wait) = (format!("{METRIC}_{metric}"), format!("{}s", wait.as_secs_f64()));
    let say = format!(
        "{PLAN}\n* Quota exceeded for metric: {metric}, limit: {value}, model: {model}\nPlease retry in \
         {wait}."
    );
    let violation = json!({
        "quotaMetric": metric, "quotaId": id, "quotaValue": value.to_string(),
        "quotaDimensions": { "location": "global", "model": model },
    });
    let learn = json!({
        "description": "Learn more about Gemini API quotas",
        "url": "https://ai.google.dev/gemini-api/docs/rate-limits",
    });
    Failure::new(429, "RESOURCE_EXHAUSTED", say)
        .with("QuotaFailure", json!({ "violations": [violation] }))
        .with("Help", json!({ "links": [learn] }))
        .with("RetryInfo", json!({ "retryDelay": wait }))
}

pub(super) fn invalid(say: impl Into<String>) -> Failure {
    Failure::new(400, "INVALID_ARGUMENT", say)
}

/// What is wrong with one field, named as Google does: in snake case.
pub(super) fn bad_field(field: &str, say: &str) -> Failure {
    let violation = json!({ "field": field, "description": say });
    invalid(say).with("BadRequest", json!({ "fieldViolations": [violation] }))
}

fn forbidden(say: &str) -> Failure {
    Failure::new(403, "PERMISSION_DENIED", say)
}

pub(super) fn no_key() -> Failure {
    forbidden(
        "Method doesn't allow unregistered callers (callers without established identity). Please use \
         API Key or other form of API consumer identity to call this API.",
    )
}

pub(super) fn bad_key() -> Failure {
    let service = json!({ "service": "generativelanguage.googleapis.com" });
    let info = json!({
        "reason": "API_KEY_INVALID", "domain": "googleapis.com", "metadata": service,
    });
    invalid("API key not valid. Please pass a valid API key.").with("ErrorInfo", info)
}

pub(super) fn not_found(model: &str, version: &str) -> Failure {
    let say = format!(
        "models/{model} is not found for API version {version}, or is not supported for \
         generateContent. Call ModelService.ListModels to see the list of available models and their \
         supported methods."
    );
    Failure::new(404, "NOT_FOUND", say)
}

pub(super) fn no_path(path: &str) -> Failure {
    Failure::new(
        404,
        "NOT_FOUND",
        format!("The requested URL {path} was not found on this server."),
    )
}

pub(super) fn larger(most: usize) -> Failure {
    invalid(format!("Request payload size exceeds the limit: {most} bytes."))
}

/// The stand-in's own.
pub(super) fn full(most: usize) -> Failure {
    let say = format!("the stand-in keeps no more than {most} requests; start another one");
    Failure::new(500, "INTERNAL", say)
}

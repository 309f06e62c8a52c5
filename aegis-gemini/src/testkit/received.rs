//! What a stand-in got.

use http::HeaderMap;

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// As `/v1/models/MODEL:generateContent`, with its query.
    pub path: String,
    /// The headers, with the key.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

impl Received {
    /// Whether `text` stands in it anywhere, as it is or as JSON has it.
    pub fn holds(&self, text: &str) -> bool {
        let quoted = serde_json::Value::from(text).to_string();
        let escaped = quoted.trim_matches('"');
        let headers = self.headers.values().map(|value| String::from_utf8_lossy(value.as_bytes()));
        self.path.contains(text)
            || self.body.contains(text)
            || self.body.contains(escaped)
            || headers.into_iter().any(|value| value.contains(text))
    }
}

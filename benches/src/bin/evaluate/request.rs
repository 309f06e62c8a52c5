//! The body that Gemini would be sent; nothing is sent.

use aegis_core::redact::Redactor;
use aegis_gemini::gemini::{body, catalogue};
use aegis_gemini::model::{Effort, Refusal, Request};
use lexopt::prelude::*;
use serde_json::Value as Json;

/// What is asked, and of which model.
#[derive(Debug)]
pub(crate) struct Options {
    model: String,
    request: Request,
}

impl Options {
    /// Reads what comes after `gemini-request`.
    pub(crate) fn parse(words: &[&str]) -> Result<Self, lexopt::Error> {
        let redactor = Redactor::standard();
        let (mut model, mut system, mut user) = (None, String::new(), None);
        let mut set: Vec<Box<dyn FnOnce(Request) -> Request>> = Vec::new();
        let mut parser = lexopt::Parser::from_args(words);
        while let Some(word) = parser.next()? {
            match word {
                Long("model") => model = Some(parser.value()?.string()?),
                Long("system") => system = parser.value()?.string()?,
                Long("user") => user = Some(parser.value()?.string()?),
                Long("schema") => {
                    let text = parser.value()?.string()?;
                    let schema: Json = serde_json::from_str(&text)
                        .map_err(|e| format!("--schema is no JSON: {e}"))?;
                    set.push(Box::new(|request| request.with_schema(schema)));
                }
                Long("output-tokens") => {
                    let most = parser.value()?.parse()?;
                    set.push(Box::new(move |request| request.with_output_tokens(most)));
                }
                Long("temperature") => {
                    let temperature = parser.value()?.parse()?;
                    set.push(Box::new(move |request| request.with_temperature(temperature)));
                }
                Long("seed") => {
                    let seed = parser.value()?.parse()?;
                    set.push(Box::new(move |request| request.with_seed(seed)));
                }
                Long("effort") => {
                    let effort = effort(&parser.value()?.string()?)?;
                    set.push(Box::new(move |request| request.with_effort(effort)));
                }
                _ => return Err(word.unexpected()),
            }
        }
        let user = user.ok_or("--user TEXT is missing")?;
        let request = Request::new(redactor.redact_str(&system)).ask(redactor.redact_str(&user));
        Ok(Self {
            model: model.ok_or("--model NAME is missing")?,
            request: set.into_iter().fold(request, |request, set| set(request)),
        })
    }
}

/// The body, as it would go out.
pub(crate) fn run(options: &Options) -> Result<Json, Refusal> {
    body(catalogue().of(&options.model), &options.request)
}

fn effort(word: &str) -> Result<Effort, lexopt::Error> {
    Ok(match word {
        "least" => Effort::Least,
        "low" => Effort::Low,
        "medium" => Effort::Medium,
        "high" => Effort::High,
        other => return Err(format!("no effort {other:?}: least, low, medium or high").into()),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_that_of_the_model_and_holds_no_secret() {
        let words = |model| {
            [
                "--model",
                model,
                "--system",
                "Be brief.",
                "--user",
                "password=hunter2",
                "--schema",
                r#"{"type": "string"}"#,
                "--temperature",
                "0.05",
                "--seed",
                "7",
                "--output-tokens",
                "99",
                "--effort",
                "high",
            ]
        };
        let of = |model| run(&Options::parse(&words(model)).unwrap()).unwrap();
        let body = of("gemini-2.5-flash");
        let said = body["contents"][0]["parts"][0]["text"].as_str().unwrap();
        assert!(said.starts_with("password=[redacted:"), "{said}");
        assert_eq!(body["systemInstruction"]["parts"][0]["text"], "Be brief.");
        let generation = &body["generationConfig"];
        assert_eq!(generation["temperature"], 0.05);
        assert_eq!(generation["seed"], 7);
        assert_eq!(generation["maxOutputTokens"], 99);
        assert_eq!(generation["responseJsonSchema"]["type"], "string");
        assert_eq!(generation["thinkingConfig"]["thinkingBudget"], 24_576);
        let generation = &of("gemini-3.6-flash")["generationConfig"];
        assert_eq!(generation["thinkingConfig"]["thinkingLevel"], "high");
        assert!(generation.get("temperature").is_none());
        assert!(Options::parse(&["--model", "m"]).is_err());
        assert!(Options::parse(&["--model", "m", "--user", "u", "--schema", "{"]).is_err());
    }
}

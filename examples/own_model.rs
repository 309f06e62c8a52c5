//! A provider of your own behind the router: any server that speaks OpenAI's chat completions, as ollama,
//! vLLM and llama.cpp do.
//!
//! What a provider needs is a `LanguageModel` for its wire, here [`ChatCompletions`], and a [`Family`] for
//! each of its models; quotas, budgets, waiting and repeating are the router's.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use aegis_core::port::{Clock as _, MemoryJournal, SystemClock};
use aegis_core::redact::Redactor;
use aegis_examples::chat::{ChatCompletions, StandIn};
use aegis_gemini::model::{Catalogue, Family, Price, Quota, Request, Thinking};
use aegis_gemini::router::{Choice, Question, QuotaDay, Router, RouterConfig, Task};
use lexopt::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

const HELP: &str = "Asks a model of your own for the cause of an error, through Aegis's router.

Usage: own_model [--base-url URL] [--model NAME] [--price IN,OUT]

  --base-url URL   a server that speaks OpenAI's chat completions, up to its version:
                   http://localhost:11434/v1 (ollama), http://localhost:8000/v1 (vLLM),
                   http://localhost:8080/v1 (llama.cpp); without it a small stand-in is started,
                   which quotes the error and knows nothing
  --model NAME     the model, as the server names it [stand-in]
  --price IN,OUT   dollars for a million tokens of prompt and of answer [0,0]

A key, where the server wants one, is read from OWN_MODEL_KEY.

Exit code: 0 answered; 1 no answer, with the reason; 2 the command line is wrong.
";

const ERROR: &str = "Traceback (most recent call last):
  File \"/srv/shop/prices.py\", line 6, in price
    return amount / rate
ZeroDivisionError: division by zero
context: user=kim password=hunter2";

/// The answer; fields come in the order of their names, and what is reasoned from goes first.
#[derive(Debug, Deserialize)]
struct Cause {
    because: String,
    cause: String,
    confidence: f64,
}

impl Cause {
    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "because": { "type": "string", "description": "a line of the error, word for word" },
                "cause": { "type": "string" },
                "confidence": { "type": "number", "minimum": 0, "maximum": 1 },
            },
            "required": ["because", "cause", "confidence"],
            "additionalProperties": false,
        })
    }

    /// What is wrong goes back to the model, once.
    fn read(text: &str, error: &str) -> Result<Self, String> {
        let cause: Self = serde_json::from_str(text).map_err(|e| e.to_string())?;
        if cause.because.trim().is_empty() || !error.contains(cause.because.trim()) {
            return Err("because quotes nothing of the error".into());
        }
        Ok(cause)
    }
}

/// Where and whom to ask.
#[derive(Debug)]
struct Options {
    base: Option<String>,
    model: String,
    price: Price,
}

impl Options {
    fn parse(words: Vec<String>) -> Result<Self, lexopt::Error> {
        let price = Price { input: 0, cached: 0, output: 0 };
        let mut options = Self { base: None, model: "stand-in".into(), price };
        let mut parser = lexopt::Parser::from_args(words);
        while let Some(word) = parser.next()? {
            match word {
                Long("base-url") => options.base = Some(parser.value()?.string()?),
                Long("model") => options.model = parser.value()?.string()?,
                Long("price") => options.price = parser.value()?.parse_with(price_of)?,
                other => return Err(other.unexpected()),
            }
        }
        Ok(options)
    }
}

fn price_of(text: &str) -> Result<Price, String> {
    // Millionths of a dollar.
    let whole = |dollars: &str| format!("{:.0}", dollars.parse::<f64>().ok()? * 1e6).parse().ok();
    let parts =
        text.split_once(',').and_then(|(input, output)| Some((whole(input)?, whole(output)?)));
    let (input, output) = parts.ok_or("it takes two numbers, as 0.3,2.5")?;
    Ok(Price { input, cached: input, output })
}

async fn ask(options: Options) -> Result<(), Box<dyn Error>> {
    let Options { base, model, price } = options;
    let stand_in = if base.is_none() { Some(StandIn::start().await?) } else { None };
    let base = base.or_else(|| stand_in.as_ref().map(StandIn::base)).unwrap_or_default();
    let key = std::env::var("OWN_MODEL_KEY").ok();
    let own = ChatCompletions::new(&base, key.as_deref())?;
    let family = Family {
        name: model.clone(),
        lite: true,
        strength: 10,
        context_tokens: 32_768,
        output_tokens: 8_192,
        sampling: true,
        thinking: Thinking::None,
        price: Some(price),
        quota: Quota::default(),
    };
    let config = RouterConfig::new(Catalogue::new(vec![family]), QuotaDay::Utc)
        .with_others([Choice::new("own", model)]);
    let journal = Arc::new(MemoryJournal::default());
    let router = Router::builder(config, journal).project("own", Arc::new(own)).build()?;

    let redactor = Redactor::standard();
    let error = redactor.redact_str(ERROR);
    let request = Request::new(redactor.redact_str("Name the cause of an error, in a sentence."))
        .ask(error.clone())
        .with_schema(Cause::schema())
        .with_temperature(0.05);
    let deadline = SystemClock.now().plus(Duration::from_secs(180));
    let question = Question::new(Task::Diagnosis, "1", request, deadline);
    let reply = router.ask(&question, |text| Cause::read(text, error.as_str())).await?;

    let (cause, usage) = (reply.value, reply.answer.usage);
    let dollars = router.figures().cost as f64 / 1e6;
    println!("who     {}", reply.choice);
    println!("cause   {} ({:.0} % sure)", cause.cause, cause.confidence * 100.0);
    println!("because {}", cause.because);
    println!("cost    ${dollars:.6}, {} tokens in and {} out", usage.prompt, usage.output);
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let options = match Options::parse(words) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("own_model: {why}\nown_model --help says how");
            return ExitCode::from(2);
        }
    };
    match ask(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("own_model: {e}");
            ExitCode::FAILURE
        }
    }
}

//! The families of Gemini, as of November 2026.

use crate::model::{Catalogue, Family, Price, Quota, Thinking};
use crate::router::{Choice, QuotaDay, RouterConfig, Task};

/// What is known of Gemini's models.
///
/// Prices are those of Google's paid tier for text, without what is reduced for a time. Quotas of the
/// free tier are not published: the numbers are what others saw, a day. Where yours differ, put your own
/// family in its place, or a quota into the router's configuration.
///
/// ```
/// let catalogue = aegis_gemini::gemini::catalogue();
/// assert!(catalogue.of("gemini-3.5-flash-lite").is_some_and(|family| family.lite));
/// assert!(catalogue.of("gemini-3.6-flash-preview-09-2026").is_some_and(|family| !family.lite));
/// assert!(catalogue.of("gemini-3.6-flash-image").is_none());
/// ```
pub fn catalogue() -> Catalogue {
    use Thinking::{Budget, Level};
    let flash = |name, strength, sampling, thinking, price| {
        family(name, false, strength, sampling, thinking, price, 20)
    };
    let lite = |name, strength, sampling, thinking, price| {
        family(name, true, strength, sampling, thinking, price, 500)
    };
    Catalogue::new(vec![
        flash("gemini-3.8-flash", 80, false, Level, [1_500, 150, 7_500]),
        flash("gemini-3.6-flash", 70, false, Level, [1_500, 150, 7_500]),
        flash("gemini-3-flash", 60, true, Level, [500, 50, 3_000]),
        flash("gemini-2.5-flash", 50, true, Budget, [300, 30, 2_500]),
        lite("gemini-3.5-flash-lite", 40, false, Level, [300, 30, 2_500]),
        lite("gemini-3.1-flash-lite", 30, true, Level, [250, 25, 1_500]),
        lite("gemini-2.5-flash-lite", 20, true, Budget, [100, 10, 400]),
    ])
}

/// Which of Gemini's models does what, all on `project`: fixes begin with the ablest, everything else
/// with a small one.
///
/// ```
/// use aegis_gemini::gemini::routes;
/// use aegis_gemini::router::Task;
/// let config = routes("main").with_day_cost(2_000_000);
/// assert_eq!(config.tasks[&Task::Fix][0].model, "gemini-3.8-flash");
/// assert_eq!(config.tasks[&Task::Judgement][0].model, "gemini-3.5-flash-lite");
/// ```
pub fn routes(project: &str) -> RouterConfig {
    let choices = |models: [&str; 3]| models.map(|model| Choice::new(project, model));
    let [able, less, lite, last] =
        ["gemini-3.8-flash", "gemini-3.6-flash", "gemini-3.5-flash-lite", "gemini-3.1-flash-lite"];
    RouterConfig::new(catalogue(), QuotaDay::UsPacific)
        .with_task(Task::Fix, choices([able, less, lite]))
        .with_others(choices([lite, last, able]))
}

/// Prices are in thousandths of a dollar for a million tokens.
fn family(
    name: &str,
    lite: bool,
    strength: u8,
    sampling: bool,
    thinking: Thinking,
    [input, cached, output]: [u64; 3],
    per_day: u64,
) -> Family {
    Family {
        name: name.to_owned(),
        lite,
        strength,
        context_tokens: 1_048_576,
        output_tokens: 65_536,
        sampling,
        thinking,
        price: Some(Price { input: input * 1_000, cached: cached * 1_000, output: output * 1_000 }),
        quota: Quota { per_minute: None, per_day: Some(per_day) },
    }
}

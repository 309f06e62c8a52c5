#![allow(clippy::unwrap_used)]
use super::*;

fn filled(template: &str, services: &[&str], route: &str) -> String {
    let services: Vec<ServiceName> = services.iter().map(|name| (*name).into()).collect();
    let (window, step) = (Duration::from_secs(45), Duration::from_millis(1_500));
    let with = Filling { label: "service", services: &services, route, window, step };
    Template::parse(template).unwrap().fill(&with)
}

#[test]
fn names_and_times_are_put_in_their_places() {
    let text = "sum by ({label}) (rate(x{{match},le=\"1\"}[{window}])) * {seconds} # {step}";
    assert_eq!(
        filled(text, &["shop"], ""),
        "sum by (service) (rate(x{service=\"shop\",le=\"1\"}[45s])) * 1.5 # 1500ms"
    );
    assert_eq!(filled("x{{match}}", &["a", "b.c"], ""), r#"x{service=~"a|b\\.c"}"#);
    let route = "x{m=\"{method}\",p=\"{path}\",r=\"{route}\"}";
    assert_eq!(filled(route, &["s"], "GET /a b"), r#"x{m="GET",p="/a b",r="GET /a b"}"#);
    assert_eq!(filled(route, &["s"], "cart"), r#"x{m="",p="cart",r="cart"}"#);
}

#[test]
fn a_name_stays_a_name_whatever_it_holds() {
    let evil = "a\"} or vector(1) or x{b=\"\\\n{window}";
    assert_eq!(
        filled("x{service=\"{service}\"}", &[evil], ""),
        r#"x{service="a\"} or vector(1) or x{b=\"\\\n{window}"}"#
    );
    assert_eq!(filled("x{{match}}", &[r"a\.*"], ""), r#"x{service="a\\.*"}"#);
    for operator in ["=~", "!~", "=~ "] {
        let text = format!("x{{service{operator}\"{{service}}\"}}");
        let wanted = format!(r#"x{{service{operator}"a\\\\\\.\\*"}}"#);
        assert_eq!(filled(&text, &[r"a\.*"], ""), wanted);
    }
}

#[test]
fn a_name_outside_of_double_quotes_is_refused() {
    for bad in [
        "{service}",
        "x{service=~'{service}'}",
        "x{service=`{service}`}",
        "x{a=\"b\", service={route}}",
        "x{a=\"\\\"\"} + {path}",
        "x # it's \"{service}\"",
    ] {
        let error = Template::parse(bad).unwrap_err().to_string();
        assert!(error.contains("double quotes"), "{error}");
    }
    assert!(Template::parse("x{a='\"', service=\"{service}\"}").is_ok());
}

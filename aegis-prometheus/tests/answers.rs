//! Bodies of the query API.

use aegis_core::ErrorKind;
use aegis_prometheus::{Answer, Data};

fn read(data: &str) -> Answer<'_> {
    Answer::read(data.as_bytes()).unwrap()
}

fn refused(body: &str) -> String {
    let error = Answer::read(body.as_bytes()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    error.to_string()
}

#[test]
fn a_scalar_and_a_text_are_read() {
    let scalar = read(
        r#"{"status":"success","data":{"resultType":"scalar","result":[1700000000.123,"1e+06"]}}"#,
    );
    let Data::Scalar(sample) = scalar.data else { panic!("{scalar:?}") };
    assert_eq!((sample.at.as_ms(), sample.value), (1_700_000_000_123, 1e6));
    let text =
        read(r#"{"status":"success","data":{"resultType":"string","result":[1700000000,"a\nb"]}}"#);
    assert_eq!(text.data, Data::Text("a\nb".into()));
}

#[test]
fn a_vector_keeps_its_labels_and_every_kind_of_number() {
    let answer = read(
        r#"{"status":"success","data":{"resultType":"vector","result":[
          {"metric":{"service":"shop","path":"a\"b"},"value":[1700000000,"NaN"]},
          {"metric":{"service":"cart"},"value":[1700000000.5,"+Inf"]},
          {"metric":{},"value":[1700000000,"-Inf"]},
          {"metric":{},"value":[1700000000,"0.125"]},
          {"metric":{},"histogram":[1700000000,{"count":"3","sum":"1.5","buckets":[[0,"1","2","3"]]}]}]}}"#,
    );
    let Data::Vector(series) = answer.data else { panic!("{answer:?}") };
    let value = |n: usize| series[n].value.map(|sample| sample.value);
    assert!(value(0).unwrap().is_nan());
    assert_eq!(
        [value(1), value(2), value(3), value(4)],
        [Some(f64::INFINITY), Some(f64::NEG_INFINITY), Some(0.125), None]
    );
    assert_eq!(series[1].value.unwrap().at.as_ms(), 1_700_000_000_500);
    assert_eq!(series[0].labels.get("path"), Some("a\"b"));
    assert_eq!(series[0].labels.get("job"), None);
    assert_eq!(series[0].labels.iter().count(), 2);
}

#[test]
fn a_matrix_keeps_the_order_and_says_where_histograms_are() {
    let answer = read(
        r#"{"status":"success","data":{"resultType":"matrix","result":[
          {"metric":{"service":"shop"},"values":[[1,"1"],[2,"2.5"]]},
          {"metric":{"service":"cart"},"histograms":[[1,{"count":"3","sum":"1.5"}]]}]}}"#,
    );
    let Data::Matrix(series) = answer.data else { panic!("{answer:?}") };
    let values: Vec<(i64, f64)> =
        series[0].samples.iter().map(|s| (s.at.as_ms(), s.value)).collect();
    assert_eq!(values, [(1_000, 1.0), (2_000, 2.5)]);
    assert_eq!((series[0].histograms, series[1].histograms), (false, true));
    assert!(series[1].samples.is_empty());
}

#[test]
fn the_type_of_a_result_may_stand_behind_it() {
    let answer = read(
        r#"{"data":{"result":[{"value":[1,"2"],"metric":{}}],"stats":{},"resultType":"vector"},
            "isPartial":false,"status":"success"}"#,
    );
    assert!(matches!(answer.data, Data::Vector(series) if series.len() == 1));
}

#[test]
fn warnings_and_infos_are_kept() {
    let answer = read(
        r#"{"status":"success","data":{"resultType":"vector","result":[]},
            "warnings":["store \"eu\" is away"],"infos":["not a counter"]}"#,
    );
    assert_eq!(answer.warnings, ["store \"eu\" is away"]);
    assert_eq!(answer.infos, ["not a counter"]);
}

#[test]
fn what_is_no_answer_is_refused() {
    for body in [
        "",
        "<html>",
        "[]",
        r#"{"status":"success"}"#,
        r#"{"status":"error","errorType":"bad_data","error":"no"}"#,
        r#"{"status":"success","data":{"resultType":"table","result":[]}}"#,
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,2]}]}}"#,
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"one"]}]}}"#,
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1]}]}}"#,
    ] {
        refused(body);
    }
    assert!(refused("<html>").contains("check the address"));
}

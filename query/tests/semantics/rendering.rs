//! What is printed, byte for byte.

use penstock_model::{Timestamp, Value};
use penstock_query::{JsonResults, Point, Query, run};

use crate::memory::{Memory, NOW, T, Ticking, answer, context, generous, render};

fn memory() -> Memory {
    Memory::default()
        .with("host=a,cpu=0", &[(0, "1"), (10, "2.5")])
        .with("host=a,cpu=1", &[(0, "1")])
}

const HEAD: &str = r#"[{"metric":"m","tags":{"host":"a"},"aggregateTags":["cpu"],"#;

#[test]
fn a_result_is_a_map_of_seconds() {
    assert_eq!(
        answer("start=+0&m=sum:m", &mut memory()),
        format!(r#"{HEAD}"dps":{{"1356998400":2.0,"1356998410":2.5}}}}]"#)
    );
}

#[test]
fn arrays_and_milliseconds_are_asked_for() {
    assert_eq!(
        answer("start=+0&arrays&m=sum:m", &mut memory()),
        format!(r#"{HEAD}"dps":[[1356998400,2.0],[1356998410,2.5]]}}]"#)
    );
    assert_eq!(
        answer("start=+0&ms=false&m=sum:m", &mut memory()),
        format!(r#"{HEAD}"dps":{{"1356998400000":2.0,"1356998410000":2.5}}}}]"#)
    );
    assert_eq!(
        answer("start=+0&ms&arrays&m=sum:m", &mut memory()),
        format!(r#"{HEAD}"dps":[[1356998400000,2.0],[1356998410000,2.5]]}}]"#)
    );
}

#[test]
fn a_map_takes_the_last_point_of_a_second() {
    let mut source = Memory::default().with("host=a", &[]);
    source.series[0].samples = [0, 500, 999, 1_000]
        .map(|millis| {
            Point::new(
                Timestamp::from_millis(T * 1_000 + millis),
                Value::Integer(millis),
            )
        })
        .to_vec();
    let dps = |uri: &str, source: &mut Memory| {
        let answer = answer(uri, source);
        answer.split_once(r#""dps":"#).unwrap().1.to_owned()
    };
    assert_eq!(
        dps("start=+0&m=sum:m", &mut source),
        r#"{"1356998400":999,"1356998401":1000}}]"#
    );
    assert_eq!(
        dps("start=+0&arrays&m=sum:m", &mut source),
        "[[1356998400,0],[1356998400,500],[1356998400,999],[1356998401,1000]]}]"
    );
}

#[test]
fn numbers_are_integers_or_have_a_fraction_or_an_exponent() {
    for (written, printed) in [
        ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("0", "0"),
        ("5.0", "5.0"),
        ("-0.0", "-0.0"),
        ("0.1", "0.1"),
        ("1.5e300", "1.5e300"),
        ("1e16", "1e16"),
        ("123456789012345678.5", "1.2345678901234568e17"),
        ("1e-7", "1e-7"),
        ("0.30000000000000004", "0.30000000000000004"),
    ] {
        let mut source = Memory::default().with("host=a", &[(0, written)]);
        let answer = answer("start=+0&m=max:m", &mut source);
        let dps = format!(r#""dps":{{"1356998400":{printed}}}"#);
        assert!(answer.contains(&dps), "{written}: {answer}");
    }
}

#[test]
fn nan_is_a_text_or_null() {
    let mut source = Memory::default().with("host=a", &[(0, "1")]);
    for (fill, printed) in [("nan", r#""NaN""#), ("null", "null"), ("zero", "0.0")] {
        let answer = answer(
            &format!("start=+0&end=+60&m=sum:1m-sum-{fill}:m"),
            &mut source,
        );
        let dps = format!(r#""dps":{{"1356998400":1.0,"1356998460":{printed}}}"#);
        assert!(answer.contains(&dps), "{answer}");
    }
}

#[test]
fn several_results_stand_in_the_order_of_the_sub_queries() {
    let answer = answer(
        "start=+0&m=max:m{cpu=*}&m=count:m&m=max:m{cpu=*}",
        &mut memory(),
    );
    assert_eq!(
        answer,
        r#"[{"metric":"m","tags":{"cpu":"0","host":"a"},"aggregateTags":[],"dps":{"1356998400":1.0,"1356998410":2.5}},"#.to_owned()
            + r#"{"metric":"m","tags":{"cpu":"1","host":"a"},"aggregateTags":[],"dps":{"1356998400":1}},"#
            + r#"{"metric":"m","tags":{"host":"a"},"aggregateTags":["cpu"],"dps":{"1356998400":2.0,"1356998410":1.0}}]"#
    );
}

#[test]
fn names_are_escaped() {
    let mut source = Memory::default().with_kind(
        "m\"\\",
        penstock_model::SeriesKind::Raw,
        "k\n=é\u{1}",
        &[(0, "1")],
    );
    let answer = answer("start=+0&m=sum:m\"\\", &mut source);
    assert!(
        answer.starts_with(r#"[{"metric":"m\"\\","tags":{"k\n":"é\u0001"},"#),
        "{answer}"
    );
    let parsed: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(parsed[0]["tags"]["k\n"], "é\u{1}");
}

#[test]
fn the_sub_query_is_shown_with_its_index() {
    let body = r#"{"start":1356998400,"showQuery":true,"showTSUIDs":true,"showStats":true,"showSummary":true,
        "queries":[{"aggregator":"sum","metric":"nosuch","filters":[]},
          {"aggregator":"sum","metric":"m","downsample":"1m-avg-nan","rate":true,
           "filters":[{"type":"literal_or","tagk":"host","filter":"a","groupBy":true},
                      {"type":"wildcard","tagk":"cpu","filter":"*"}]}]}"#;
    let mut source = memory().with("host=a,cpu=0", &[]).with_kind(
        "nosuch",
        penstock_model::SeriesKind::Raw,
        "host=b",
        &[],
    );
    source.series[0].samples.push(Point::new(
        Timestamp::from_millis((T + 60) * 1_000),
        Value::Integer(2),
    ));
    let query = Query::from_json(body.as_bytes(), NOW).unwrap();
    let answer = render(&query, &mut source);
    let parsed: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let shown = &parsed[0]["query"];
    assert_eq!(shown["index"], 1);
    assert_eq!(shown["downsample"], "1m-avg-nan");
    assert_eq!(shown["rate"], true);
    assert_eq!(shown["rateOptions"]["counterMax"], i64::MAX);
    assert_eq!(shown["tags"]["host"], "literal_or(a)");
    assert_eq!(shown["tags"].as_object().unwrap().len(), 1);
    assert_eq!(shown["filters"][1]["type"], "wildcard");
    assert_eq!(shown["filters"][1]["group_by"], false);
    assert_eq!(shown["rollupUsage"], "ROLLUP_FALLBACK_RAW");
    assert_eq!(parsed[0]["tsuids"].as_array().unwrap().len(), 2);
    assert!(parsed[0]["stats"]["dpsRead"].as_u64().unwrap() >= 4);
    assert_eq!(parsed[1]["statsSummary"]["results"], 1);
    let members = [
        "\"tags\":",
        "\"aggregateTags\":",
        "\"query\":",
        "\"tsuids\":",
        "\"dps\":",
        "\"stats\":",
    ];
    let places: Vec<usize> = members
        .iter()
        .map(|member| answer.find(member).unwrap())
        .collect();
    // Inside `query` there are tags too, so only the first of each counts.
    assert!(places.is_sorted(), "{answer}");
}

#[test]
fn a_summary_stands_alone_when_nothing_was_found() {
    let answer = answer(
        "start=+500000&end=+500001&show_summary&m=sum:m",
        &mut memory(),
    );
    assert_eq!(
        answer,
        r#"[{"statsSummary":{"series":2,"dpsRead":0,"dpsEmitted":0,"results":0}}]"#
    );
}

/// A client that is gone.
struct Gone;

impl std::io::Write for Gone {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_writer_that_fails_ends_the_query() {
    let values: Vec<(i64, &str)> = (0..20_000).map(|at| (at, "12345678")).collect();
    let mut source = Memory::default().with("host=a", &values);
    source.batch = 1_000;
    let query = crate::memory::uri("start=+0&m=sum:m");
    let mut sink = JsonResults::new(&query, Gone);
    let error = run(
        &query,
        &mut source,
        &mut sink,
        context(generous(), &Ticking::default()),
    )
    .unwrap_err();
    assert_eq!(error.to_string(), "writing the results failed");
}

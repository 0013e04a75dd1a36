//! What gets no answer: unknown names, limits, infinities, nobody who waits.

use std::cell::Cell;
use std::time::Duration;

use penstock_query::{Limits, QUOTED_CHARS_MAX, Query, RequestError, RunContext, run};
use proptest::prelude::*;

use crate::memory::{Keep, Memory, NOW, Ticking, generous, keep, uri};

fn memory() -> Memory {
    Memory::default()
        .with("host=a", &[(0, "1"), (10, "2")])
        .with("host=b", &[(0, "1"), (10, "2")])
        .with_kind(
            "other",
            penstock_model::SeriesKind::Raw,
            "dc=lga",
            &[(0, "1")],
        )
}

fn refused(m: &str, limits: Limits) -> String {
    let query = uri(&format!("start=+0&end=+3600&m={m}"));
    keep(&query, &mut memory(), limits).unwrap_err().to_string()
}

#[test]
fn names_that_were_never_seen_are_errors() {
    let cases = [
        ("sum:nosuch", "No such name for 'metrics': 'nosuch'"),
        ("sum:m{nosuch=*}", "No such name for 'tagk': 'nosuch'"),
        ("sum:m{host=nosuch}", "No such name for 'tagv': 'nosuch'"),
        ("sum:m{host=a|nosuch}", "No such name for 'tagv': 'nosuch'"),
    ];
    for (m, message) in cases {
        assert_eq!(refused(m, generous()), message);
    }
    // Known from another metric; or not looked up at all.
    for m in [
        "sum:m{host=lga}",
        "sum:m{dc=*}",
        "sum:m{host=iliteral_or(nosuch)}",
        "sum:m{host=not_literal_or(nosuch)}",
        "sum:m{host=nosuch*}",
    ] {
        let query = uri(&format!("start=+0&m={m}"));
        assert!(keep(&query, &mut memory(), generous()).is_ok(), "{m}");
    }
}

#[test]
fn a_bad_name_in_any_sub_query_comes_before_the_first_result() {
    let query = uri("start=+0&m=sum:m&m=sum:nosuch");
    let mut sink = Keep::default();
    let clock = Ticking::default();
    let context = crate::memory::context(generous(), &clock);
    assert!(run(&query, &mut memory(), &mut sink, context).is_err());
    assert!(sink.results.is_empty());
}

#[test]
fn every_limit_names_itself() {
    let limits = generous();
    let cases = [
        (
            Limits {
                series: 1,
                ..limits
            },
            "The query selects more than 1 series (limit: maxSeries)",
        ),
        (
            Limits {
                samples: 3,
                ..limits
            },
            "The query reads or fills more than 3 samples (limit: maxSamples)",
        ),
        (
            Limits {
                bytes: 100,
                ..limits
            },
            "The query needs more than 100 bytes of memory (limit: maxBytes)",
        ),
        (
            Limits {
                duration: Duration::from_secs(2),
                ..limits
            },
            "The query takes longer than 2 seconds (limit: maxSeconds)",
        ),
        (
            Limits {
                range: Some(Duration::from_mins(30)),
                ..limits
            },
            "The query asks for more than 0.020833333333333332 days (limit: maxRangeDays)",
        ),
    ];
    for (limits, message) in cases {
        assert_eq!(refused("sum:m", limits), message);
    }
}

#[test]
fn limits_hold_for_all_sub_queries_together() {
    let limits = Limits {
        series: 3,
        ..generous()
    };
    let query = uri("start=+0&m=sum:m&m=max:m");
    assert_eq!(
        keep(&query, &mut memory(), limits).unwrap_err().to_string(),
        "The query selects more than 3 series (limit: maxSeries)"
    );
}

#[test]
fn buckets_without_end_are_refused_before_any_is_filled() {
    let query = uri("start=1&end=9999999999&m=sum:1ms-sum-zero:m");
    assert_eq!(
        keep(&query, &mut memory(), generous())
            .unwrap_err()
            .to_string(),
        "The query reads or fills more than 1000000000 samples (limit: maxSamples)"
    );
    let query = uri("start=+0&end=+100000&m=sum:1ms-sum-nan:m");
    assert_eq!(
        keep(&query, &mut memory(), generous())
            .unwrap_err()
            .to_string(),
        "The query needs more than 268435456 bytes of memory (limit: maxBytes)"
    );
    // Without filling there are no more buckets than points.
    let query = uri("start=1&end=9999999999&m=sum:1ms-sum:m");
    assert_eq!(
        keep(&query, &mut memory(), generous()).unwrap()[0]
            .points
            .len(),
        2
    );
}

/// Every day from 1970 to the end of 9999, for a point in 2013.
const EVERY_DAY: &str = "start=1&end=253402300799999ms&m=sum:1dc-sum-zero:m";

#[test]
fn time_runs_out_in_the_middle_of_filling() {
    let limits = Limits {
        duration: Duration::from_secs(100),
        ..generous()
    };
    for query in [EVERY_DAY, &format!("{EVERY_DAY}{{host=*}}")] {
        let error = keep(&uri(query), &mut memory(), limits).unwrap_err();
        assert_eq!(
            error.to_string(),
            "The query takes longer than 100 seconds (limit: maxSeconds)"
        );
    }
}

#[test]
fn nobody_who_waits_ends_the_filling() {
    let asked = Cell::new(0);
    let is_cancelled = || {
        asked.set(asked.get() + 1);
        asked.get() > 100
    };
    let context = RunContext {
        limits: generous(),
        clock: &Ticking::default(),
        is_cancelled: &is_cancelled,
    };
    let error = run(
        &uri(EVERY_DAY),
        &mut memory(),
        &mut Keep::default(),
        context,
    );
    assert_eq!(error.unwrap_err().to_string(), "The query was cancelled");
}

#[test]
fn filled_buckets_of_all_series_and_sub_queries_are_counted_before_the_first_result() {
    // An hour of minutes: 60 buckets of each of two series, beside four samples.
    let asked = "start=+0&end=+3600&m=sum:1m-sum-zero:m{host=*}";
    let twice = &format!("{asked}&m=max:1m-sum-nan:m{{host=a}}");
    for (asked, samples, is_answered) in [
        (asked, 119, false),
        (asked, 124, true),
        (twice, 119, false),
        (twice, 190, true),
    ] {
        let limits = Limits {
            samples,
            ..generous()
        };
        let mut sink = Keep::default();
        let clock = Ticking::default();
        let context = crate::memory::context(limits, &clock);
        let ended = run(&uri(asked), &mut memory(), &mut sink, context);
        assert_eq!(ended.is_ok(), is_answered, "{asked} {samples}");
        if let Err(error) = ended {
            assert!(sink.results.is_empty(), "{asked}");
            assert_eq!(
                error.to_string(),
                format!("The query reads or fills more than {samples} samples (limit: maxSamples)")
            );
        }
    }
}

#[test]
fn absurd_fills_are_refused_before_anything_is_read() {
    let years = |m: &str| format!("start=1&end=253402300799999ms&{m}");
    let many: Vec<String> = (1..=1_000)
        .map(|at| format!("m=sum:{}m-sum-zero:m", at + 400))
        .collect();
    for asked in [
        "m=sum:1sc-sum-zero:m",
        "m=sum:1ms-sum-nan:m",
        "m=none:1h-count-null:m",
        "m=sum:1m&m=sum:1mc-sum-zero:m",
        &many.join("&"),
    ] {
        let mut source = memory();
        let error = keep(&uri(&years(asked)), &mut source, generous()).unwrap_err();
        assert!(error.to_string().contains("(limit: max"), "{error}");
        assert_eq!(source.opened.get(), 0);
    }
    // What nobody fills costs nothing.
    for asked in [
        "m=sum:0all-sum-zero:m",
        "m=sum:1ms-sum:m",
        "m=sum:1sc-sum:m",
    ] {
        assert!(keep(&uri(&years(asked)), &mut memory(), generous()).is_ok());
    }
}

/// Half a megabyte wherever a client may write one.
#[test]
fn what_is_quoted_is_cut() {
    let long = "é".repeat(250_000);
    let uris = [
        ("sum:@", "start"),
        ("@:m", "start"),
        ("sum:1s@:m", "start"),
        ("sum:1s-@:m", "start"),
        ("sum:1s-sum-@:m", "start"),
        ("sum:1s-sum-x-@:m", "start"),
        ("sum:1@-sum:m", "start"),
        ("sum:rate{@:m", "start"),
        ("sum:rate{counter,@}:m", "start"),
        ("sum:rate{counter,1,@}:m", "start"),
        ("sum:percentiles[@]:m", "start"),
        ("sum:m{@", "start"),
        ("sum:m{@}", "start"),
        ("sum:m{}{@}", "start"),
        ("sum:m{@=*}", "start"),
        ("sum:m{host=@}", "start"),
        ("sum:m{host=@(a)}", "start"),
        ("sum:m{host=regexp(@[)}", "start"),
        ("sum:m{host=regexp(@)}", "start"),
        ("a:b:c:d:e:@", "start"),
        ("@", "start"),
        ("sum:m", "end"),
        ("sum:m", "timezone"),
    ];
    for (form, name) in uris {
        let m = form.replace('@', &long);
        let mut parameters = vec![("start", "2013/01/01"), ("m", &m)];
        if name != "start" {
            parameters.push((name, &long));
        }
        check_cut(Query::from_uri(parameters, NOW), form);
    }
    let queries = [
        r#"{"start":"@","queries":[{}]}"#,
        r#"{"start":{"@":1}}"#,
        r#"{"start":1,"queries":"@"}"#,
        r#"{"start":1,"queries":[{"aggregator":"sum","metric":"m","rate":"@"}]}"#,
        r#"{"start":1,"queries":[{"aggregator":"sum","metric":"m","rate":true,"rateOptions":{"@":1}}]}"#,
        r#"{"start":1,"queries":[{"aggregator":"sum","metric":"m","rateOptions":{"counterMax":"@"}}]}"#,
        r#"{"start":1,"queries":[{"aggregator":"sum","metric":"m","filters":[{"type":"@","tagk":"@","filter":"@"}]}]}"#,
        r#"{"start":1,"queries":[{"aggregator":"sum","tsuids":["@"]}]}"#,
        r#"{"start":1,"queries":[{"aggregator":"sum","metric":"@"}]}"#,
    ];
    for body in queries {
        let text = body.replace('@', &long);
        check_cut(Query::from_json(text.as_bytes(), NOW), body);
    }
}

fn check_cut(query: Result<Query, RequestError>, asked: &str) {
    let text = match query {
        Err(error) => format!("{error} {}", error.details().unwrap_or_default()),
        Ok(query) => keep(&query, &mut memory(), generous())
            .unwrap_err()
            .to_string(),
    };
    let most = 2 * QUOTED_CHARS_MAX + 200;
    assert!(text.chars().count() < most, "{asked}: {}", text.len());
}

#[test]
fn a_sum_beyond_the_doubles_is_an_error() {
    let mut source = Memory::default()
        .with("host=a", &[(0, "1.7e308")])
        .with("host=b", &[(0, "1.7e308")]);
    let error = keep(&uri("start=+0&m=sum:m"), &mut source, generous()).unwrap_err();
    assert_eq!(error.to_string(), "Got Infinity: inf at 1356998400000");
}

#[test]
fn nobody_who_waits_ends_the_query() {
    let asked = Cell::new(0);
    let is_cancelled = || {
        asked.set(asked.get() + 1);
        asked.get() > 4
    };
    let mut source = memory();
    source.batch = 1;
    let context = RunContext {
        limits: generous(),
        clock: &Ticking::default(),
        is_cancelled: &is_cancelled,
    };
    let query = uri("start=+0&m=sum:m");
    let error = run(&query, &mut source, &mut Keep::default(), context).unwrap_err();
    assert_eq!(error.to_string(), "The query was cancelled");
    assert!(source.opened.get() <= 1);
}

/// Numbers where arithmetic goes wrong first.
fn amount() -> impl Strategy<Value = u64> {
    prop_oneof![
        1u64..100,
        Just(1_000_000),
        Just(292_471_208),
        Just(106_751_991_167),
        Just(9_223_372_036_854_775_807),
        any::<u64>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn absurd_spans_and_ranges_are_answered_or_refused(
        amount in amount(),
        unit in prop_oneof!["ms", "s", "m", "h", "d", "w", "n", "y"],
        calendar in prop_oneof![Just(""), Just("c")],
        fill in prop_oneof![Just("none"), Just("zero"), Just("null")],
        zone in prop_oneof![Just("UTC"), Just("Europe/Paris"), Just("Pacific/Apia")],
        start in prop_oneof![Just("0".to_owned()), Just("+0".to_owned()), any::<u32>().prop_map(|s| s.to_string())],
        end in prop_oneof![
            Just("9223372036854775807ms".to_owned()),
            Just("99999999999999".to_owned()),
            any::<u32>().prop_map(|s| s.to_string()),
        ],
        aggregator in prop_oneof![Just("sum"), Just("none"), Just("p99"), Just("mimmin")],
    ) {
        let m = format!("{aggregator}:{amount}{unit}{calendar}-avg-{fill}:rate:m");
        let start = if start == "+0" { "1356998400" } else { &start };
        let parameters = [("start", start), ("end", &end), ("timezone", zone), ("m", &m)];
        let limits = Limits {
            samples: 100_000,
            bytes: 1_000_000,
            ..generous()
        };
        if let Ok(query) = Query::from_uri(parameters, NOW) {
            let _answer = keep(&query, &mut memory(), limits).is_ok();
        }
    }
}

//! Random series and random queries: the crate and the slow model must give the same answer to the last bit.

use std::collections::BTreeMap;

use penstock_model::{SeriesKind, Tags, Timestamp, Value};
use penstock_query::{Aggregator, Number, Point, Query};
use proptest::prelude::*;

use crate::memory::{Kept, Memory, NOW, Stored, T, generous, keep};
use crate::slow::{self, Downsampling, Interval, Question, Rating};

/// A series as both see it.
#[derive(Clone, Debug)]
struct Both {
    tags: Vec<(String, String)>,
    points: slow::Series,
}

fn value() -> impl Strategy<Value = slow::Value> {
    prop_oneof![
        6 => (-20i64..100).prop_map(slow::Value::Int),
        3 => (-200i32..2000).prop_map(|value| slow::Value::Float(f64::from(value) / 8.0)),
        1 => prop_oneof![
            Just(slow::Value::Int(i64::MAX)),
            Just(slow::Value::Int(i64::MIN)),
            Just(slow::Value::Int(9_007_199_254_740_993)),
            Just(slow::Value::Float(f64::NAN)),
            Just(slow::Value::Float(0.1)),
        ],
    ]
}

/// Some points with nearby times: often the same in several series, sometimes not.
fn points(step: i64, count: i64) -> impl Strategy<Value = slow::Series> {
    let time = (0..count, prop_oneof![4 => Just(0), 1 => 0..step])
        .prop_map(move |(at, offset)| (T - step * count / 4) * 1_000 + at * step * 1_000 + offset);
    let kinds = prop_oneof![
        2 => value().boxed(),
        1 => (-20i64..100).prop_map(slow::Value::Int).boxed(),
    ];
    proptest::collection::btree_map(time, kinds, 1..12)
}

fn series(step: i64, count: i64) -> impl Strategy<Value = Vec<Both>> {
    let one = ("[ab]", proptest::option::of("[xy]"), points(step, count));
    proptest::collection::vec(one, 1..6).prop_map(|all| {
        let mut distinct = BTreeMap::new();
        for (at, (host, dc, points)) in all.into_iter().enumerate() {
            let mut tags = vec![
                ("cpu".to_owned(), at.to_string()),
                ("host".to_owned(), host),
            ];
            if let Some(dc) = dc {
                tags.insert(1, ("dc".to_owned(), dc));
            }
            distinct.insert(tags, points);
        }
        distinct
            .into_iter()
            .map(|(tags, points)| Both { tags, points })
            .collect()
    })
}

fn aggregator() -> impl Strategy<Value = String> {
    let names: Vec<String> = Aggregator::all().map(|one| one.name().to_owned()).collect();
    proptest::sample::select(names)
}

fn downsampling(intervals: impl Strategy<Value = Interval>) -> impl Strategy<Value = Downsampling> {
    let function = aggregator().prop_filter("none computes nothing", |name| name != "none");
    let fill = prop_oneof![Just("none"), Just("nan"), Just("null"), Just("zero")];
    (intervals, function, fill).prop_map(|(interval, function, fill)| Downsampling {
        interval,
        function,
        fill: fill.to_owned(),
    })
}

fn rating() -> impl Strategy<Value = Rating> {
    let max = prop_oneof![Just(i64::MAX), Just(100), Just(0)];
    (
        any::<bool>(),
        max,
        prop_oneof![Just(0), Just(1), Just(-5)],
        any::<bool>(),
    )
        .prop_map(|(counter, max, reset, drop)| Rating {
            counter: counter || drop,
            max,
            reset,
            drop,
        })
}

fn question(
    intervals: impl Strategy<Value = Interval> + 'static,
    span: i64,
) -> impl Strategy<Value = Question> {
    (
        aggregator(),
        proptest::option::of(downsampling(intervals)),
        proptest::option::weighted(0.3, rating()),
        -span..span,
        1..span,
    )
        .prop_map(|(aggregator, downsampling, rating, start, length)| {
            let start = T * 1_000 + start * 500;
            Question {
                aggregator,
                downsampling,
                rating,
                start,
                end: start + length * 500,
            }
        })
}

/// The question as a client asks it.
fn asked(question: &Question, filters: &str) -> Query {
    let mut parts = vec![question.aggregator.clone()];
    if let Some(downsampling) = &question.downsampling {
        let interval = match downsampling.interval {
            Interval::All => "0all".to_owned(),
            Interval::Millis(millis) => format!("{millis}ms"),
            Interval::Days(days) => format!("{days}dc"),
            Interval::Months(months) => format!("{months}nc"),
        };
        parts.push(format!(
            "{interval}-{}-{}",
            downsampling.function, downsampling.fill
        ));
    }
    if let Some(rating) = &question.rating {
        let kind = match (rating.drop, rating.counter) {
            (true, _) => "dropcounter",
            (false, true) => "counter",
            (false, false) => "gauge",
        };
        parts.push(format!("rate{{{kind},{},{}}}", rating.max, rating.reset));
    }
    parts.push(format!("m{filters}"));
    let (m, start, end) = (
        parts.join(":"),
        format!("{}ms", question.start),
        format!("{}ms", question.end),
    );
    Query::from_uri([("start", &*start), ("end", &*end), ("m", &*m)], NOW).unwrap()
}

fn memory(series: &[Both], batch: usize) -> Memory {
    let stored = series.iter().map(|one| Stored {
        metric: "m".to_owned(),
        kind: SeriesKind::Raw,
        tags: Tags::from_pairs(one.tags.iter().map(|(k, v)| (k.as_str(), v.as_str()))).unwrap(),
        samples: one
            .points
            .iter()
            .map(|(time, value)| {
                Point::new(
                    Timestamp::from_millis(*time),
                    match value {
                        slow::Value::Int(value) => Value::Integer(*value),
                        slow::Value::Float(value) => Value::from_f64(*value),
                    },
                )
            })
            .collect(),
    });
    let memory = Memory {
        series: stored.collect(),
        batch,
        ..Memory::default()
    };
    // So that each key is known.
    memory.with_kind("other", SeriesKind::Raw, "dc=x", &[])
}

/// What the slow model answers, in the form of the results.
fn expected(question: &Question, series: &[Both], keys: &[&str]) -> Vec<String> {
    let value_of = |one: &Both, key: &str| {
        let pair = one.tags.iter().find(|(have, _)| have == key);
        pair.map(|(_, value)| value.clone())
    };
    // In the order of their first series.
    let mut groups: Vec<(Vec<String>, Vec<&Both>)> = Vec::new();
    for (at, one) in series.iter().enumerate() {
        let values: Option<Vec<String>> = keys.iter().map(|key| value_of(one, key)).collect();
        let Some(mut values) = values else {
            continue;
        };
        if question.aggregator == "none" {
            values = vec![format!("{at:05}")];
        }
        match groups.iter_mut().find(|(have, _)| *have == values) {
            Some((_, members)) => members.push(one),
            None => groups.push((values, vec![one])),
        }
    }
    let mut results = Vec::new();
    for (_, members) in groups {
        let points: Vec<slow::Series> = members.iter().map(|one| one.points.clone()).collect();
        let answer = slow::answer(question, &points);
        if answer.is_empty() {
            continue;
        }
        let seen: Vec<&&Both> = members
            .iter()
            .filter(|one| slow::is_seen(question, &one.points))
            .collect();
        let (mut tags, mut aggregated) = (Vec::new(), Vec::new());
        for key in ["cpu", "dc", "host"] {
            let mut values: Vec<String> =
                seen.iter().filter_map(|one| value_of(one, key)).collect();
            values.sort();
            values.dedup();
            match values.as_slice() {
                [] => {}
                [one] => tags.push(format!("{key}={one}")),
                _ => aggregated.push(key),
            }
        }
        let points: Vec<String> = answer
            .iter()
            .map(|(time, value)| match value {
                slow::Value::Int(value) => format!("{time}: {value}"),
                slow::Value::Float(value) => format!("{time}: {}", bits(*value)),
            })
            .collect();
        results.push(format!("{tags:?} {aggregated:?} {points:?}"));
    }
    results
}

/// Exact, but one NaN is as good as another.
fn bits(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else {
        format!("{value:?} {:x}", value.to_bits())
    }
}

fn shown(results: &[Kept]) -> Vec<String> {
    results
        .iter()
        .map(|result| {
            let tags: Vec<String> = result
                .tags
                .iter()
                .map(|(k, v)| format!("{k}={v}"))
                .collect();
            let points: Vec<String> = result
                .points
                .iter()
                .map(|point| match point.number {
                    Number::Integer(value) => format!("{}: {value}", point.time),
                    Number::Float(value) => format!("{}: {}", point.time, bits(value)),
                })
                .collect();
            format!("{tags:?} {:?} {points:?}", result.aggregate_tags)
        })
        .collect()
}

fn check(
    question: &Question,
    series: &[Both],
    batch: usize,
    (filters, keys): (&str, &[&str]),
) -> Result<(), TestCaseError> {
    let query = asked(question, filters);
    let expected = expected(question, series, keys);
    if expected.iter().any(|result| result.contains("inf")) {
        return Ok(());
    }
    let results = keep(&query, &mut memory(series, batch), generous()).unwrap();
    prop_assert_eq!(shown(&results), expected);
    Ok(())
}

const GROUPINGS: [(&str, &[&str]); 4] = [
    ("", &[]),
    ("{host=*}", &["host"]),
    ("{dc=*}", &["dc"]),
    ("{host=*,dc=*}", &["dc", "host"]),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn short_queries_agree(
        question in question(
            prop_oneof![
                Just(Interval::All),
                prop_oneof![Just(10_000), Just(7_000), Just(60_000), Just(2_500)].prop_map(Interval::Millis),
            ],
            400,
        ),
        series in series(10, 24),
        batch in 1usize..6,
        grouping in 0usize..GROUPINGS.len(),
    ) {
        check(&question, &series, batch, GROUPINGS[grouping])?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn queries_over_the_calendar_agree(
        question in question(
            prop_oneof![
                (1i64..4).prop_map(Interval::Days),
                (1i64..4).prop_map(Interval::Months),
            ],
            // Up to half a year around T, in half seconds.
            30_000_000,
        ),
        series in series(1_000_000, 24),
        batch in 1usize..6,
        grouping in 0usize..GROUPINGS.len(),
    ) {
        check(&question, &series, batch, GROUPINGS[grouping])?;
    }
}

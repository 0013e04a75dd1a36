//! Random series and random queries: the crate and the slow model must give the same answer to the last bit.

mod draw;

use penstock_model::{SeriesKind, Tags, Timestamp, Value};
use penstock_query::{Number, Point, Query};
use proptest::prelude::*;
use serde_json::json;

use self::draw::{
    HOUR, Times, aggregator, any_kind, any_zone, around_a_change, downsampling, question, raw,
    series, utc,
};
use crate::memory::{Kept, Memory, NOW, Stored, T, generous, keep};
use crate::slow::{self, Interval, Question};

/// The question as a client asks it.
fn asked(question: &Question) -> Query {
    let downsample = question.downsampling.as_ref().map(|downsampling| {
        let interval = match downsampling.interval {
            Interval::All => "0all".to_owned(),
            Interval::Millis(millis) => format!("{millis}ms"),
            Interval::Calendar(amount, unit) => format!("{amount}{unit}c"),
        };
        format!("{interval}-{}-{}", downsampling.function, downsampling.fill)
    });
    let filters: Vec<_> = question
        .conditions
        .iter()
        .map(|condition| {
            json!({
                "type": condition.kind,
                "tagk": condition.key,
                "filter": condition.expression,
                "groupBy": condition.group_by,
            })
        })
        .collect();
    let body = json!({
        "start": format!("{}ms", question.start),
        "end": format!("{}ms", question.end),
        "timezone": question.zone,
        "queries": [{
            "aggregator": question.aggregator,
            "metric": "m",
            "downsample": downsample,
            "rate": question.rating.is_some(),
            "rateOptions": question.rating.as_ref().map(|rating| json!({
                "counter": rating.counter,
                "counterMax": rating.max,
                "resetValue": rating.reset,
                "dropResets": rating.drop,
            })),
            "filters": filters,
            "explicitTags": question.explicit,
            "rollupUsage": question.usage,
            "preAggregate": question.pre_aggregate,
        }],
    });
    Query::from_json(body.to_string().as_bytes(), NOW).unwrap()
}

fn kind(one: &slow::Stored) -> SeriesKind {
    let parts = one.rollup.as_ref().map(|(hours, function)| {
        (
            format!("{hours}h").parse().unwrap(),
            function.parse().unwrap(),
        )
    });
    let group_by = "sum".parse().unwrap();
    match (parts, one.is_pre_aggregate) {
        (None, false) => SeriesKind::Raw,
        (None, true) => SeriesKind::PreAggregate { group_by },
        (Some((interval, aggregator)), false) => SeriesKind::Rollup {
            interval,
            aggregator,
        },
        (Some((interval, aggregator)), true) => SeriesKind::RolledUpPreAggregate {
            interval,
            aggregator,
            group_by,
        },
    }
}

fn point((time, value): (&i64, &slow::Value)) -> Point {
    let value = match value {
        slow::Value::Int(value) => Value::Integer(*value),
        slow::Value::Float(value) => Value::from_f64(*value),
    };
    Point::new(Timestamp::from_millis(*time), value)
}

fn memory(series: &[slow::Stored], batch: usize) -> Memory {
    let stored = series.iter().map(|one| Stored {
        metric: "m".to_owned(),
        kind: kind(one),
        tags: Tags::from_pairs(one.tags.iter().map(|(k, v)| (k.as_str(), v.as_str()))).unwrap(),
        samples: one.points.iter().map(point).collect(),
    });
    let mut memory = Memory {
        series: stored.collect(),
        batch,
        ..Memory::default()
    };
    // So that each name is known.
    for tags in [
        "host=a,dc=x,cpu=0",
        "host=b,dc=y,cpu=1",
        "host=A,dc=X,cpu=2",
        "host=ab,cpu=3",
    ] {
        memory = memory.with_kind("other", SeriesKind::Raw, tags, &[]);
    }
    memory.with("host=none", &[])
}

/// Exact, but one NaN is as good as another.
fn bits(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else {
        format!("{value:?} {:x}", value.to_bits())
    }
}

fn expected(outcome: &slow::Outcome) -> String {
    let tags: Vec<_> = outcome.tags.iter().collect();
    let points = outcome.points.iter().map(|(time, value)| match value {
        slow::Value::Int(value) => format!("{time}: {value}"),
        slow::Value::Float(value) => format!("{time}: {}", bits(*value)),
    });
    let points: Vec<String> = points.collect();
    format!("{tags:?} {:?} {points:?}", outcome.aggregate_tags)
}

fn shown(result: &Kept) -> String {
    let points = result.points.iter().map(|point| match point.number {
        Number::Integer(value) => format!("{}: {value}", point.time),
        Number::Float(value) => format!("{}: {}", point.time, bits(value)),
    });
    let points: Vec<String> = points.collect();
    format!("{:?} {:?} {points:?}", result.tags, result.aggregate_tags)
}

fn check(question: &Question, series: &[slow::Stored], batch: usize) -> Result<(), TestCaseError> {
    let query = asked(question);
    let outcomes = slow::results(question, series);
    let expected: Vec<String> = outcomes.iter().map(expected).collect();
    if expected.iter().any(|result| result.contains("inf")) {
        return Ok(());
    }
    let results = keep(&query, &mut memory(series, batch), generous()).unwrap();
    let shown: Vec<String> = results.iter().map(shown).collect();
    prop_assert_eq!(shown, expected);
    Ok(())
}

const SHORT: Times = Times {
    around: T * 1_000,
    step: 10_000,
    count: 24,
};

/// Half a year.
const LONG: Times = Times {
    around: T * 1_000,
    step: 1_000_000_000,
    count: 24,
};

/// A day.
const HOURS: Times = Times {
    around: T * 1_000,
    step: HOUR,
    count: 24,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn short_queries_agree(
        question in question(
            downsampling(
                prop_oneof![
                    Just(Interval::All),
                    prop_oneof![Just(10_000), Just(7_000), Just(60_000), Just(2_500)].prop_map(Interval::Millis),
                ],
                aggregator(),
            ),
            utc(),
            SHORT.around,
            400,
        ),
        series in series(SHORT, raw(), 1),
        batch in 1usize..6,
    ) {
        check(&question, &series, batch)?;
    }

    #[test]
    fn queries_that_read_rollups_agree(
        question in question(
            downsampling(
                prop_oneof![
                    4 => prop_oneof![Just(1), Just(2), Just(3), Just(4), Just(6), Just(12)]
                        .prop_map(|hours| Interval::Millis(hours * HOUR)),
                    1 => Just(Interval::Calendar(1, "d")),
                    1 => Just(Interval::Calendar(2, "h")),
                    1 => Just(Interval::Millis(HOUR / 2)),
                    1 => Just(Interval::All),
                ],
                prop_oneof![
                    3 => prop_oneof!["avg", "sum", "count", "zimsum", "mimmax", "last", "dev"],
                    1 => aggregator(),
                ],
            ),
            any_zone(),
            HOURS.around,
            86_400 * 2,
        ),
        series in series(HOURS, any_kind(), 5),
        batch in 1usize..6,
    ) {
        check(&question, &series, batch)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn queries_over_the_calendar_agree(
        question in question(
            downsampling(
                prop_oneof![
                    (1i64..4, prop_oneof![Just("d"), Just("w"), Just("n"), Just("y")])
                        .prop_map(|(amount, unit)| Interval::Calendar(amount, unit)),
                ],
                aggregator(),
            ),
            any_zone(),
            LONG.around,
            // Up to half a year around, in half seconds.
            30_000_000,
        ),
        series in series(LONG, raw(), 1),
        batch in 1usize..6,
    ) {
        check(&question, &series, batch)?;
    }

    #[test]
    fn queries_around_a_change_of_clocks_agree(
        (question, series) in around_a_change(),
        batch in 1usize..6,
    ) {
        check(&question, &series, batch)?;
    }
}

//! What the random cases are drawn from.

use std::collections::BTreeSet;

use penstock_query::Aggregator;
use penstock_query::filter::FILTER_TYPES;
use proptest::prelude::*;

use crate::slow::{self, Condition, Downsampling, Interval, Question, Rating, ZONES};

pub(super) const HOUR: i64 = 3_600_000;

/// Where the samples of a case lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// Milliseconds.
    pub(super) around: i64,
    /// Milliseconds from one to the next.
    pub(super) step: i64,
    pub(super) count: i64,
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
fn points(times: Times) -> impl Strategy<Value = slow::Series> {
    let Times {
        around,
        step,
        count,
    } = times;
    let time = (0..count, prop_oneof![4 => Just(0), 1 => 0..step])
        .prop_map(move |(at, offset)| around - step * count / 4 + at * step + offset);
    let kinds = prop_oneof![
        2 => value().boxed(),
        1 => (-20i64..100).prop_map(slow::Value::Int).boxed(),
    ];
    proptest::collection::btree_map(time, kinds, 1..12)
}

fn tags() -> impl Strategy<Value = slow::Tags> {
    let host = prop_oneof!["a", "b", "A", "ab"];
    let dc = proptest::option::of(prop_oneof!["x", "y", "X"]);
    (proptest::option::weighted(0.7, 0..6u8), host, dc).prop_map(|(cpu, host, dc)| {
        let pairs = [
            ("cpu", cpu.map(|cpu| cpu.to_string())),
            ("host", Some(host)),
            ("dc", dc),
        ];
        let pairs = pairs.into_iter();
        pairs
            .filter_map(|(key, value)| Some((key.to_owned(), value?)))
            .collect()
    })
}

/// Whether over several series, and the hours and the function of a rollup.
pub(super) type Kind = (bool, Option<(i64, String)>);

pub(super) fn raw() -> impl Strategy<Value = Kind> {
    Just((false, None))
}

pub(super) fn any_kind() -> impl Strategy<Value = Kind> {
    let function = prop_oneof!["sum", "count", "min", "max", "last"];
    let rollup = proptest::option::weighted(0.8, (1i64..4, function));
    (proptest::bool::weighted(0.1), rollup)
}

/// Series of one metric, no two the same.
pub(super) fn series(
    times: Times,
    kinds: impl Strategy<Value = Kind> + 'static,
    kinds_max: usize,
) -> impl Strategy<Value = Vec<slow::Stored>> {
    let of_kinds = proptest::collection::vec((kinds, points(times)), 1..=kinds_max);
    let all = proptest::collection::vec((tags(), of_kinds), 1..9);
    all.prop_map(|all| {
        let mut seen = BTreeSet::new();
        let flat = all.into_iter().flat_map(|(tags, of_kinds)| {
            let of_tags = of_kinds.into_iter();
            of_tags.map(move |((is_pre_aggregate, rollup), points)| slow::Stored {
                is_pre_aggregate,
                rollup,
                tags: tags.clone(),
                points,
            })
        });
        flat.filter(|one| seen.insert((one.is_pre_aggregate, one.rollup.clone(), one.tags.clone())))
            .collect()
    })
}

pub(super) fn aggregator() -> impl Strategy<Value = String> {
    let names: Vec<String> = Aggregator::all().map(|one| one.name().to_owned()).collect();
    proptest::sample::select(names)
}

pub(super) fn downsampling(
    intervals: impl Strategy<Value = Interval>,
    functions: impl Strategy<Value = String>,
) -> impl Strategy<Value = Downsampling> {
    let functions = functions.prop_filter("none computes nothing", |name| name != "none");
    let fill = prop_oneof![Just("none"), Just("nan"), Just("null"), Just("zero")];
    (intervals, functions, fill).prop_map(|(interval, function, fill)| Downsampling {
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

/// Names of values are all known, and so is what regular expressions mean to the model.
fn condition() -> impl Strategy<Value = Condition> {
    let key_and_values = prop_oneof![
        3 => Just(("host", &["a", "b", "A", "ab"][..])),
        2 => Just(("dc", &["x", "y", "X"][..])),
        1 => Just(("cpu", &["0", "1", "2", "3"][..])),
    ];
    let kind = proptest::sample::select(FILTER_TYPES.to_vec());
    (key_and_values, kind, any::<bool>()).prop_flat_map(|((key, values), kind, group_by)| {
        let expression = match kind {
            "wildcard" | "iwildcard" => {
                prop_oneof![3 => Just("*"), 2 => prop_oneof![
                    Just("a*"), Just("*b"), Just("*A*"), Just("a*b"), Just("x*"), Just("**y"), Just("*1"),
                ]]
                .prop_map(str::to_owned)
                .boxed()
            }
            "regexp" => prop_oneof![
                Just("."), Just("^a"), Just("b$"), Just("^a.*b$"), Just("^.$"), Just("x*"), Just("A"), Just("^.*1$"),
            ]
            .prop_map(str::to_owned)
            .boxed(),
            _ => proptest::sample::subsequence(values, 1..=2)
                .prop_map(|values| values.join("|"))
                .boxed(),
        };
        expression.prop_map(move |expression| Condition {
            key: key.to_owned(),
            kind: kind.to_owned(),
            expression,
            group_by,
        })
    })
}

fn conditions() -> impl Strategy<Value = Vec<Condition>> {
    let any_host = |key: &str| Condition {
        key: key.to_owned(),
        kind: "wildcard".to_owned(),
        expression: "*".to_owned(),
        group_by: true,
    };
    prop_oneof![
        2 => Just(Vec::new()),
        1 => Just(vec![any_host("host")]),
        1 => Just(vec![any_host("host"), any_host("dc")]),
        4 => proptest::collection::vec(condition(), 1..3),
    ]
}

/// Questions about samples that lie there; `span` is how far around, in half seconds.
pub(super) fn question(
    downsampling: impl Strategy<Value = Downsampling> + 'static,
    zone: impl Strategy<Value = &'static str> + 'static,
    around: i64,
    span: i64,
) -> impl Strategy<Value = Question> {
    let usage = prop_oneof![
        1 => Just("ROLLUP_RAW"),
        1 => Just("ROLLUP_NOFALLBACK"),
        1 => Just("ROLLUP_FALLBACK"),
        6 => Just("ROLLUP_FALLBACK_RAW"),
    ];
    (
        (aggregator(), proptest::option::weighted(0.7, downsampling)),
        proptest::option::weighted(0.3, rating()),
        // Most of them see something.
        (-span..span / 2, 1..2 * span),
        zone,
        (conditions(), proptest::bool::weighted(0.15)),
        (usage, proptest::bool::weighted(0.1)),
    )
        .prop_map(
            move |((aggregator, downsampling), rating, (start, length), zone, filters, rollups)| {
                let start = around + start * 500;
                Question {
                    aggregator,
                    downsampling,
                    rating,
                    start,
                    end: start + length * 500,
                    zone,
                    conditions: filters.0,
                    explicit: filters.1,
                    usage: rollups.0.to_owned(),
                    pre_aggregate: rollups.1,
                }
            },
        )
}

pub(super) fn utc() -> impl Strategy<Value = &'static str> {
    Just("UTC")
}

pub(super) fn any_zone() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(ZONES.map(|(name, _)| name).to_vec())
}

/// A zone, and a moment at which it changes its clocks in 2012 or 2013.
fn change_of_clocks() -> impl Strategy<Value = (&'static str, i64)> {
    let changes = ZONES.iter().flat_map(|(zone, changes)| {
        let near = changes.iter().map(|(from, _)| *from);
        let near = near.filter(|from| (1_325_376_000..1_388_534_400).contains(from));
        near.map(|from| (*zone, from * 1_000))
    });
    proptest::sample::select(changes.collect::<Vec<_>>())
}

pub(super) fn around_a_change() -> impl Strategy<Value = (Question, Vec<slow::Stored>)> {
    change_of_clocks().prop_flat_map(|(zone, around)| {
        let intervals = prop_oneof![
            prop_oneof![Just(900_000), Just(7_000_000)].prop_map(|n| Interval::Calendar(n, "ms")),
            prop_oneof![Just(600), Just(4_000)].prop_map(|n| Interval::Calendar(n, "s")),
            (5i64..90).prop_map(|n| Interval::Calendar(n, "m")),
            (1i64..30).prop_map(|n| Interval::Calendar(n, "h")),
            (1i64..4).prop_map(|n| Interval::Calendar(n, "d")),
            (1i64..3).prop_map(|n| Interval::Calendar(n, "w")),
        ];
        let times = Times {
            around,
            step: HOUR / 2,
            count: 144,
        };
        let span = 2 * 86_400 * 2;
        (
            question(
                downsampling(intervals, aggregator()),
                Just(zone),
                around,
                span,
            ),
            series(times, raw(), 1),
        )
    })
}

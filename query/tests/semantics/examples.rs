//! Every worked example of the specification, and one case for each rule that it states in a sentence.
//! Times are seconds after `T`.

use penstock_model::{Timestamp, Value};
use penstock_query::{Limits, Point, Query};

use crate::memory::{Kept, Memory, T, answer, dps, generous, keep, uri};

fn memory() -> Memory {
    Memory::default()
}

/// Values 0, 1, 2, ... every 300 s.
fn every_five_minutes(count: i64) -> Memory {
    let values: Vec<(i64, String)> = (0..count).map(|at| (at * 300, at.to_string())).collect();
    let samples: Vec<(i64, &str)> = values
        .iter()
        .map(|(at, value)| (*at, value.as_str()))
        .collect();
    memory().with("host=a", &samples)
}

#[test]
fn an_unaligned_start_drops_its_bucket_and_the_last_takes_all_its_points() {
    let answer = dps(
        "start=+120&end=+1300&m=sum:10m-max:m",
        &mut every_five_minutes(20),
    );
    assert_eq!(answer, "600: 3.0, 1200: 5.0");
}

#[test]
fn all_takes_what_lies_before_the_end() {
    let answer = dps(
        "start=+300&end=+900&m=sum:0all-count:m",
        &mut every_five_minutes(20),
    );
    assert_eq!(answer, "300: 2.0");
    let nothing = dps(
        "start=+301&end=+400&m=sum:0all-sum-zero:m",
        &mut every_five_minutes(20),
    );
    assert_eq!(nothing, "");
}

#[test]
fn integers_before_a_float_print_as_floats_one_point_earlier() {
    let mut series = memory().with("host=a", &[(0, "1"), (10, "2"), (20, "3.5")]);
    for aggregator in ["sum", "none", "max"] {
        let uri = format!("start=+0&end=+60&m={aggregator}:m");
        assert_eq!(dps(&uri, &mut series), "0: 1, 10: 2.0, 20: 3.5");
    }
}

#[test]
fn three_sums_differ_between_points() {
    let mut series = memory()
        .with("host=a", &[(0, "10"), (20, "30"), (60, "50")])
        .with("host=b", &[(20, "5"), (40, "9")]);
    let mut sums = |name| dps(&format!("start=+0&end=+60&m={name}:m"), &mut series);
    assert_eq!(sums("sum"), "0: 10, 20: 35, 40: 49, 60: 50");
    assert_eq!(sums("zimsum"), "0: 10, 20: 35, 40: 9, 60: 50");
    assert_eq!(sums("pfsum"), "0: 10, 20: 35, 40: 39, 60: 50");
    // What lies between points is 0, and is counted.
    assert_eq!(sums("count"), "0: 1, 20: 2, 40: 2, 60: 1");
    assert_eq!(sums("avg"), "0: 10, 20: 17, 40: 24, 60: 50");
    assert_eq!(sums("dev"), "0: 0, 20: 12, 40: 15, 60: 0");
    assert_eq!(sums("diff"), "0: 0, 20: -25, 40: -31, 60: 0");
    assert_eq!(sums("first"), "0: 10, 20: 30, 40: 0, 60: 50");
    assert_eq!(sums("last"), "0: 10, 20: 5, 40: 9, 60: 50");
    assert_eq!(sums("squareSum"), "0: 100, 20: 925, 40: 81, 60: 2500");
    assert_eq!(sums("mult"), "0: 10, 20: 150, 40: 360, 60: 50");
    assert_eq!(sums("median"), "0: 10, 20: 30, 40: 40, 60: 50");
}

#[test]
fn the_first_point_of_the_range_has_a_rate_against_the_one_before() {
    let mut series = memory().with("host=a", &[(0, "0"), (600, "60"), (1_200, "0")]);
    assert_eq!(
        dps("start=+600&end=+1200&m=sum:rate:m", &mut series),
        "600: 0.1, 1200: -0.1"
    );
    // The hour begins anew: no point before.
    let mut late = memory().with("host=a", &[(3_000, "0"), (3_600, "60"), (4_200, "120")]);
    assert_eq!(
        dps("start=+3600&end=+4200&m=sum:rate:m", &mut late),
        "4200: 0.1"
    );
}

#[test]
fn counters_wrap_are_reset_or_dropped() {
    let mut series = memory().with("host=a", &[(0, "90"), (10, "10"), (20, "20")]);
    let mut rate = |options| {
        let uri = format!("start=+0&end=+60&m=sum:rate{{{options}}}:m");
        dps(&uri, &mut series)
    };
    assert_eq!(rate("counter,100"), "10: 2.0, 20: 1.0");
    assert_eq!(rate("counter,100,1"), "10: 0.0, 20: 1.0");
    assert_eq!(rate("dropcounter"), "20: 1.0");
    assert_eq!(rate("gauge"), "10: -8.0, 20: 1.0");
}

#[test]
fn a_rate_is_held_between_points_whatever_the_aggregator() {
    let mut series = memory()
        .with("host=a", &[(0, "0"), (10, "10"), (30, "50")])
        .with("host=b", &[(0, "0"), (20, "100"), (30, "300")]);
    assert_eq!(
        dps("start=+0&end=+60&m=sum:rate:m", &mut series),
        "10: 1.0, 20: 6.0, 30: 22.0"
    );
    assert_eq!(
        dps("start=+0&end=+60&m=zimsum:rate:m", &mut series),
        "10: 1.0, 20: 6.0, 30: 22.0"
    );
}

#[test]
fn one_point_has_no_rate() {
    assert_eq!(
        answer(
            "start=+0&m=sum:rate:m",
            &mut memory().with("a=b", &[(0, "1")])
        ),
        "[]"
    );
}

#[test]
fn buckets_come_before_rates() {
    assert_eq!(
        dps(
            "start=+0&end=+1500&m=sum:10m-max:rate:m",
            &mut every_five_minutes(6)
        ),
        // 1, 3, 5 every 600 s.
        format!("600: {0:?}, 1200: {0:?}", 2.0 / 600.0)
    );
}

#[test]
fn empty_buckets_are_filled_or_interpolated_across() {
    let gap = || {
        memory()
            .with("host=a", &[(0, "10"), (120, "30")])
            .with("host=b", &[(0, "1"), (60, "2"), (120, "3")])
    };
    let with = |fill: &str| {
        dps(
            &format!("start=+0&end=+120&m=sum:1m-sum{fill}:m"),
            &mut gap(),
        )
    };
    assert_eq!(with(""), "0: 11.0, 60: 22.0, 120: 33.0");
    assert_eq!(with("-none"), "0: 11.0, 60: 22.0, 120: 33.0");
    assert_eq!(with("-zero"), "0: 11.0, 60: 2.0, 120: 33.0");
    assert_eq!(with("-nan"), "0: 11.0, 60: 2.0, 120: 33.0");
    let mut alone = memory().with("host=a", &[(0, "10"), (120, "30")]);
    assert_eq!(
        dps("start=+0&end=+180&m=sum:1m-sum-nan:m", &mut alone),
        "0: 10.0, 60: NaN, 120: 30.0, 180: NaN"
    );
    // A function over nothing but NaN is NaN, but a count is 0.
    assert_eq!(
        dps("start=+0&end=+60&m=count:1m-sum-nan:m", &mut alone),
        "0: 1.0, 60: 0.0"
    );
}

#[test]
fn months_are_filled_to_the_last() {
    let day = 86_400;
    let mut series = memory().with("host=a", &[(0, "1"), (40 * day, "2")]);
    let uri = format!("start=+0&end=+{}&m=sum:1nc-sum-zero:m", 100 * day);
    assert_eq!(
        dps(&uri, &mut series),
        // January, February, March and April of 2013.
        format!(
            "0: 1.0, {}: 2.0, {}: 0.0, {}: 0.0",
            31 * day,
            59 * day,
            90 * day
        )
    );
}

#[test]
fn a_calendar_bucket_is_read_to_its_end() {
    let day = 86_400;
    // Asked until the first of January, the month is whole: its 31 days are longer than nominal.
    let mut series = memory().with("host=a", &[(0, "1"), (31 * day - 1, "2"), (31 * day, "4")]);
    assert_eq!(
        dps("start=+0&end=+1&m=sum:1nc-sum:m", &mut series),
        "0: 3.0"
    );
}

#[test]
fn a_series_behind_the_window_is_not_there_though_a_calendar_bucket_is_read_to_its_end() {
    let mut series = memory()
        .with("host=a", &[(3_600, "1")])
        .with("host=late", &[(86_400 + 5 * 3_600, "9")]);
    let mut asked = |m: &str| dps(&format!("start=+0&end=+43200&m={m}:m"), &mut series);
    for kind in ["1d", "1dc"] {
        assert_eq!(asked(&format!("count:{kind}-sum-zero")), "0: 1.0");
    }
    // Of two days the second is read whole, and is the last that begins before the end.
    let days = dps("start=+0&end=+86400&m=count:1dc-sum:m", &mut series);
    assert_eq!(days, "0: 1.0, 86400: 1.0");
}

#[test]
fn days_of_a_zone_may_have_23_hours() {
    // 2013-03-31 in Paris begins on the 30th at 23:00 UTC, 88 days and 23 hours after T.
    let begin = 89 * 86_400 - 3_600;
    let mut series = memory().with(
        "host=a",
        &[
            (begin, "1"),
            (begin + 23 * 3_600 - 1, "2"),
            (begin + 23 * 3_600, "4"),
        ],
    );
    let uri = format!(
        "start=+{begin}&end=+{}&timezone=Europe/Paris&m=sum:1dc-sum:m",
        begin + 2 * 86_400
    );
    assert_eq!(
        dps(&uri, &mut series),
        format!("{begin}: 3.0, {}: 4.0", begin + 23 * 3_600)
    );
}

#[test]
fn a_zone_alone_does_not_cut_by_the_calendar() {
    let mut series = memory().with("host=a", &[(0, "1"), (3_600, "2")]);
    assert_eq!(
        dps(
            "start=+0&end=+7200&timezone=Europe/Paris&m=sum:1d-sum:m",
            &mut series
        ),
        "0: 3.0"
    );
}

fn tagged(results: &[Kept]) -> Vec<String> {
    results
        .iter()
        .map(|result| {
            let tags: Vec<String> = result
                .tags
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            format!("{} [{}]", tags.join(","), result.aggregate_tags.join(","))
        })
        .collect()
}

fn three_hosts() -> Memory {
    memory()
        .with("cpu=0,dc=x,host=a", &[(0, "1")])
        .with("cpu=1,dc=x,host=a", &[(0, "2")])
        .with("cpu=0,host=b", &[(0, "3")])
        .with("cpu=0,host=c", &[(90_000, "9")])
}

#[test]
fn tags_are_what_the_series_that_have_the_key_share() {
    let ask = |m: &str| {
        let query = uri(&format!("start=+0&end=+60&m={m}"));
        tagged(&keep(&query, &mut three_hosts(), generous()).unwrap())
    };
    // `dc` is missing in one series, and still the same where it is. Host c has no point in the window.
    assert_eq!(ask("sum:m"), ["dc=x [cpu,host]"]);
    assert_eq!(
        ask("sum:m{host=*}"),
        ["dc=x,host=a [cpu]", "cpu=0,host=b []"]
    );
    assert_eq!(
        ask("none:m{dc=*}"),
        ["cpu=0,dc=x,host=a []", "cpu=1,dc=x,host=a []"]
    );
    assert_eq!(ask("sum:m{}{dc=*}"), ["dc=x,host=a [cpu]"]);
    assert_eq!(ask("sum:m{host=a|b}"), ask("sum:m{host=*}"));
    assert_eq!(ask("sum:m{}{host=regexp(^[ab]$)}"), ["dc=x [cpu,host]"]);
    assert_eq!(ask("sum:m{}{host=not_literal_or(a)}"), ["cpu=0,host=b []"]);
}

#[test]
fn explicit_tags_want_no_other_key() {
    let ask = |m: &str| {
        let query = uri(&format!("start=+0&end=+60&m={m}"));
        tagged(&keep(&query, &mut three_hosts(), generous()).unwrap())
    };
    assert_eq!(
        ask("sum:explicit_tags:m{host=*}{cpu=*}"),
        ["cpu=0,host=b []"]
    );
    assert_eq!(ask("sum:explicit_tags:m").len(), 1);
    assert_eq!(ask("sum:explicit_tags:m{host=*}"), Vec::<String>::new());
}

#[test]
fn the_guides_query_runs() {
    let body = r#"{"start": 1346846000000, "end": 1346847300005, "queries": [{"metric": "sys.cpu.nice",
        "aggregator": "min", "downsample": "4m-avg", "tags": {"host": "*", "dc": "*"}}]}"#;
    let mut source = memory().with_kind(
        "sys.cpu.nice",
        penstock_model::SeriesKind::Raw,
        "host=web01,dc=lga",
        &[],
    );
    source.series[0].samples = [(1_346_846_400_000, 18), (1_346_846_460_000, 9)]
        .map(|(millis, value)| Point::new(Timestamp::from_millis(millis), Value::Integer(value)))
        .to_vec();
    let query = Query::from_json(body.as_bytes(), Timestamp::from_millis(T * 1_000)).unwrap();
    assert_eq!(
        crate::memory::render(&query, &mut source),
        r#"[{"metric":"sys.cpu.nice","tags":{"dc":"lga","host":"web01"},"aggregateTags":[],"dps":{"1346846400":13.5}}]"#
    );
}

#[test]
fn nothing_found_is_an_empty_list() {
    assert_eq!(
        answer("start=+0&end=+60&m=sum:m{host=zzz*}", &mut three_hosts()),
        "[]"
    );
    assert_eq!(
        answer("start=+500000&end=+500060&m=sum:m", &mut three_hosts()),
        "[]"
    );
}

#[test]
fn a_group_without_a_point_in_the_range_is_left_out() {
    let mut series = memory().with("host=a", &[(0, "1"), (3_000, "2")]);
    assert_eq!(answer("start=+60&end=+120&m=sum:m", &mut series), "[]");
}

#[test]
fn ids_select_and_overrule_filters() {
    let mut source = three_hosts();
    let id = crate::memory::tsuid_of(&source.series[2]).to_lowercase();
    let query = uri(&format!("start=+0&end=+60&show_tsuids&tsuid=sum:{id}"));
    let answer = crate::memory::render(&query, &mut source);
    assert!(
        answer.contains(r#""tags":{"cpu":"0","host":"b"}"#),
        "{answer}"
    );
    assert!(answer.contains(&id.to_uppercase()), "{answer}");
}

#[test]
fn limits_do_not_touch_what_fits() {
    let limits = Limits {
        series: 4,
        samples: 4,
        range: Some(std::time::Duration::from_mins(1)),
        ..generous()
    };
    let query = uri("start=+0&end=+60&m=sum:m");
    assert_eq!(keep(&query, &mut three_hosts(), limits).unwrap().len(), 1);
}

//! Stored rollups and pre-aggregates in place of raw data.

use penstock_model::SeriesKind;

use crate::memory::{Memory, answer, dps};

fn rollup(interval: &str, function: &str) -> SeriesKind {
    SeriesKind::Rollup {
        interval: interval.parse().unwrap(),
        aggregator: function.parse().unwrap(),
    }
}

fn memory() -> Memory {
    let hours = [(0, "10"), (3_600, "20")];
    Memory::default()
        .with("host=a", &[(0, "1"), (60, "2"), (3_600, "3")])
        .with_kind("m", rollup("1h", "sum"), "host=a", &hours)
        .with_kind(
            "m",
            rollup("1h", "count"),
            "host=a",
            &[(0, "4"), (3_600, "2")],
        )
        .with_kind(
            "m",
            rollup("30m", "max"),
            "host=a",
            &[(0, "7"), (1_800, "9")],
        )
        .with_kind("raw.only", SeriesKind::Raw, "host=a", &[(0, "5"), (1, "6")])
}

fn ask(m: &str) -> String {
    dps(&format!("start=+0&end=+7199&m={m}"), &mut memory())
}

#[test]
fn the_largest_table_that_fits_is_read() {
    assert_eq!(ask("sum:1h-sum:m"), "0: 10.0, 3600: 20.0");
    assert_eq!(ask("sum:2h-sum:m"), "0: 30.0");
    assert_eq!(ask("sum:2h-zimsum:m"), "0: 30.0");
    assert_eq!(ask("sum:1h-max:m"), "0: 9.0");
    assert_eq!(ask("sum:1h-mimmax:m"), "0: 9.0");
}

#[test]
fn averages_divide_and_counts_are_added() {
    assert_eq!(ask("sum:2h-avg:m"), "0: 5.0");
    assert_eq!(ask("sum:2h-count:m"), "0: 6.0");
    // Rates and the group's own function follow as usual.
    assert_eq!(
        ask("max:1h-avg:rate:m"),
        format!("3600: {:?}", 7.5 / 3_600.0)
    );
}

#[test]
fn a_sum_without_its_count_is_skipped() {
    let mut source = Memory::default()
        .with_kind(
            "m",
            rollup("1h", "sum"),
            "host=a",
            &[(0, "10"), (3_600, "20"), (7_200, "6")],
        )
        .with_kind(
            "m",
            rollup("1h", "count"),
            "host=a",
            &[(0, "4"), (7_200, "3"), (10_800, "1")],
        )
        .with_kind("m", rollup("1h", "sum"), "host=b", &[(0, "100")]);
    source.batch = 1;
    assert_eq!(
        dps("start=+0&end=+14000&m=sum:1h-avg:m", &mut source),
        "0: 2.5, 7200: 2.0"
    );
}

#[test]
fn usage_says_what_is_read_instead() {
    assert_eq!(ask("sum:1h-sum:rollup_raw:m"), "0: 3.0, 3600: 3.0");
    assert_eq!(ask("sum:1h-sum:ROLLUP_NOFALLBACK:m"), "0: 10.0, 3600: 20.0");
    assert_eq!(ask("sum:1h-sum:raw.only"), "0: 11.0");
    assert_eq!(ask("sum:1h-sum:rollup_nofallback:raw.only"), "");
    assert_eq!(ask("sum:1h-sum:rollup_fallback:raw.only"), "");
    assert_eq!(ask("sum:1h-min:m"), "0: 1.0, 3600: 3.0");
    assert_eq!(ask("sum:1h-dev:m"), "0: 0.5, 3600: 0.0");
    assert_eq!(ask("sum:10m-sum:m"), "0: 3.0, 3600: 3.0");
}

#[test]
fn an_empty_table_falls_back() {
    let early = || {
        Memory::default()
            .with("host=a", &[(0, "1")])
            .with_kind("m", rollup("2h", "sum"), "host=a", &[(-90_000, "50")])
            .with_kind("m", rollup("1h", "sum"), "host=a", &[(0, "10")])
    };
    let ask = |usage: &str| {
        let uri = format!("start=+0&end=+7199&m=sum:2h-sum:{usage}:m");
        dps(&uri, &mut early())
    };
    assert_eq!(ask("rollup_fallback"), "0: 10.0");
    assert_eq!(ask("rollup_fallback_raw"), "0: 1.0");
    assert_eq!(ask("rollup_nofallback"), "");
    // An unknown word is the default.
    assert_eq!(ask("rollup_whatever"), "0: 1.0");
}

#[test]
fn without_buckets_raw_data_is_read() {
    assert_eq!(ask("sum:m"), "0: 1, 60: 2, 3600: 3");
    assert_eq!(
        dps("start=+0&end=+3601&m=sum:0all-sum:m", &mut memory()),
        "0: 6.0"
    );
}

#[test]
fn pre_aggregates_never_mix() {
    let function = || "sum".parse().unwrap();
    let mut source = Memory::default()
        .with("host=a", &[(0, "1")])
        .with_kind(
            "m",
            SeriesKind::PreAggregate {
                group_by: function(),
            },
            "_aggregate=SUM,dc=x",
            &[(0, "70")],
        )
        .with_kind(
            "m",
            SeriesKind::RolledUpPreAggregate {
                interval: "1h".parse().unwrap(),
                aggregator: function(),
                group_by: function(),
            },
            "_aggregate=SUM,dc=x",
            &[(0, "900")],
        );
    let mut ask = |m: &str| dps(&format!("start=+0&end=+3599&m={m}"), &mut source);
    assert_eq!(ask("sum:m"), "0: 1");
    assert_eq!(ask("sum:m{_aggregate=SUM}"), "0: 70");
    assert_eq!(ask("sum:pre-agg:m"), "0: 70");
    assert_eq!(ask("sum:1h-sum:m"), "0: 1.0");
    assert_eq!(ask("sum:1h-sum:m{_aggregate=SUM}"), "0: 900.0");
}

#[test]
fn a_histogram_query_finds_nothing() {
    assert_eq!(
        answer("start=+0&m=sum:percentiles[99]:m", &mut memory()),
        "[]"
    );
}

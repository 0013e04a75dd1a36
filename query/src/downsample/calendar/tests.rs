use super::*;
use crate::zone;
use proptest::prelude::*;

fn calendar(span: &str, zone: &str, first: &str) -> Calendar {
    let zone = zone::named(zone).unwrap();
    Calendar::anchored(Span::parse(span).unwrap(), &zone, at(first))
}

fn at(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

fn around(calendar: &Calendar, time: &str) -> [String; 2] {
    let (start, end) = calendar.around(at(time));
    [start, end].map(|moment| {
        jiff::Timestamp::from_millisecond(moment)
            .unwrap()
            .to_string()
    })
}

#[test]
fn days_have_the_length_that_the_zone_gives_them() {
    let days = calendar("1d", "Europe/Paris", "2013-03-30T10:00:00Z");
    // Clocks go forward in the night to the 31st: 23 hours.
    assert_eq!(
        around(&days, "2013-03-31T10:00:00Z"),
        ["2013-03-30T23:00:00Z", "2013-03-31T22:00:00Z"]
    );
    // And back on 27 October: 25 hours.
    assert_eq!(
        around(&days, "2013-10-27T22:59:59Z"),
        ["2013-10-26T22:00:00Z", "2013-10-27T23:00:00Z"]
    );
}

#[test]
fn anchors_are_where_the_larger_unit_begins() {
    let cases = [
        ("1d", ["2013-05-15T00:00:00Z", "2013-05-16T00:00:00Z"]),
        // From 1 January: 134 days have passed.
        ("5d", ["2013-05-11T00:00:00Z", "2013-05-16T00:00:00Z"]),
        // A Wednesday: the Sunday before.
        ("1w", ["2013-05-12T00:00:00Z", "2013-05-19T00:00:00Z"]),
        ("2w", ["2013-05-12T00:00:00Z", "2013-05-26T00:00:00Z"]),
        ("1n", ["2013-05-01T00:00:00Z", "2013-06-01T00:00:00Z"]),
        ("2n", ["2013-05-01T00:00:00Z", "2013-07-01T00:00:00Z"]),
        ("3n", ["2013-04-01T00:00:00Z", "2013-07-01T00:00:00Z"]),
        ("1y", ["2013-01-01T00:00:00Z", "2014-01-01T00:00:00Z"]),
        ("6h", ["2013-05-15T12:00:00Z", "2013-05-15T18:00:00Z"]),
        // 350 hours since the first of the month: 70 times 5.
        ("5h", ["2013-05-15T14:00:00Z", "2013-05-15T19:00:00Z"]),
        ("15m", ["2013-05-15T14:15:00Z", "2013-05-15T14:30:00Z"]),
        // 868 minutes since midnight: 124 times 7.
        ("7m", ["2013-05-15T14:28:00Z", "2013-05-15T14:35:00Z"]),
        ("30s", ["2013-05-15T14:28:00Z", "2013-05-15T14:28:30Z"]),
        // 1710 seconds of the hour: 244 times 7.
        ("7s", ["2013-05-15T14:28:28Z", "2013-05-15T14:28:35Z"]),
        ("500ms", ["2013-05-15T14:28:30Z", "2013-05-15T14:28:30.5Z"]),
        ("700ms", ["2013-05-15T14:28:30Z", "2013-05-15T14:28:30.7Z"]),
    ];
    for (span, expected) in cases {
        let first = match span {
            "30s" | "15m" | "7m" => "2013-05-15T14:28:10Z",
            "700ms" => "2013-05-15T14:28:30.100Z",
            _ => "2013-05-15T14:28:30Z",
        };
        if span == "700ms" {
            // 30.1 s of the minute hold 43 whole buckets: 30.1 s.
            assert_eq!(
                around(&calendar(span, "UTC", first), first)[0],
                "2013-05-15T14:28:30.1Z"
            );
        } else {
            assert_eq!(
                around(&calendar(span, "UTC", first), first),
                expected,
                "{span}"
            );
        }
    }
}

#[test]
fn buckets_before_the_anchor_are_there_too() {
    let months = calendar("2n", "UTC", "2013-05-15T00:00:00Z");
    assert_eq!(
        around(&months, "2012-12-31T23:59:59Z"),
        ["2012-11-01T00:00:00Z", "2013-01-01T00:00:00Z"]
    );
}

#[test]
fn hours_are_elapsed_time_from_a_local_midnight() {
    let hours = calendar("1h", "Asia/Kolkata", "2013-05-15T00:10:00Z");
    assert_eq!(
        around(&hours, "2013-05-15T00:40:00Z"),
        ["2013-05-15T00:30:00Z", "2013-05-15T01:30:00Z"]
    );
}

proptest! {
    #[test]
    fn every_moment_lies_in_its_bucket(
        amount in 1i64..40,
        unit in prop_oneof!["ms", "s", "m", "h", "d", "w", "n", "y"],
        zone in prop_oneof![Just("UTC"), Just("Europe/Paris"), Just("America/Sao_Paulo"), Just("Asia/Kolkata")],
        first in 0i64..4_000_000_000_000,
        time in 0i64..4_000_000_000_000,
    ) {
        let span = Span::parse(&format!("{amount}{unit}")).unwrap();
        let calendar = Calendar::anchored(span, &zone::named(zone).unwrap(), first);
        let (start, end) = calendar.around(time);
        prop_assert!(start <= time && time < end);
        prop_assert_eq!(calendar.around(start), (start, end));
        prop_assert_eq!(calendar.around(end).0, end);
        prop_assert_eq!(calendar.around(end - 1), (start, end));
    }
}

#[test]
fn the_last_bucket_of_the_calendar_has_no_end() {
    // Its end would be the same last date: a fill that walks from bucket to bucket would never arrive.
    let end_of_9999 = at("9999-12-30T22:00:00Z");
    for span in ["106751991167d", "9223372036854775807ms", "292471208y"] {
        let calendar = calendar(span, "UTC", "2013-05-15T00:00:00Z");
        let (start, end) = calendar.around(end_of_9999);
        assert!(start <= end_of_9999 && end > end_of_9999, "{span}");
    }
}

proptest! {
    #[test]
    fn a_walk_meets_every_bucket(
        amount in 1i64..40,
        unit in prop_oneof!["ms", "s", "m", "h", "d", "w", "n", "y"],
        zone in prop_oneof![
            Just("UTC"),
            Just("Europe/Paris"),
            Just("America/Sao_Paulo"),
            Just("Asia/Kolkata"),
            Just("Pacific/Apia"),
            Just("Africa/Monrovia"),
        ],
        first in 0i64..4_000_000_000_000,
        from in prop_oneof![
            0i64..4_000_000_000_000,
            // Around midnights that are not there: Sao Paulo in October 2013, Apia at the end of 2011.
            1_381_000_000_000i64..1_383_000_000_000,
            1_324_000_000_000i64..1_326_000_000_000,
        ],
    ) {
        let span = Span::parse(&format!("{amount}{unit}")).unwrap();
        let calendar = Calendar::anchored(span, &zone::named(zone).unwrap(), first);
        let mut walk = calendar.walk_from(from);
        let (start, end) = calendar.around(from);
        let mut next = if start == from { start } else { end };
        for _ in 0..40 {
            prop_assert_eq!(walk.start(), next);
            next = calendar.around(next).1;
            walk.step();
        }
    }
}

#[test]
fn a_walk_ends_with_the_calendar() {
    for span in [
        "1d",
        "5w",
        "7n",
        "3y",
        "9223372036854775807ms",
        "292471208y",
    ] {
        let calendar = calendar(span, "Europe/Paris", "2013-05-15T00:00:00Z");
        let mut walk = calendar.walk_from(at("9999-01-01T00:00:00Z"));
        let mut steps = 0;
        while walk.start() <= at("9999-12-30T22:00:00Z") {
            walk.step();
            steps += 1;
        }
        assert!(steps < 400, "{span}");
        walk.step();
        assert!(walk.start() > at("9999-12-30T22:00:00Z"), "{span}");
    }
}

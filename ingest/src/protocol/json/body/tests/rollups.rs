//! The three members more of a rollup.

use super::*;

fn rollup(members: &str) -> String {
    format!(
        r#"{{"metric":"sys.cpu.nice","timestamp":1356998520,"value":18,"tags":{{"host":"web01"}}{members}}}"#
    )
}

#[track_caller]
fn rolled_up(members: &str, expected: &str) {
    for profile in [Profile::Lenient, Profile::OpenTsdb] {
        assert_eq!(
            outcome(&rollup(members), Shape::Rollup, profile),
            [expected],
            "{members}"
        );
    }
}

#[test]
fn rollups_have_three_legal_combinations() {
    rolled_up(
        r#","interval":"1h","aggregator":"SUM""#,
        "sys.cpu.nice{host=web01} 1h-sum @ 1356998400000 = 18",
    );
    rolled_up(
        r#","groupByAggregator":"SUM""#,
        "sys.cpu.nice{_aggregate=SUM,host=web01} sum @ 1356998520000 = 18",
    );
    rolled_up(
        r#","interval":"1h","aggregator":"SUM","groupByAggregator":"max""#,
        "sys.cpu.nice{_aggregate=MAX,host=web01} 1h-sum:max @ 1356998400000 = 18",
    );
    // A function over a span that is not there is ignored.
    rolled_up(
        r#","aggregator":"SUM","groupByAggregator":"max""#,
        "sys.cpu.nice{_aggregate=MAX,host=web01} max @ 1356998520000 = 18",
    );
    // Empty strings are not set; by the complete reader too.
    rolled_up(
        r#","interval":"","aggregator":"","groupByAggregator":"m\u0061x""#,
        "sys.cpu.nice{_aggregate=MAX,host=web01} max @ 1356998520000 = 18",
    );
    // OpenTSDB's rollup page, braces put back and that comma a colon.
    let page = r#"[{"metric":"sys.cpu.nice","timestamp":1346846400,"value":18,
        "tags":{"host":"web01","dc":"lga"},
        "interval":"1h","aggregator":"SUM","groupByAggregator":"SUM"},
        {"metric":"sys.cpu.nice","timestamp":1346846400,"value":9,
        "tags":{"host":"web02","dc":"lga"},
        "interval":"1h","aggregator":"SUM","groupByAggregator":"SUM"}]"#;
    assert_eq!(
        outcome(page, Shape::Rollup, Profile::OpenTsdb),
        [
            "sys.cpu.nice{_aggregate=SUM,dc=lga,host=web01} 1h-sum:sum @ 1346846400000 = 18",
            "sys.cpu.nice{_aggregate=SUM,dc=lga,host=web02} 1h-sum:sum @ 1346846400000 = 9",
        ]
    );
    // As printed it is broken.
    let printed = page.replacen("\"groupByAggregator\":", "\"groupByAggregator\",", 1);
    assert!(
        outcome(&printed, Shape::Rollup, Profile::OpenTsdb)[0].contains("expected ':'"),
        "the comma is named"
    );
}

#[test]
fn bad_rollups_are_refused_in_opentsdbs_words() {
    rolled_up("", "Missing interval");
    rolled_up(r#","interval":"""#, "Missing interval");
    rolled_up(r#","aggregator":"sum""#, "Missing interval");
    rolled_up(r#","groupByAggregator":"""#, "Missing interval");
    rolled_up(r#","interval":"1h""#, "Missing aggregator");
    rolled_up(
        r#","interval":"1h","groupByAggregator":"sum""#,
        "Aggregator cannot be null or empty.",
    );
    rolled_up(
        r#","interval":"1h","aggregator":"sum","groupByAggregator":"""#,
        "Cannot write a group by data point without specifying the aggregation function. \
         Metric=sys.cpu.nice tags={host=web01}",
    );
    rolled_up(
        r#","interval":"1ms","aggregator":"sum""#,
        "No rollups configured for the interval: 1ms",
    );
    rolled_up(
        r#","interval":"1h","aggregator":"total""#,
        "No ID found mapping to aggregator: total",
    );
    rolled_up(
        r#","groupByAggregator":"total""#,
        "Invalid group by aggregator total with metric sys.cpu.nice {host=web01}",
    );
    rolled_up(
        r#","interval":"1h","aggregator":"avg""#,
        "Derived rollup aggregations are not allowed avg with metric sys.cpu.nice {host=web01}",
    );
    rolled_up(
        r#","groupByAggregator":"DEV""#,
        "Derived group by aggregations are not allowed DEV with metric sys.cpu.nice {host=web01}",
    );
    // Checked before the value.
    let body = rollup("").replace("18", "\"x\"");
    assert_eq!(
        outcome(&body, Shape::Rollup, Profile::Lenient),
        ["Missing interval"]
    );
    // Milliseconds only where the rules are lenient.
    let body =
        rollup(r#","interval":"1h","aggregator":"sum""#).replace("1356998520", "1356998520123");
    assert_eq!(
        outcome(&body, Shape::Rollup, Profile::Lenient),
        ["sys.cpu.nice{host=web01} 1h-sum @ 1356998400000 = 18"]
    );
    assert_eq!(
        outcome(&body, Shape::Rollup, Profile::OpenTsdb),
        ["bad timestamp=1356998520123 when trying to add value=18 to metric=sys.cpu.nice"]
    );
    // Without a timestamp it is the interval of the receipt.
    let body =
        rollup(r#","interval":"1h","aggregator":"sum""#).replace("\"timestamp\":1356998520,", "");
    assert_eq!(
        outcome(&body, Shape::Rollup, Profile::Lenient),
        ["sys.cpu.nice{host=web01} 1h-sum @ 1699999200000 = 18"]
    );
}

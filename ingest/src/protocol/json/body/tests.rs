use penstock_model::{Charset, SeriesKind, Timestamp};
use penstock_tenancy::Profile;
use proptest::prelude::*;

use super::*;
use crate::protocol::name_rules::NameRules;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// Each element of a body in one text, or why the body is refused.
fn outcome(body: &str, shape: Shape, profile: Profile) -> Vec<String> {
    let mut parsed = match PutBody::parse(body.as_bytes(), shape) {
        Ok(parsed) => parsed,
        Err(error) => {
            let details = error
                .details()
                .map_or_else(String::new, |text| format!(": {text}"));
            return vec![format!("400 {error}{details}")];
        }
    };
    let mut elements = Vec::new();
    while let Some(element) = parsed.next_element() {
        elements.push(shown(&element, profile));
    }
    elements
}

fn shown(element: &Element<'_>, profile: Profile) -> String {
    let rules = NameRules {
        profile,
        charset: Charset::OpenTsdb,
    };
    let point = match element.check(profile) {
        Ok(point) => point,
        Err(fault) => return fault.http_text(),
    };
    let series = match point.client_series(&rules) {
        Ok(series) => series,
        Err(fault) => return fault.http_text(),
    };
    let tags: Vec<String> = series
        .tags
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    let kind = match &point.kind {
        SeriesKind::Raw => String::new(),
        SeriesKind::Rollup {
            interval,
            aggregator,
        } => format!(" {interval}-{aggregator}"),
        SeriesKind::PreAggregate { group_by } => format!(" {group_by}"),
        SeriesKind::RolledUpPreAggregate {
            interval,
            aggregator,
            group_by,
        } => {
            format!(" {interval}-{aggregator}:{group_by}")
        }
    };
    let credential = element.credential().map_or_else(String::new, |raw| {
        format!(" as {}", String::from_utf8_lossy(raw))
    });
    format!(
        "{}{{{}}}{kind} @ {} = {}{credential}",
        series.metric,
        tags.join(","),
        point.moment(NOW),
        point.value
    )
}

#[track_caller]
fn lenient(body: &str, expected: &[&str]) {
    assert_eq!(
        outcome(body, Shape::Put, Profile::Lenient),
        expected,
        "{body}"
    );
}

#[track_caller]
fn strict(body: &str, expected: &[&str]) {
    assert_eq!(
        outcome(body, Shape::Put, Profile::OpenTsdb),
        expected,
        "{body}"
    );
}

#[track_caller]
fn both(body: &str, expected: &[&str]) {
    lenient(body, expected);
    strict(body, expected);
}

/// One point with everything in order but `member`, which replaces its namesake.
fn point_with(member: &str) -> String {
    let mut members = vec![
        r#""metric":"m""#,
        r#""timestamp":1346846400"#,
        r#""value":18"#,
        r#""tags":{"host":"web01"}"#,
    ];
    let name = member.split(':').next().unwrap_or_default();
    if let Some(at) = members.iter().position(|have| have.starts_with(name)) {
        members[at] = member;
    } else {
        members.push(member);
    }
    format!("{{{}}}", members.join(","))
}

/// The same without the member `name`.
fn point_without(name: &str) -> String {
    point_with(&format!("\"{name}\":0")).replace(&format!("\"{name}\":0"), "\"other\":0")
}

#[test]
fn the_guides_bodies_are_read() {
    // OpenTSDB's put page and OVH Metrics' guide.
    both(
        r#"{
            "metric": "sys.cpu.nice",
            "timestamp": 1346846400,
            "value": 18,
            "tags": {
                "host": "web01",
                "dc": "lga"
            }
        }"#,
        &["sys.cpu.nice{dc=lga,host=web01} @ 1346846400000 = 18"],
    );
    both(
        r#"[
            {"metric": "sys.cpu.nice", "timestamp": 1346846400, "value": 18,
             "tags": {"host": "web01", "dc": "lga"}},
            {"metric": "sys.cpu.nice", "timestamp": 1346846400, "value": 9,
             "tags": {"host": "web02", "dc": "lga"}}
        ]"#,
        &[
            "sys.cpu.nice{dc=lga,host=web01} @ 1346846400000 = 18",
            "sys.cpu.nice{dc=lga,host=web02} @ 1346846400000 = 9",
        ],
    );
    // OVH's Python sample, sent with json.dumps: the timestamp is a string.
    both(
        r#"{"metric": "sys.cpu.nice", "timestamp": "1346846400", "value": 18, "tags": {"host": "web01", "dc": "lga"}}"#,
        &["sys.cpu.nice{dc=lga,host=web01} @ 1346846400000 = 18"],
    );
    // VictoriaMetrics: no timestamp, no tags.
    lenient(
        r#"{"metric":"x.y.z","value":45.34,"tags":{"t1":"v1","t2":"v2"}}"#,
        &["x.y.z{t1=v1,t2=v2} @ 1700000000000 = 45.34"],
    );
    lenient(
        r#"[{"metric":"foo","value":45.34},{"metric":"bar","value":43}]"#,
        &[
            "foo{} @ 1700000000000 = 45.34",
            "bar{} @ 1700000000000 = 43",
        ],
    );
}

#[test]
fn the_python_sample_as_printed_is_told_what_to_mend() {
    both(
        "metric=sys.cpu.nice&timestamp=1346846400&value=18&tags=host&tags=dc",
        &[
            "400 The JSON must start as an object or an array: The body is an HTML form \
           (name=value&...). Send JSON: with Python's requests, data=json.dumps(payload) instead of \
           data=payload.",
        ],
    );
}

#[test]
fn whole_requests_fail_in_opentsdbs_words() {
    both("", &["400 Missing request content"]);
    both(" \r\n\t", &["400 Missing request content"]);
    both("[]", &["400 No datapoints found in content"]);
    // netdata.
    both("[ ]", &["400 No datapoints found in content"]);
    both(
        "hello",
        &["400 The JSON must start as an object or an array"],
    );
    both(
        "\"m\"",
        &["400 The JSON must start as an object or an array"],
    );
    both("5", &["400 The JSON must start as an object or an array"]);
}

#[track_caller]
fn broken(body: &str, details: &str) {
    both(
        body,
        &[&format!("400 Unable to parse the given JSON: {details}")],
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one case a line")]
fn broken_json_is_named_with_its_place() {
    // Cut off.
    broken(
        "{",
        "expected a member's name in quotes at byte 1, in data point 0",
    );
    broken("[", "unexpected end at byte 1, in data point 0");
    broken("[{}", "expected ',' or ']' at byte 3, in data point 0");
    broken("[{},", "unexpected end at byte 4, in data point 1");
    broken(
        "{\"metric",
        "unexpected end inside a string at byte 8, in data point 0",
    );
    broken(
        "{\"metric\\",
        "unexpected end inside a string at byte 9, in data point 0",
    );
    broken("{\"metric\":", "unexpected end at byte 10, in data point 0");
    broken(
        "{\"metric\":\"m\"",
        "expected ',' or '}' at byte 13, in data point 0",
    );
    broken(
        "{\"tags\":{\"a\":\"b\"",
        "expected ',' or '}' at byte 16, in data point 0",
    );
    // Commas too many and too few.
    broken("[{},]", "expected a value at byte 4, in data point 1");
    broken("[,{}]", "expected a value at byte 1, in data point 0");
    broken(
        "{\"value\":1,}",
        "expected a member's name in quotes at byte 11, in data point 0",
    );
    broken("[{}{}]", "expected ',' or ']' at byte 3, in data point 0");
    // OpenTSDB's rollup page has a comma for a colon.
    broken(
        "{\"aggregator\", \"SUM\"}",
        "expected ':' at byte 13, in data point 0",
    );
    // Something behind the end: another body, say, whose points would be lost.
    broken(
        "{}{}",
        "unexpected text after the end at byte 2, in data point 0",
    );
    broken(
        "[{}] x",
        "unexpected text after the end at byte 5, in data point 0",
    );
    broken(
        "[]]",
        "unexpected text after the end at byte 2, in data point 0",
    );
    // Elements that are no points.
    broken("[1]", "expected an object at byte 1, in data point 0");
    broken("[\"m\"]", "expected an object at byte 1, in data point 0");
    broken("[[{}]]", "expected an object at byte 1, in data point 0");
    // Words and numbers that are none.
    broken(
        "{\"value\":nul}",
        "expected a value at byte 9, in data point 0",
    );
    broken(
        "{\"value\":True}",
        "expected a value at byte 9, in data point 0",
    );
    broken(
        "{\"value\":01}",
        "malformed number at byte 9, in data point 0",
    );
    broken(
        "{\"value\":1.}",
        "malformed number at byte 9, in data point 0",
    );
    broken(
        "{\"value\":.5}",
        "expected a value at byte 9, in data point 0",
    );
    broken(
        "{\"value\":+5}",
        "expected a value at byte 9, in data point 0",
    );
    broken(
        "{\"value\":-}",
        "malformed number at byte 9, in data point 0",
    );
    broken(
        "{\"value\":1e}",
        "malformed number at byte 9, in data point 0",
    );
    broken(
        "{\"value\":0x10}",
        "expected ',' or '}' at byte 10, in data point 0",
    );
    // Strings with what cannot stand in them.
    broken(
        "{\"metric\":\"a\nb\"}",
        "control character in a string at byte 12, in data point 0",
    );
    broken(
        "{\"metric\":\"a\\x\"}",
        "malformed escape in a string at byte 11, in data point 0",
    );
    broken(
        "{\"metric\":\"\\ud800\"}",
        "malformed escape in a string at byte 11, in data point 0",
    );
    // Names without quotes, single quotes, comments.
    broken(
        "{metric:\"m\"}",
        "expected a member's name in quotes at byte 1, in data point 0",
    );
    broken(
        "{'metric':'m'}",
        "expected a member's name in quotes at byte 1, in data point 0",
    );
    broken(
        "{/**/}",
        "expected a member's name in quotes at byte 1, in data point 0",
    );
}

#[test]
fn wrong_types_fail_the_whole_request() {
    for (member, what) in [
        (
            "\"metric\":{}",
            "expected a string, not an object or array at byte 10",
        ),
        (
            "\"value\":[1]",
            "expected a string, not an object or array at byte 9",
        ),
        ("\"tags\":[]", "tags must be an object at byte 8"),
        ("\"tags\":\"a=b\"", "tags must be an object at byte 8"),
        ("\"tags\":5", "tags must be an object at byte 8"),
        (
            "\"tags\":{\"a\":{}}",
            "expected a string, not an object or array at byte 13",
        ),
        (
            "\"timestamp\":\"abc\"",
            "the timestamp is not an integer at byte 13",
        ),
        (
            "\"timestamp\":\"1.5\"",
            "the timestamp is not an integer at byte 13",
        ),
        ("\"timestamp\":true", "expected a number at byte 13"),
        ("\"timestamp\":{}", "expected a number at byte 13"),
        (
            "\"timestamp\":99999999999999999999",
            "the timestamp is out of range at byte 13",
        ),
        (
            "\"timestamp\":1e99",
            "the timestamp is out of range at byte 13",
        ),
        (
            "\"timestamp\":Infinity",
            "the timestamp is out of range at byte 13",
        ),
    ] {
        broken(
            &format!("{{{member}}}"),
            &format!("{what}, in data point 0"),
        );
    }
}

#[test]
fn a_break_at_the_end_stores_nothing_of_the_beginning() {
    let good = point_with("\"value\":1");
    broken(
        &format!("[{good},{good},{{\"value\":1"),
        &format!(
            "expected ',' or '}}' at byte {}, in data point 2",
            2 * good.len() + 13
        ),
    );
}

#[test]
fn a_thousand_levels_are_a_clean_refusal() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = format!("{}1{}", open.repeat(1_000), close.repeat(1_000));
        let answer = outcome(
            &point_with(&format!("\"x\":{nested}")),
            Shape::Put,
            Profile::Lenient,
        );
        assert!(answer[0].contains("nested too deeply"), "{answer:?}");
        let answer = outcome(&nested, Shape::Put, Profile::Lenient);
        assert!(answer[0].starts_with("400 Unable to parse"), "{answer:?}");
    }
    let fair = format!("\"x\":{}{}", "[".repeat(64), "]".repeat(64));
    both(&point_with(&fair), &["m{host=web01} @ 1346846400000 = 18"]);
}

#[test]
fn bodies_that_are_no_utf8_are_refused() {
    let error = PutBody::parse(b"{\"metric\":\"caf\xe9\"}", Shape::Put).unwrap_err();
    assert_eq!(
        error.details().unwrap(),
        "invalid UTF-8 at byte 14, in data point 0"
    );
}

#[test]
fn leniencies_that_clients_rely_on() {
    let good = "m{host=web01} @ 1346846400000 = 18";
    // Strings where numbers are expected.
    both(&point_with("\"timestamp\":\"1346846400\""), &[good]);
    both(&point_with("\"timestamp\":\" 1346846400 \""), &[good]);
    both(&point_with("\"value\":\"18\""), &[good]);
    // A fraction or an exponent is cut off.
    both(&point_with("\"timestamp\":1346846400.5"), &[good]);
    both(&point_with("\"timestamp\":1.3468464e9"), &[good]);
    // Numbers and booleans where strings are expected.
    both(
        &point_with("\"metric\":5"),
        &["5{host=web01} @ 1346846400000 = 18"],
    );
    both(
        &point_with("\"metric\":1.50"),
        &["1.50{host=web01} @ 1346846400000 = 18"],
    );
    both(
        &point_with("\"metric\":true"),
        &["true{host=web01} @ 1346846400000 = 18"],
    );
    both(
        &point_with("\"tags\":{\"a\":1,\"b\":false,\"c\":-2.5}"),
        &["m{a=1,b=false,c=-2.5} @ 1346846400000 = 18"],
    );
    // Escapes, in values and in names of members.
    both(&point_with("\"metric\":\"\\u006d\""), &[good]);
    both(
        &point_with("\"tags\":{\"h\\u006fst\":\"web\\u00301\"}"),
        &[good],
    );
    both(
        &point_without("value")
            .replace("other", "v\\u0061lue")
            .replace(":0", ":18"),
        &[good],
    );
    // Members that nobody knows, whatever they hold.
    both(
        &point_with("\"extra\":[1,{\"a\":[null,true,NaN,\"\\n\"]},{}]"),
        &[good],
    );
    both(&point_with("\"interval\":{}"), &[good]);
    // Of a member twice the last one counts.
    both(
        &point_with("\"x\":0,\"value\":18.5"),
        &["m{host=web01} @ 1346846400000 = 18.5"],
    );
    both(
        &point_with("\"tags\":{\"a\":\"1\",\"a\":\"2\"}"),
        &["m{a=2} @ 1346846400000 = 18"],
    );
    both(
        &point_with("\"x\":0,\"tags\":{\"a\":\"1\"}"),
        &["m{a=1} @ 1346846400000 = 18"],
    );
}

#[test]
fn bad_points_are_refused_in_opentsdbs_words_and_in_order() {
    // Metric.
    for member in ["\"metric\":null", "\"metric\":\"\""] {
        both(&point_with(member), &["Metric name was empty"]);
    }
    both(&point_without("metric"), &["Metric name was empty"]);
    both("{}", &["Metric name was empty"]);
    // Timestamp: present but worthless is wrong everywhere, absent only to OpenTSDB.
    for member in [
        "0", "-1", "null", "\"\"", "\" \"", "\"-5\"", "0.9", "NaN", "-0",
    ] {
        both(
            &point_with(&format!("\"timestamp\":{member}")),
            &["Invalid timestamp"],
        );
    }
    strict(&point_without("timestamp"), &["Invalid timestamp"]);
    lenient(
        &point_without("timestamp"),
        &["m{host=web01} @ 1700000000000 = 18"],
    );
    // Value.
    for member in ["\"value\":null", "\"value\":\"\""] {
        both(&point_with(member), &["Empty value"]);
    }
    both(&point_without("value"), &["Empty value"]);
    // Tags.
    for member in [
        "\"tags\":null",
        "\"tags\":{}",
        "\"tags\":{\"ovh.auth\":\"id:key\"}",
    ] {
        strict(&point_with(member), &["Missing tags"]);
    }
    strict(&point_without("tags"), &["Missing tags"]);
    lenient(&point_without("tags"), &["m{} @ 1346846400000 = 18"]);
    lenient(&point_with("\"tags\":{}"), &["m{} @ 1346846400000 = 18"]);
    lenient(&point_with("\"tags\":null"), &["m{} @ 1346846400000 = 18"]);
    // Values that are no numbers.
    for member in [
        "true",
        "\"abc\"",
        "NaN",
        "Infinity",
        "-Infinity",
        "\"NaN\"",
        "\" 5\"",
        "\"0x10\"",
        "9223372036854775808",
        "\"00000000000000000001\"",
        "\"1_000\"",
        "\"1.2.3\"",
    ] {
        both(
            &point_with(&format!("\"value\":{member}")),
            &["Unable to parse value to a number"],
        );
    }
    both(
        &point_with("\"value\":1e400"),
        &["value is NaN or Infinite: Infinity for metric=m timestamp=1346846400"],
    );
    both(
        &point_with("\"value\":\"-1e400\""),
        &["value is NaN or Infinite: -Infinity for metric=m timestamp=1346846400"],
    );
    both(
        &point_with("\"timestamp\":10000000000000"),
        &["bad timestamp=10000000000000 when trying to add value=18 to metric=m"],
    );
}

#[test]
fn values_keep_every_digit() {
    for (member, value) in [
        ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("12.340", "12.34"),
        ("-0", "0"),
        ("-0.0", "-0.0"),
        ("1e-300", "1e-300"),
        ("1E3", "1000.0"),
        ("\"+5\"", "5"),
        ("\".5\"", "0.5"),
        ("\" 5.5 \"", "5.5"),
        ("0.12345678901234567890", "0.12345678901234568"),
    ] {
        both(
            &point_with(&format!("\"value\":{member}")),
            &[&format!("m{{host=web01}} @ 1346846400000 = {value}")],
        );
    }
}

#[test]
fn bad_names_are_refused_in_opentsdbs_words() {
    for (member, text) in [
        (
            "\"metric\":\"a b\"",
            "Invalid metric name (\"a b\"): illegal character:  ",
        ),
        (
            "\"tags\":{\"a:b\":\"v\"}",
            "Invalid tag name with value [v] (\"a:b\"): illegal character: :",
        ),
        (
            "\"tags\":{\"k\":\"a=b\"}",
            "Invalid tag value with key [k] (\"a=b\"): illegal character: =",
        ),
        (
            "\"tags\":{\"\":\"v\"}",
            "Invalid tag name with value [v]: empty string",
        ),
        (
            "\"tags\":{\"k\":\"\"}",
            "Invalid tag value with key [k]: empty string",
        ),
        (
            "\"tags\":{\"k\":null}",
            "Invalid tag value with key [k]: null",
        ),
        (
            "\"tags\":{\"__name__\":\"x\"}",
            "Invalid tag name (\"__name__\"): only the service sets it",
        ),
        (
            "\"tags\":{\".owner\":\"x\"}",
            "Invalid tag name (\".owner\"): only the service sets it",
        ),
    ] {
        both(&point_with(member), &[text]);
    }
    strict(
        &point_with(
            "\"tags\":{\"a\":\"1\",\"b\":\"2\",\"c\":\"3\",\"d\":\"4\",\"e\":\"5\",\"f\":\"6\",\"g\":\"7\",\"h\":\"8\",\"i\":\"9\"}",
        ),
        &[
            "Too many tags: 9 maximum allowed: 8, tags: {a=1, b=2, c=3, d=4, e=5, f=6, g=7, h=8, i=9}",
        ],
    );
}

#[test]
fn a_million_tags_are_refused_without_sorting_them() {
    let tags: Vec<String> = (0..5_000).map(|i| format!("\"k{i}\":\"v\"")).collect();
    let answer = outcome(
        &point_with(&format!("\"tags\":{{{}}}", tags.join(","))),
        Shape::Put,
        Profile::Lenient,
    );
    assert!(
        answer[0].starts_with("Too many tags: 5000 maximum allowed: 1024"),
        "{answer:?}"
    );
}

#[test]
fn an_array_keeps_its_order_and_null_is_a_bad_point() {
    let good = point_with("\"value\":1");
    let bad = point_with("\"value\":\"x\"");
    both(
        &format!("[{good},null,{bad},{good}]"),
        &[
            "m{host=web01} @ 1346846400000 = 1",
            "Unexpected null datapoint encountered in set.",
            "Unable to parse value to a number",
            "m{host=web01} @ 1346846400000 = 1",
        ],
    );
}

#[test]
fn points_may_carry_their_own_credentials() {
    let good = "m{host=web01} @ 1346846400000 = 18 as id:key";
    for tags in [
        r#"{"ovh.auth":"id:key","host":"web01"}"#,
        r#"{"host":"web01","ovh.auth":"id:key"}"#,
        r#"{ "host" : "web01" , "ovh.auth" : "id:key" }"#,
        // By the complete reader.
        r#"{"host":"web01","ovh.auth":"id:k\u0065y"}"#,
        r#"{"host":"web01","ovh\u002eauth":"id:key"}"#,
        // The last one counts.
        r#"{"ovh.auth":"other","host":"web01","ovh.auth":"id:key"}"#,
    ] {
        both(&point_with(&format!("\"tags\":{tags}")), &[good]);
    }
    lenient(
        &point_with(r#""tags":{"ovh.auth":"id:key"}"#),
        &["m{} @ 1346846400000 = 18 as id:key"],
    );
    lenient(
        &point_with(r#""tags":{"ovh.auth":null}"#),
        &["m{} @ 1346846400000 = 18"],
    );
    // A `tags` object that does not count takes its credential with it.
    lenient(
        &point_with(r#""x":0,"tags":{"ovh.auth":"id:key"},"tags":{"a":"b"}"#),
        &["m{a=b} @ 1346846400000 = 18"],
    );
}

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

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z.]{0,9}".prop_map(|s| format!("\"{s}\"")),
        "[0-9]{1,20}",
        "-?[0-9]{1,3}[.][0-9]{1,3}([eE][-+]?[0-9]{1,3})?",
        any::<i64>().prop_map(|i| i.to_string()),
        any::<i64>().prop_map(|i| format!("\"{i}\"")),
        "\"\\PC{0,9}\"",
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("NaN".to_owned()),
        Just("-Infinity".to_owned()),
        Just("\"\\u0061\\n\"".to_owned()),
    ]
}

fn any_value() -> impl Strategy<Value = String> {
    scalar().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3)
                .prop_map(|v| format!("[{}]", v.join(","))),
            proptest::collection::vec((scalar(), inner), 0..3).prop_map(|pairs| {
                let members: Vec<String> =
                    pairs.into_iter().map(|(k, v)| format!("{k}:{v}")).collect();
                format!("{{{}}}", members.join(" , "))
            }),
        ]
    })
}

fn tags() -> impl Strategy<Value = String> {
    let key = prop_oneof!["[a-c]".prop_map(|k| k), Just("ovh.auth".to_owned())];
    proptest::collection::vec(
        (key, prop_oneof!["\"[a-z]{0,3}\"".prop_map(|v| v), scalar()]),
        0..4,
    )
    .prop_map(|pairs| {
        let members: Vec<String> = pairs
            .into_iter()
            .map(|(k, v)| format!("\"{k}\" :{v}"))
            .collect();
        format!("{{{}}}", members.join(", "))
    })
}

fn member() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z.]{1,9}".prop_map(|m| format!("\"metric\":\"{m}\"")),
        "[1-9][0-9]{9}".prop_map(|t| format!("\"timestamp\": {t}")),
        "[1-9][0-9]{0,4}".prop_map(|v| format!("\"value\":{v}")),
        tags().prop_map(|t| format!("\"tags\" : {t}")),
        scalar().prop_map(|v| format!("\"metric\":{v}")),
        scalar().prop_map(|v| format!("\"timestamp\":{v}")),
        scalar().prop_map(|v| format!("\"value\":{v}")),
        any_value().prop_map(|v| format!("\"tags\":{v}")),
        any_value().prop_map(|v| format!("\"more\":{v}")),
        Just("\"interval\":\"1h\"".to_owned()),
        Just("\"aggregator\":\"sum\"".to_owned()),
        Just("\"groupByAggregator\" :\"max\"".to_owned()),
    ]
}

fn element_text() -> impl Strategy<Value = String> {
    proptest::collection::vec(member(), 0..7)
        .prop_map(|members| format!("{{ {} }}", members.join(",")))
}

/// The same text with a byte changed, added or taken away.
fn mutated(text: String, at: proptest::sample::Index, byte: u8, how: u8) -> Vec<u8> {
    let mut bytes = text.into_bytes();
    let at = at.index(bytes.len().max(1));
    match how % 4 {
        0 => bytes.truncate(at),
        1 => bytes.insert(at.min(bytes.len()), byte),
        2 if !bytes.is_empty() => bytes[at] = byte,
        _ => {}
    }
    bytes
}

proptest! {
    /// Whatever the quick reader takes, the complete one takes with the same result.
    #[test]
    fn quick_and_complete_agree(
        text in element_text(),
        at in any::<proptest::sample::Index>(),
        byte in prop_oneof![Just(b'"'), Just(b'\\'), Just(b','), Just(b'0'), 0u8..128],
        how in any::<u8>(),
    ) {
        let body = mutated(text, at, byte, how);
        prop_assume!(std::str::from_utf8(&body).is_ok());
        for shape in [Shape::Put, Shape::Rollup] {
            let Some((members, end)) = fast::scan(&body, 0, shape) else { continue };
            let quick = Element::object(members);
            let mut scratch = Scratch::default();
            let (complete, complete_end) = complete::read(&body, 0, shape, &mut scratch).unwrap();
            prop_assert_eq!(end, complete_end);
            for profile in [Profile::Lenient, Profile::OpenTsdb] {
                prop_assert_eq!(shown(&quick, profile), shown(&complete, profile));
            }
            let (mut quick_echo, mut complete_echo) = (Vec::new(), Vec::new());
            quick.echo(&mut quick_echo);
            complete.echo(&mut complete_echo);
            let parse = |echo: &[u8]| serde_json::from_slice::<serde_json::Value>(echo).unwrap();
            prop_assert_eq!(parse(&quick_echo), parse(&complete_echo));
        }
    }

    /// The complete reader takes an object that serde_json takes, and no other, as long as nobody looks at
    /// members: nobody knows `x`.
    #[test]
    fn the_syntax_is_that_of_serde_json(
        text in any_value(),
        at in any::<proptest::sample::Index>(),
        byte in 0u8..128,
        how in any::<u8>(),
    ) {
        let value = mutated(text, at, byte, how);
        prop_assume!(std::str::from_utf8(&value).is_ok());
        let body = [b"{\"x\":".as_slice(), &value, b"}"].concat();
        let text = String::from_utf8_lossy(&body);
        // What only we take; and a lone sign or digit beside it would confuse the comparison.
        prop_assume!(!text.contains("NaN") && !text.contains("Infinity"));
        let theirs = serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok();
        prop_assert_eq!(PutBody::parse(&body, Shape::Put).is_ok(), theirs, "{}", text);
    }

    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for start in ["", "[", "{", "[{\"tags\":{"] {
            let body = [start.as_bytes(), &bytes].concat();
            for shape in [Shape::Put, Shape::Rollup] {
                let Ok(mut parsed) = PutBody::parse(&body, shape) else { continue };
                while let Some(element) = parsed.next_element() {
                    let _checked = element.check(Profile::Lenient);
                }
            }
        }
    }

    /// Good, bad and unusual points between each other: all answered, in order.
    #[test]
    fn every_element_is_answered(elements in proptest::collection::vec(element_text(), 1..5)) {
        let body = format!("[{}]", elements.join(" ,"));
        if let Ok(mut parsed) = PutBody::parse(body.as_bytes(), Shape::Put) {
            for element in &elements {
                let alone = outcome(element, Shape::Put, Profile::Lenient);
                let together = shown(&parsed.next_element().unwrap(), Profile::Lenient);
                prop_assert_eq!(&alone, &[together]);
            }
            prop_assert!(parsed.next_element().is_none());
        }
    }
}

mod properties;
mod rollups;
mod syntax;

use penstock_model::{Charset, SeriesKind, Timestamp};
use penstock_tenancy::Profile;

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
fn a_compressed_body_without_its_header_is_told_so() {
    let body = [0x1f, 0x8b, 8, 0, b'='];
    let refused = PutBody::parse(&body, Shape::Put).unwrap_err();
    let details = refused.details().unwrap();
    assert!(details.contains("Content-Encoding: gzip"), "{details}");
    // No form either.
    let refused = PutBody::parse(b"\xff=", Shape::Put).unwrap_err();
    assert_eq!(refused.details(), None);
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
fn elements_beyond_those_that_are_remembered_are_read_too() {
    // Every seventh needs the complete reader, every eleventh is null.
    let count = REMEMBERED_MAX + 1_000;
    let elements: Vec<String> = (0..count)
        .map(|i| match i {
            _ if i % 11 == 0 => "null".to_owned(),
            _ if i % 7 == 0 => format!(r#"{{"metric":"\u006d","value":{i}}}"#),
            _ => format!(r#"{{"metric":"m","value":{i}}}"#),
        })
        .collect();
    let body = format!("[{}]", elements.join(","));
    let mut parsed = PutBody::parse(body.as_bytes(), Shape::Put).unwrap();
    assert_eq!(parsed.len(), count);
    for _ in 0..2 {
        let mut i = 0;
        while let Some(element) = parsed.next_element() {
            let expected = match i {
                _ if i % 11 == 0 => "Unexpected null datapoint encountered in set.".to_owned(),
                _ => format!("m{{}} @ 1700000000000 = {i}"),
            };
            assert_eq!(shown(&element, Profile::Lenient), expected);
            i += 1;
        }
        assert_eq!(i, count);
        parsed.rewind();
    }
}

#[test]
fn what_is_remembered_takes_no_more_memory_than_was_said() {
    let point = r#"{"metric":"sys.cpu","timestamp":1346846400,"value":18,"tags":{"host":"web01","dc":"lga"}}"#;
    for element in ["{}", "null", r#"{"metric":"m","value":1}"#, point] {
        for count in [1, 2, 100, 20_000] {
            let body = format!("[{}]", vec![element; count].join(","));
            let parsed = PutBody::parse(body.as_bytes(), Shape::Put).unwrap();
            let kept = parsed.remembered.capacity() * size_of::<Remembered>();
            let said = usize::try_from(PutBody::memory_bytes(body.len())).unwrap();
            assert!(kept <= said, "{count} x {element}: {kept} of {said}");
            assert!(said <= 2 * body.len() + 200, "{said} for {}", body.len());
        }
    }
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

/// The quick reader knows the tags of the element before again: the same bytes, and no others.
#[test]
fn tags_that_repeat_or_nearly_do_are_read_as_if_they_stood_alone() {
    let tags = [
        r#"{"a":"b"}"#,
        r#"{"a":"b"}"#,
        r#"{"a":"b","c":"d"}"#,
        r#"{"a":"b"}"#,
        r#"{"a":"b","ovh.auth":"x:y"}"#,
        r#"{"a":"b","ovh.auth":"x:y"}"#,
        r#"{"a":"b" }"#,
        r#"{"a":"}"}"#,
        r#"{"a":"}"}"#,
        "{}",
        "{}",
    ];
    let elements =
        tags.map(|tags| format!(r#"{{"metric":"m","timestamp":1,"value":1,"tags":{tags}}}"#));
    let body = format!("[{}]", elements.join(","));
    let alone: Vec<String> = elements
        .iter()
        .flat_map(|element| outcome(element, Shape::Put, Profile::Lenient))
        .collect();
    assert_eq!(outcome(&body, Shape::Put, Profile::Lenient), alone);

    let mut parsed = PutBody::parse(body.as_bytes(), Shape::Put).unwrap();
    let foreseen: Vec<u128> = parsed.upcoming(100).collect();
    assert_eq!(foreseen.len(), elements.len());
    for foreseen in foreseen {
        let element = parsed.next_element().unwrap();
        let point = element.check(Profile::Lenient).unwrap();
        assert_eq!(point.fingerprint(), foreseen);
    }
}

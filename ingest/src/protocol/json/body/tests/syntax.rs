//! Requests that fail as a whole.

use super::*;

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

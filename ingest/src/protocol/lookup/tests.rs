use proptest::prelude::*;

use super::*;
use crate::protocol::json::options::parameters;

fn get(query: &str) -> Result<LookupRequest, LookupError> {
    LookupRequest::from_parameters(parameters(query))
}

fn suggest(query: &str) -> Result<SuggestRequest, LookupError> {
    SuggestRequest::from_parameters(parameters(query))
}

/// The message, and what stands behind it.
fn shown(error: &LookupError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

#[test]
fn bad_lookups_say_what_to_mend() {
    for (query, message) in [
        ("", "Missing parameter <code>m</code>"),
        ("m=", "Missing parameter <code>m</code>"),
        ("limit=3", "Missing parameter <code>m</code>"),
        (
            "m=x&limit=many",
            "Unable to convert 'limit' to a valid number",
        ),
        ("m=x&limit=", "Unable to convert 'limit' to a valid number"),
        (
            "m=x{a=b",
            "Unable to parse query: Missing '}' at the end of: x{a=b",
        ),
        ("m={}", "Unable to parse query: Missing metric and tags: {}"),
        (
            "m=x{a}",
            "Unable to parse query: When parsing tag 'a': invalid tag: a",
        ),
        (
            "m=x{a=b=c}",
            "Unable to parse query: When parsing tag 'a=b=c': invalid tag: a=b=c",
        ),
        (
            "m=x{a=b,}",
            "Unable to parse query: When parsing tag '': invalid tag: ",
        ),
        (
            "m=x{*=*}",
            "Unable to parse query: When parsing tag '*=*': the tag name and the tag value cannot both be a wildcard",
        ),
        (
            "m=x{=}",
            "Unable to parse query: When parsing tag '=': the tag name and the tag value cannot both be a wildcard",
        ),
    ] {
        assert_eq!(shown(&get(query).unwrap_err()), message, "{query}");
    }
}

#[test]
fn a_body_may_write_its_limit_in_many_ways() {
    for (limit, most) in [
        ("7", 7),
        (r#""7""#, 7),
        ("7.9", 7),
        (r#""""#, 0),
        ("null", 0),
        ("-1", 0),
    ] {
        let body = format!(r#"{{"metric":"m","limit":{limit}}}"#);
        let asked = LookupRequest::from_json(body.as_bytes()).unwrap();
        assert_eq!(asked.limit, most, "{body}");
    }
}

#[test]
fn bad_bodies_say_what_to_mend() {
    for (body, message) in [
        ("", "Missing message content"),
        (" \n", "Missing message content"),
        (
            "{}",
            "Missing metric and tags. Please supply at least one value.",
        ),
        (
            r#"{"metric":null,"tags":[]}"#,
            "Missing metric and tags. Please supply at least one value.",
        ),
        (
            r#"{"metric":"m","limit":"x"}"#,
            "Unable to convert 'limit' to a valid number",
        ),
        (
            r#"{"metric":["m"]}"#,
            "Unable to parse the given JSON: `metric` must be text",
        ),
        (
            r#"{"tags":{"host":"a"}}"#,
            r#"Unable to parse the given JSON: `tags` must be a list of {"key":..,"value":..}"#,
        ),
        (
            r#"{"tags":["a"]}"#,
            r#"Unable to parse the given JSON: a tag must be {"key":..,"value":..}"#,
        ),
        (
            r#"{"tags":[{"key":"*"}]}"#,
            "Unable to parse the given JSON: a tag needs a key or a value that is no wildcard",
        ),
    ] {
        let error = LookupRequest::from_json(body.as_bytes()).unwrap_err();
        assert_eq!(shown(&error), message, "{body}");
    }
    let broken = LookupRequest::from_json(b"[1]").unwrap_err();
    assert!(shown(&broken).starts_with("Unable to parse the given JSON: "));
}

#[test]
fn a_lookup_is_read_in_both_forms() {
    let asked = get("m=sys.cpu{host=*,dc=lga,=x,*=y,rack=}&limit=0&useMeta=true").unwrap();
    let body = r#"{"metric":"sys.cpu","tags":[{"key":"host","value":"*"},{"key":"dc","value":"lga"},
        {"key":"","value":"x"},{"key":"*","value":"y"},{"key":"rack","value":null}],
        "limit":"0","useMeta":true,"unknown":{}}"#;
    assert_eq!(LookupRequest::from_json(body.as_bytes()).unwrap(), asked);
    assert_eq!(asked.limit, 0);
    let wanted = asked.wanted();
    assert_eq!(wanted.metric, Some("sys.cpu"));
    assert_eq!(wanted.values, ["x", "y"]);
    let keys: Vec<_> = wanted.keys.into_iter().collect();
    assert_eq!(
        keys,
        [("dc", vec!["lga"]), ("host", vec![]), ("rack", vec![])]
    );
}

#[test]
fn any_metric_and_any_value_are_no_demand() {
    for query in ["m=*", "m=*{}", "m=%2A%7Ba=b%7D", "m={a=b}"] {
        assert_eq!(get(query).unwrap().wanted().metric, None, "{query}");
    }
    assert_eq!(get("m={a=b}").unwrap().metric, None);
    let both = get("m=x{a=b,a=*,a=c,b=d,b=e}").unwrap();
    let keys: Vec<_> = both.wanted().keys.into_iter().collect();
    assert_eq!(keys, [("a", vec![]), ("b", vec!["d", "e"])]);
    for (query, limit) in [("m=x", 25), ("m=x&limit=-1", 0), ("m=x&limit=1&limit=7", 7)] {
        assert_eq!(get(query).unwrap().limit, limit, "{query}");
    }
}

#[test]
fn suggestions_are_read_in_both_forms() {
    let asked = suggest("type=tagk&q=ho+st&max=7").unwrap();
    assert_eq!(
        asked,
        SuggestRequest {
            kind: NameRole::TagKey,
            prefix: "ho st".to_owned(),
            most: 7
        }
    );
    for body in [
        r#"{"type":"tagk","q":"ho st","max":7}"#,
        r#"{"max":"7","q":"ho st","type":"tagk","other":[]}"#,
    ] {
        assert_eq!(SuggestRequest::from_json(body.as_bytes()).unwrap(), asked);
    }
    for query in [
        "type=tagv",
        "type=tagv&max=0",
        "type=tagv&max=-3",
        "type=tagv&max=",
    ] {
        assert_eq!(suggest(query).unwrap().most, 25, "{query}");
    }
    for (query, message) in [
        ("", "Missing parameter <code>type</code>"),
        ("type=", "Missing parameter <code>type</code>"),
        ("type=metric", "Invalid 'type' parameter:metric"),
        ("type=metrics&max=x", "Unable to parse 'max' as a number"),
    ] {
        assert_eq!(shown(&suggest(query).unwrap_err()), message);
    }
    for (body, message) in [
        ("", "Missing message content"),
        ("{}", "Missing 'type' parameter"),
        (
            r#"{"type":"metrics","max":[1]}"#,
            "Unable to parse 'max' as a number",
        ),
        (
            r#"{"type":"metrics","max":1.5}"#,
            "Unable to parse 'max' as a number",
        ),
    ] {
        let error = SuggestRequest::from_json(body.as_bytes()).unwrap_err();
        assert_eq!(shown(&error), message);
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(query in "m=[a{}=,*%0-9 é&;]{0,40}", body in "[{}\\[\\]\":,a-z*0-9]{0,60}") {
        if let Ok(asked) = get(&query) {
            let wanted = asked.wanted();
            prop_assert!(wanted.keys.len() + wanted.values.len() <= asked.pairs.len());
        }
        drop(LookupRequest::from_json(body.as_bytes()));
        drop(SuggestRequest::from_json(body.as_bytes()));
        drop(suggest(&query));
    }
}

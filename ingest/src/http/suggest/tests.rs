use std::collections::BTreeSet;

use penstock_model::Tags;
use penstock_tenancy::ReadLimits;
use proptest::prelude::*;

use super::*;
use crate::story::Story;

fn suggested(story: &Story, token: u8, query: &str) -> Vec<String> {
    let answered = story.ask(
        Method::GET,
        &format!("/api/suggest?{query}"),
        Some(token),
        "",
    );
    assert_eq!(answered.status, 200, "{query} {}", answered.body);
    serde_json::from_str(&answered.body).unwrap()
}

fn story() -> Story {
    let story = Story::with_readers();
    story.write(
        1,
        r#"[{"metric":"sys.cpu","value":1,"tags":{"site":"paris","host":"web01"}},
            {"metric":"sys.mem","value":1,"tags":{"site":"lyon","host":"web02","rack":"r1"}},
            {"metric":"app.hits","value":1,"tags":{"site":"paris","user":"éva"}},
            {"metric":"Sys.Upper","value":1}]"#,
    );
    story.write(
        2,
        r#"{"metric":"secret","value":1,"tags":{"hidden":"treasure"}}"#,
    );
    story
}

#[test]
fn names_are_sorted_by_their_bytes_and_begin_as_asked() {
    let story = story();
    for (query, names) in [
        (
            "type=metrics",
            &["Sys.Upper", "app.hits", "sys.cpu", "sys.mem"][..],
        ),
        ("type=metrics&q=sys", &["sys.cpu", "sys.mem"]),
        ("type=metrics&q=sys&max=1", &["sys.cpu"]),
        ("type=metrics&q=sys.cpu.", &[]),
        ("type=tagk&q=", &["host", "rack", "site", "user"]),
        (
            "type=tagv",
            &["lyon", "paris", "r1", "web01", "web02", "éva"],
        ),
        ("type=tagv&q=%C3%A9", &["éva"]),
    ] {
        assert_eq!(suggested(&story, 3, query), names, "{query}");
    }
    // The last of a parameter that repeats.
    assert_eq!(
        suggested(&story, 3, "type=metrics&q=x&type=tagv&q=r"),
        ["r1"]
    );
    let body = r#"{"type":"metrics","q":"sys","max":"1"}"#;
    let posted = story.ask(Method::POST, "/api/suggest/", Some(3), body);
    assert_eq!((posted.status, &*posted.body), (200, r#"["sys.cpu"]"#));
    let old = story.ask(Method::GET, "/suggest?type=tagk&q=r", Some(3), "");
    assert_eq!(old.body, r#"["rack"]"#);
}

#[test]
fn a_token_sees_the_names_of_its_own_series_alone() {
    let story = story();
    for (token, metrics, keys, values) in [
        (4, &["secret"][..], &["hidden"][..], &["treasure"][..]),
        (
            5,
            &["app.hits", "sys.cpu"],
            &["host", "site", "user"],
            &["paris", "web01", "éva"],
        ),
        (
            6,
            &["sys.cpu", "sys.mem"],
            &["host", "rack", "site"],
            &["lyon", "paris", "r1", "web01", "web02"],
        ),
    ] {
        assert_eq!(suggested(&story, token, "type=metrics"), metrics);
        assert_eq!(suggested(&story, token, "type=tagk"), keys);
        assert_eq!(suggested(&story, token, "type=tagv"), values);
    }
}

#[test]
fn bad_requests_are_errors_with_a_message() {
    let story = story();
    for (method, path, body, message) in [
        (
            Method::GET,
            "/api/suggest",
            "",
            "Missing parameter <code>type</code>",
        ),
        (
            Method::GET,
            "/api/suggest?type=x",
            "",
            "Invalid 'type' parameter:x",
        ),
        (
            Method::GET,
            "/api/suggest?type=tagk&max=x",
            "",
            "Unable to parse 'max' as a number",
        ),
        (
            Method::POST,
            "/api/suggest?type=tagk",
            "",
            "Missing message content",
        ),
        (
            Method::POST,
            "/api/suggest",
            "{}",
            "Missing 'type' parameter",
        ),
        (
            Method::POST,
            "/api/suggest",
            "{",
            "Unable to parse the given JSON",
        ),
    ] {
        let answered = story.ask(method, path, Some(3), body);
        assert_eq!(answered.status, 400, "{path}");
        assert!(
            answered
                .body
                .contains(&format!("\"message\":\"{message}\"")),
            "{}",
            answered.body
        );
    }
    let status = |method, token| {
        story
            .ask(method, "/api/suggest?type=tagk", token, "")
            .status
    };
    assert_eq!(status(Method::GET, None), 401);
    assert_eq!(status(Method::GET, Some(1)), 403, "a write token");
    assert_eq!(status(Method::PUT, Some(3)), 405);
}

#[test]
fn an_answer_beyond_the_tokens_limits_says_so() {
    let mut story = story();
    let mut limit = |limits: ReadLimits| {
        story.change_ledger(|ledger| ledger.applications[0].tokens[1].read_limits = limits);
        let path = "/api/suggest?type=metrics&max=100";
        let answered = story.ask(Method::GET, path, Some(3), "");
        (answered.status, answered.body)
    };
    let default = ReadLimits::default();
    let (status, body) = limit(ReadLimits {
        max_series: 3,
        ..default
    });
    assert_eq!(status, 413);
    assert!(body.contains("more than 3 series"), "{body}");
    assert_eq!(
        limit(ReadLimits {
            max_series: 4,
            ..default
        })
        .0,
        200
    );
}

type Sees = fn(&str, &Tags) -> bool;

/// What an application has written, and which of it a token with these tags sees.
fn points() -> impl Strategy<Value = Vec<(u8, String, Tags)>> {
    let tags = proptest::collection::btree_map("site|host|k", "paris|lyon|x", 0..3);
    let point = (1u8..=2, r"sys\.a|sys\.b|app", tags)
        .prop_map(|(of, metric, tags)| (of, metric, Tags::from_pairs(tags).unwrap()));
    proptest::collection::vec(point, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn two_tenants_never_see_each_other(points in points()) {
        let story = Story::with_readers();
        for (of, metric, tags) in &points {
            let tags: std::collections::BTreeMap<_, _> = tags.iter().collect();
            let point = serde_json::json!({"metric": metric, "value": 1, "tags": tags});
            story.write(*of, &point.to_string());
        }
        let readers: [(u8, u8, Sees); 4] = [
            (3, 1, |_, _| true),
            (4, 2, |_, _| true),
            (5, 1, |_, tags| tags.get("site") == Some("paris")),
            (6, 1, |metric, _| metric.starts_with("sys.")),
        ];
        for (token, of, sees) in readers {
            let seen: Vec<_> = points.iter().filter(|(by, metric, tags)| *by == of && sees(metric, tags)).collect();
            let sorted = |names: Vec<&str>| -> Vec<String> {
                let names: BTreeSet<&str> = names.into_iter().collect();
                names.into_iter().map(str::to_owned).collect()
            };
            let metrics = seen.iter().map(|(_, metric, _)| &**metric).collect();
            let keys = seen.iter().flat_map(|(.., tags)| tags.iter().map(|(key, _)| key)).collect();
            let values = seen.iter().flat_map(|(.., tags)| tags.iter().map(|(_, value)| value)).collect();
            prop_assert_eq!(suggested(&story, token, "type=metrics"), sorted(metrics));
            prop_assert_eq!(suggested(&story, token, "type=tagk"), sorted(keys));
            prop_assert_eq!(suggested(&story, token, "type=tagv"), sorted(values));
        }
    }
}

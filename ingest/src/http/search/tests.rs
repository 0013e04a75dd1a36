use penstock_model::Tags;
use penstock_tenancy::ReadLimits;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::story::Story;
use crate::story::http::Answered;

fn get(story: &Story, token: u8, query: &str) -> Answered {
    let path = format!("/api/search/lookup?{query}");
    story.ask(Method::GET, &path, Some(token), "")
}

/// `metric{tags}` of each result, sorted.
fn found(answered: &Answered) -> Vec<String> {
    assert_eq!(answered.status, 200, "{}", answered.body);
    let answer: Value = serde_json::from_str(&answered.body).unwrap();
    let results = answer["results"].as_array().unwrap();
    assert_eq!(answer["totalResults"], results.len());
    let mut shown: Vec<String> = results
        .iter()
        .map(|result| {
            let metric = result["metric"].as_str().unwrap();
            let tags = result["tags"].as_object().unwrap().iter();
            let tags: Vec<_> = tags
                .map(|(k, v)| format!("{k}={}", v.as_str().unwrap()))
                .collect();
            format!("{metric}{{{}}}", tags.join(","))
        })
        .collect();
    shown.sort();
    shown
}

fn story() -> Story {
    let story = Story::with_readers();
    story.write(
        1,
        r#"[{"metric":"sys.cpu","value":1,"tags":{"site":"paris","host":"a"}},
            {"metric":"sys.cpu","value":1,"tags":{"site":"lyon","host":"b"}},
            {"metric":"sys.cpu","value":1,"tags":{"site":"lyon","host":"c","owner":"a"}},
            {"metric":"app.hits","value":1,"tags":{"host":"a"}},
            {"metric":"bare","value":1}]"#,
    );
    story.write(
        2,
        r#"{"metric":"secret","value":1,"tags":{"hidden":"treasure"}}"#,
    );
    story
}

#[test]
fn the_answer_has_opentsdbs_members_in_its_order() {
    let story = story();
    let answered = get(&story, 3, "m=app.hits{host=a}&limit=7");
    let uids = Uids::of(penstock_model::TenantId::from_bytes([1; 16]));
    let tsuid = uids.tsuid("app.hits", &crate::story::tags(&[("host", "a")]));
    assert_eq!(
        answered.body,
        format!(
            r#"{{"type":"LOOKUP","metric":"app.hits","tags":[{{"key":"host","value":"a"}}],"limit":7,"time":0.0,"results":[{{"tsuid":"{tsuid}","metric":"app.hits","tags":{{"host":"a"}}}}],"startIndex":0,"totalResults":1}}"#
        )
    );
    let without = get(&story, 3, "m={host=b}").body;
    assert!(
        without.starts_with(r#"{"type":"LOOKUP","tags":["#),
        "{without}"
    );
}

#[test]
fn series_are_found_by_metric_and_pairs() {
    let story = story();
    let (a, b) = ("sys.cpu{host=a,site=paris}", "sys.cpu{host=b,site=lyon}");
    let (c, hits) = ("sys.cpu{host=c,owner=a,site=lyon}", "app.hits{host=a}");
    for (query, series) in [
        ("m=sys.cpu", &[a, b, c][..]),
        ("m=sys.cpu{}", &[a, b, c]),
        ("m=*", &[hits, "bare{}", a, b, c]),
        ("m=*{host=a}", &[hits, a]),
        ("m={host=a}", &[hits, a]),
        ("m=sys.cpu{host=a,host=b}", &[a, b]),
        ("m=sys.cpu{host=a,site=lyon}", &[]),
        ("m=sys.cpu{host=*,site=lyon}", &[b, c]),
        ("m=sys.cpu{host=,site=lyon}", &[b, c]),
        ("m=sys.cpu{host=*,host=a}", &[a, b, c]),
        ("m={owner=*}", &[c]),
        // A value of any key.
        ("m={*=a}", &[hits, a, c]),
        ("m={=a}", &[hits, a, c]),
        ("m=sys.cpu{*=a,site=lyon}", &[c]),
        ("m={*=b,*=paris}", &[a, b]),
        ("m=%2A%7Bhost%3Da%7D", &[hits, a]),
    ] {
        let answered = get(&story, 3, query);
        assert_eq!(found(&answered), series, "{query}");
    }
    let body = r#"{"metric":"sys.cpu","tags":[{"key":"site","value":"lyon"}],"limit":1}"#;
    let posted = story.ask(Method::POST, "/api/search/lookup/", Some(3), body);
    assert_eq!(found(&posted), [b], "the first that was seen");
    let overridden = "/api/search/lookup?method_override=post";
    let overridden = story.ask(Method::GET, overridden, Some(3), body);
    assert_eq!(found(&overridden), [b]);
}

#[test]
fn there_are_25_unless_somebody_says() {
    let story = Story::with_readers();
    let points: Vec<Value> = (0..30)
        .map(|n| json!({"metric": "m", "value": 1, "tags": {"n": n.to_string()}}))
        .collect();
    story.write(1, &Value::from(points).to_string());
    for (limit, count) in [
        ("", 25),
        ("&limit=0", 30),
        ("&limit=-1", 30),
        ("&limit=7", 7),
    ] {
        assert_eq!(found(&get(&story, 3, &format!("m=m{limit}"))).len(), count);
    }
}

#[test]
fn a_name_that_nobody_in_scope_has_is_404() {
    let story = story();
    for (token, query, name) in [
        (3, "m=nothing", "'metrics': 'nothing'"),
        (3, "m=sys.cpu{rack=*}", "'tagk': 'rack'"),
        (3, "m=sys.cpu{host=z}", "'tagv': 'z'"),
        (3, "m={*=z}", "'tagv': 'z'"),
        // Of another tenant, or outside the token's filters: as if they were nowhere.
        (3, "m=secret", "'metrics': 'secret'"),
        (3, "m={hidden=*}", "'tagk': 'hidden'"),
        (3, "m={*=treasure}", "'tagv': 'treasure'"),
        (5, "m=app.hits", "'metrics': 'app.hits'"),
        (5, "m={owner=*}", "'tagk': 'owner'"),
        (5, "m={host=b}", "'tagv': 'b'"),
        (6, "m=bare", "'metrics': 'bare'"),
    ] {
        let answered = get(&story, token, query);
        assert_eq!(answered.status, 404, "{token} {query}");
        let error = json!({"error": {
            "code": 404,
            "message": "Unable to resolve one or more UIDs",
            "details": format!("No such name for {name}"),
        }});
        assert_eq!(
            serde_json::from_str::<Value>(&answered.body).unwrap(),
            error
        );
    }
    assert_eq!(
        found(&get(&story, 5, "m=*")),
        ["sys.cpu{host=a,site=paris}"]
    );
    assert_eq!(
        found(&get(&story, 6, "m={host=a}")),
        ["sys.cpu{host=a,site=paris}"]
    );
    assert_eq!(found(&get(&story, 4, "m=*")), ["secret{hidden=treasure}"]);
}

#[test]
fn rollups_of_a_series_are_the_series() {
    let story = Story::with_readers();
    story.write(1, r#"{"metric":"m","value":1,"tags":{"a":"b"}}"#);
    let rollups = r#"[{"metric":"m","timestamp":1,"value":1,"tags":{"a":"b"},"interval":"1h","aggregator":"sum"},
        {"metric":"m","timestamp":1,"value":1,"tags":{"a":"b"},"interval":"1h","aggregator":"count"},
        {"metric":"only","timestamp":1,"value":1,"tags":{"a":"b"},"interval":"1h","aggregator":"sum"}]"#;
    let stored = story.ask(Method::POST, "/api/rollup", Some(1), rollups);
    assert_eq!(stored.status, 204, "{}", stored.body);
    assert_eq!(found(&get(&story, 3, "m=*")), ["m{a=b}", "only{a=b}"]);
}

#[test]
fn other_searches_are_told_that_there_are_none() {
    let story = story();
    for (method, path, message) in [
        (
            Method::GET,
            "/api/search/tsmeta",
            "Searching is not enabled",
        ),
        (
            Method::POST,
            "/api/search/annotation",
            "Searching is not enabled",
        ),
        (
            Method::GET,
            "/api/search/nothing",
            "Invalid search query type supplied",
        ),
        (
            Method::GET,
            "/api/search",
            "Invalid search query type supplied",
        ),
        // Not 405.
        (
            Method::DELETE,
            "/api/search/lookup",
            "Invalid search query type supplied",
        ),
        (
            Method::GET,
            "/api/search/lookup",
            "Missing parameter <code>m</code>",
        ),
        (
            Method::GET,
            "/api/search/lookup?m=x{",
            "Unable to parse query",
        ),
        (
            Method::POST,
            "/api/search/lookup",
            "Missing message content",
        ),
    ] {
        let answered = story.ask(method, path, Some(3), "");
        assert_eq!(answered.status, 400, "{path}");
        assert!(
            answered
                .body
                .contains(&format!("\"message\":\"{message}\"")),
            "{}",
            answered.body
        );
    }
}

#[test]
fn an_answer_beyond_the_tokens_limits_says_so() {
    let mut story = story();
    let mut limit = |limits: ReadLimits| {
        story.change_ledger(|ledger| ledger.applications[0].tokens[1].read_limits = limits);
        let answered = get(&story, 3, "m=*&limit=0");
        (answered.status, answered.body)
    };
    let default = ReadLimits::default();
    let (status, body) = limit(ReadLimits {
        max_series: 4,
        ..default
    });
    assert_eq!(status, 413);
    assert!(body.contains("more than 4 series"), "{body}");
    assert_eq!(
        limit(ReadLimits {
            max_series: 5,
            ..default
        })
        .0,
        200
    );
}

fn points() -> impl Strategy<Value = Vec<(u8, String, Tags)>> {
    let tags = proptest::collection::btree_map("site|host|k", "paris|lyon|x", 0..3);
    let point = (1u8..=2, r"sys\.a|sys\.b|app", tags)
        .prop_map(|(of, metric, tags)| (of, metric, Tags::from_pairs(tags).unwrap()));
    proptest::collection::vec(point, 1..10)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// What an application answers is what it would answer if it were alone, to the byte.
    #[test]
    fn no_answer_depends_on_another_tenant(
        points in points(),
        queries in proptest::collection::vec("m=(sys\\.a|app|q|\\*)?(\\{(site|host|\\*)=(paris|lyon|x)\\})?(&limit=[0-3])?", 1..6),
    ) {
        let (shared, alone) = (Story::with_readers(), Story::with_readers());
        for (of, metric, tags) in &points {
            let tags: std::collections::BTreeMap<_, _> = tags.iter().collect();
            let point = json!({"metric": metric, "value": 1, "tags": tags}).to_string();
            shared.write(*of, &point);
            if *of == 1 {
                alone.write(1, &point);
            }
        }
        for query in &queries {
            for token in [3, 5, 6] {
                let (beside, by_itself) = (get(&shared, token, query), get(&alone, token, query));
                prop_assert_eq!(beside.status, by_itself.status, "{}", query);
                prop_assert_eq!(beside.body, by_itself.body, "{}", query);
            }
        }
    }
}

use http::Method;
use http::header::RETRY_AFTER;
use penstock_tenancy::{Ledger, LedgerToken, Permission};

use super::*;
use crate::story::http::Answered;
use crate::story::{NOON_S, Story, tags, token};

/// The token that reads application 1.
const READER: u8 = 3;

fn reader() -> LedgerToken {
    LedgerToken {
        permission: Permission::Read,
        ..token(READER)
    }
}

/// Application 1 with a reader too.
fn with_reader(change: impl FnOnce(&mut LedgerToken)) -> Story {
    let mut reader = reader();
    change(&mut reader);
    Story::with(|ledger: &mut Ledger| ledger.applications[0].tokens.push(reader))
}

impl Story {
    fn get(&self, arguments: &str) -> Answered {
        let path = format!("/api/v1/export?{arguments}");
        self.ask(Method::GET, &path, Some(READER), "")
    }
}

#[test]
fn what_was_written_is_read_in_order_and_to_the_last_digit() {
    let story = with_reader(|_| {});
    story.write(
        1,
        r#"[{"metric":"m","timestamp":@,"value":9223372036854775807,"tags":{"a":"2"}},
            {"metric":"m","timestamp":2,"value":1e-300,"tags":{"a":"1"}},
            {"metric":"m","timestamp":1,"value":12.340,"tags":{"a":"1"}},
            {"metric":"n","timestamp":1,"value":7}]"#,
    );
    let all = story.get("match[]=%7B__name__=~%22m%7Cn%22%7D");
    assert_eq!(all.status, 200);
    assert_eq!(all.headers[CONTENT_TYPE], "application/stream+json");
    let last = format!(
        r#"{{"metric":{{"__name__":"m","a":"2"}},"values":[9223372036854775807],"timestamps":[{NOON_S}000]}}"#
    );
    assert_eq!(
        all.body.lines().collect::<Vec<_>>(),
        [
            r#"{"metric":{"__name__":"m","a":"1"},"values":[12.34,1e-300],"timestamps":[1000,2000]}"#,
            &last,
            r#"{"metric":{"__name__":"n"},"values":[7],"timestamps":[1000]}"#,
        ]
    );
    // The window includes both ends.
    for (window, values) in [
        ("start=1&end=2", 2),
        ("start=2", 1),
        ("end=1.999", 1),
        ("start=2.001", 0),
    ] {
        let answer = story.get(&format!("match=m%7Ba=%221%22%7D&{window}"));
        let counted = answer.body.matches("1e-300").count() + answer.body.matches("12.34").count();
        assert_eq!(counted, values, "{window}: {}", answer.body);
    }
    // Nothing there is no error.
    let nothing = story.get("match=unknown");
    assert_eq!((nothing.status, &*nothing.body), (200, ""));
}

#[test]
fn arguments_may_come_as_a_form() {
    let story = with_reader(|_| {});
    story.write(
        1,
        r#"[{"metric":"m","timestamp":1,"value":1},{"metric":"n","timestamp":1,"value":2}]"#,
    );
    let post = |path: &str, form: &str| story.ask(Method::POST, path, Some(READER), form);
    assert_eq!(
        post("/api/v1/export", "match%5B%5D=m").body.lines().count(),
        1
    );
    assert_eq!(
        post("/prometheus/api/v1/export?match[]=n", "match%5B%5D=m")
            .body
            .lines()
            .count(),
        2
    );
    assert_eq!(post("/api/v1/export", &"x".repeat(70_000)).status, 413);
}

#[test]
fn a_readers_tags_are_filters_and_its_applications_are_none() {
    let mut story = with_reader(|reader| reader.tags = tags(&[("site", "paris")]));
    story.write(
        1,
        r#"[{"metric":"m","timestamp":1,"value":1,"tags":{"site":"paris"}},
            {"metric":"m","timestamp":1,"value":2,"tags":{"site":"rome"}},
            {"metric":"m","timestamp":1,"value":3}]"#,
    );
    // The application gets a tag that the points do not have.
    story.change_ledger(|ledger| ledger.applications[0].tags = tags(&[("env", "prod")]));
    for selector in [
        "m",
        "%7Bsite!=%22paris%22,__name__=%22m%22%20or%20site=%22paris%22%7D",
    ] {
        let seen = story.get(&format!("match={selector}"));
        assert_eq!(
            seen.body,
            "{\"metric\":{\"__name__\":\"m\",\"site\":\"paris\"},\"values\":[1],\"timestamps\":[1000]}\n"
        );
    }
}

#[test]
fn a_reader_of_some_metrics_sees_no_others() {
    let story = with_reader(|reader| reader.allow.metric_prefixes = vec!["cpu.".to_owned()]);
    story.write(
        1,
        r#"[{"metric":"cpu.load","timestamp":1,"value":1},{"metric":"mem","timestamp":1,"value":2}]"#,
    );
    let seen = story.get("match=%7B__name__!=%22%22%7D&match=cpu.load&match=mem");
    assert_eq!(seen.body.lines().count(), 1);
    assert!(seen.body.contains("cpu.load"));
}

#[test]
fn another_tenants_series_are_not_there() {
    let story = with_reader(|_| {});
    story.write(2, r#"{"metric":"m","timestamp":1,"value":1}"#);
    let seen = story.get("match=m");
    assert_eq!((seen.status, &*seen.body), (200, ""));
}

#[test]
fn rollups_are_seen_by_those_who_name_them() {
    let story = with_reader(|_| {});
    story.write(
        1,
        r#"{"metric":"m","timestamp":3600,"value":1,"tags":{"a":"b"}}"#,
    );
    let rollup = r#"{"metric":"m","timestamp":3700,"value":2,"tags":{"a":"b"},"interval":"1h","aggregator":"SUM"}"#;
    assert_eq!(
        story
            .ask(Method::POST, "/api/rollup", Some(1), rollup)
            .status,
        204
    );
    assert_eq!(
        story.get("match=m").body,
        "{\"metric\":{\"__name__\":\"m\",\"a\":\"b\"},\"values\":[1],\"timestamps\":[3600000]}\n"
    );
    assert_eq!(
        story.get("match=m%7B__interval__=%221h%22%7D").body,
        "{\"metric\":{\"__name__\":\"m\",\"__interval__\":\"1h\",\"__aggregator__\":\"sum\",\"a\":\"b\"},\
         \"values\":[2],\"timestamps\":[3600000]}\n"
    );
}

#[test]
fn a_reader_that_asks_too_often_is_told_when_to_come_back() {
    let story = with_reader(|reader| reader.read_limits.queries_per_second = 1);
    for _ in 0..10 {
        assert_eq!(story.get("match=m").status, 200);
    }
    let refused = story.get("match=m");
    assert_eq!(refused.status, 429);
    assert_eq!(refused.headers[RETRY_AFTER], "1");
    assert!(
        refused
            .body
            .contains("limit queriesPerSecond of token TokenNumber3 reached: 1 requests/s"),
        "{}",
        refused.body
    );
}

#[test]
fn bad_requests_are_told_what_to_mend() {
    let story = with_reader(|_| {});
    for (arguments, text) in [
        ("", "missing `match[]` argument"),
        ("match=m%7B", "expected a label name or '}' at character 2"),
        ("match=%7B%7D", "matches everything"),
        ("match=m&start=soon", "cannot parse the time soon"),
    ] {
        let answer = story.get(arguments);
        assert_eq!(answer.status, 400, "{arguments}");
        assert!(answer.body.contains(text), "{}", answer.body);
    }
    let path = "/api/v1/export?match=m";
    let nobody = story.ask(Method::GET, path, None, "");
    assert_eq!(nobody.status, 401);
    let writer = story.ask(Method::GET, path, Some(1), "");
    assert_eq!(writer.status, 403);
    let deleting = story.ask(Method::DELETE, path, Some(READER), "");
    assert_eq!(deleting.status, 405);
}

#[test]
fn a_long_series_comes_in_many_pieces_and_lines() {
    let story = with_reader(|_| {});
    let points: Vec<String> = (0..30_000)
        .map(|i| format!(r#"{{"metric":"m","timestamp":{},"value":{i}}}"#, i + 1))
        .collect();
    story.write(1, &format!("[{}]", points.join(",")));
    for (arguments, lines) in [
        ("", 1),
        ("&reduce_mem_usage=1", 4),
        ("&max_rows_per_line=10000", 3),
    ] {
        let answer = story.get(&format!("match=m{arguments}"));
        let values: Vec<i64> = answer
            .body
            .lines()
            .flat_map(|line| {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                let values = line["values"].as_array().unwrap().clone();
                values.into_iter().map(|value| value.as_i64().unwrap())
            })
            .collect();
        assert_eq!(values, (0..30_000).collect::<Vec<i64>>());
        assert_eq!(answer.body.lines().count(), lines, "{arguments}");
    }
}

#[test]
fn nobody_to_listen_ends_the_scan() {
    let story = with_reader(|_| {});
    let points: Vec<String> = (0..20_000)
        .map(|i| format!(r#"{{"metric":"m","timestamp":{},"value":{i}}}"#, i + 1))
        .collect();
    story.write(1, &format!("[{}]", points.join(",")));
    let scope = crate::read::ReadScope::of(&story.grant(READER));
    let asked = crate::protocol::export::SeriesRequest::parse(
        [("match".into(), "m".into())].into_iter(),
        Timestamp::MIN,
    )
    .unwrap();
    let selection = scope.selection(asked.into_filters());
    let scan = || {
        let scan = story
            .store
            .scan(&selection, Timestamp::MIN, Timestamp::MAX)
            .unwrap();
        UnitedScan::new(scan, Vec::new(), 0)
    };
    let mut sent = 0;
    let rendered = render(&mut scan(), &mut LineRenderer::new(100), &mut |_| {
        sent += 1;
        if sent < 2 { Ok(()) } else { Err(Gone) }
    });
    assert!(matches!(rendered, Err(ExportError::Gone(_))));
    assert_eq!(sent, 2);
    let whole = render(&mut scan(), &mut LineRenderer::new(100), &mut |_| Ok(()));
    assert!(whole.is_ok());
}

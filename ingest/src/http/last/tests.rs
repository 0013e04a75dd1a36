use http::Method;
use penstock_tenancy::{Ledger, LedgerToken, Permission};

use crate::story::http::Answered;
use crate::story::{NOON, NOON_S, Story, tags, token};

/// The token that reads application 1.
const READER: u8 = 3;

fn story(change: impl FnOnce(&mut LedgerToken)) -> Story {
    let mut reader = LedgerToken {
        permission: Permission::Read,
        ..token(READER)
    };
    change(&mut reader);
    let story = Story::with(|ledger: &mut Ledger| ledger.applications[0].tokens.push(reader));
    story.write(
        1,
        r#"[{"metric":"m","timestamp":@,"value":2.5,"tags":{"host":"a","dc":"x"}},
            {"metric":"m","timestamp":1356998400,"value":1,"tags":{"host":"a","dc":"x"}},
            {"metric":"m","timestamp":1356998400,"value":7,"tags":{"host":"b"}}]"#,
    );
    story.write(
        2,
        r#"{"metric":"other","timestamp":@,"value":1,"tags":{"rack":"r"}}"#,
    );
    story
}

impl Story {
    fn last(&self, arguments: &str) -> Answered {
        self.ask(
            Method::GET,
            &format!("/api/query/last?{arguments}"),
            Some(READER),
            "",
        )
    }
}

/// Metric, time in seconds after noon, value and tags of each point.
fn points(answered: &Answered) -> Vec<(Option<String>, i64, String, Option<String>)> {
    assert_eq!(answered.status, 200, "{}", answered.body);
    let body: Vec<serde_json::Value> = serde_json::from_str(&answered.body).unwrap();
    body.iter()
        .map(|point| {
            assert_eq!(point["tsuid"].as_str().unwrap().len() % 16, 0);
            let metric = point["metric"].as_str().map(str::to_owned);
            let time = point["timestamp"].as_i64().unwrap();
            let value = point["value"].as_str().unwrap().to_owned();
            let tags = point.get("tags").map(ToString::to_string);
            (metric, (time - NOON) / 1_000, value, tags)
        })
        .collect()
}

const OLD: i64 = 1_356_998_400 - NOON_S;

#[test]
fn the_newest_point_of_each_series_is_answered_however_old() {
    let story = story(|_| {});
    let named = |time, value: &str, tags: &str| {
        (
            Some("m".to_owned()),
            time,
            value.to_owned(),
            Some(tags.to_owned()),
        )
    };
    let a = named(0, "2.5", r#"{"dc":"x","host":"a"}"#);
    let b = named(OLD, "7", r#"{"host":"b"}"#);
    assert_eq!(
        points(&story.last("timeseries=m&resolve")),
        [a.clone(), b.clone()]
    );
    // Series that have the pairs, and perhaps others.
    assert_eq!(
        points(&story.last("timeseries=m{host=a}&resolve=true")),
        [a]
    );
    let recent = points(&story.last("timeseries=m&back_scan=1"));
    assert_eq!(recent, [(None, 0, "2.5".to_owned(), None)]);
    assert_eq!(points(&story.last("timeseries=m{host=b}&back_scan=1")), []);
    let posted = story.ask(
        Method::POST,
        "/api/query/last/",
        Some(READER),
        r#"{"queries":[{"metric":"m","tags":{"host":"b"}}],"resolveNames":true}"#,
    );
    assert_eq!(points(&posted), [b]);
}

#[test]
fn ids_that_were_answered_ask_again() {
    let story = story(|_| {});
    let body = story.last("timeseries=m{host=b}").body;
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let tsuid = body[0]["tsuid"].as_str().unwrap().to_lowercase();
    let again = points(&story.last(&format!("tsuids={tsuid}&timeseries=m{{host=b}}")));
    assert_eq!(again, [(None, OLD, "7".to_owned(), None)]);
}

#[test]
fn nobody_sees_more_than_is_theirs() {
    for (change, refused) in [("", "metrics': 'other'"), ("dc=x", "tagv': 'b'")] {
        let story = story(|reader| {
            if let Some((key, value)) = change.split_once('=') {
                reader.tags = tags(&[(key, value)]);
            }
        });
        let wanted = if change.is_empty() {
            "other"
        } else {
            "m{host=b}"
        };
        let answer = story.last(&format!("timeseries={wanted}"));
        assert_eq!(answer.status, 400);
        assert!(answer.body.contains(refused), "{}", answer.body);
    }
}

#[test]
fn bad_requests_and_limits_say_what_to_mend() {
    let story = story(|reader| reader.read_limits.max_series = 1);
    for (arguments, status, text) in [
        ("", 400, "Missing sub queries"),
        (
            "timeseries=m{host=zz}",
            400,
            "No such name for 'tagv': 'zz'",
        ),
        (
            "timeseries=m{rack=r}",
            400,
            "No such name for 'tagk': 'rack'",
        ),
        ("tsuids=0", 400, "No such name for 'tsuid': '0'"),
        ("timeseries=m", 413, "limit: maxSeries"),
    ] {
        let answer = story.last(arguments);
        assert_eq!(answer.status, status, "{arguments}");
        assert!(answer.body.contains(text), "{}", answer.body);
    }
    let writer = story.ask(Method::GET, "/api/query/last?timeseries=m", Some(1), "");
    assert_eq!(writer.status, 403);
}

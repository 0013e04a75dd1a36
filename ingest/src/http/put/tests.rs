use std::sync::atomic::Ordering;
use std::time::Duration;

use http::Method;
use penstock_tenancy::{ApplicationLimits, Ledger, Permission, Profile, TokenState};

use super::*;
use crate::story::http::Answered;
use crate::story::{NOON_S, Story, credential, tags};

impl Story {
    /// Posts with the credential of token 1. `@` in the body stands for noon.
    fn put(&self, path: &str, body: &str) -> Answered {
        self.post(path, Some(&credential(1)), body)
    }

    fn post(&self, path: &str, credential: Option<&str>, body: &str) -> Answered {
        self.run(self.posting(path, credential, body))
    }

    async fn posting(&self, path: &str, credential: Option<&str>, body: &str) -> Answered {
        self.asking(Method::POST, path, credential, body).await
    }
}

#[test]
fn one_point_or_many_are_stored_and_durable_when_answered() {
    let story = Story::new();
    let one = story.put(
        "/api/put",
        r#"{"metric":"sys.cpu.nice","timestamp":"@","value":18,"tags":{"host":"web01","dc":"lga"}}"#,
    );
    assert_eq!((one.status, &*one.body), (204, ""));
    assert_eq!(one.headers[CONTENT_TYPE], "application/json; charset=UTF-8");
    assert_eq!(story.stored(1), ["sys.cpu.nice{dc=lga,host=web01} 0=18"]);
    let two = story.put(
        "/api/put/?summary",
        r#"[{"metric":"a","timestamp":@,"value":"12.340"},{"metric":"a","value":2}]"#,
    );
    assert_eq!(
        (two.status, &*two.body),
        (200, r#"{"success":2,"failed":0}"#)
    );
    // Without a timestamp: the time of receipt, which is the same instant here and comes later.
    assert_eq!(
        story.stored(1),
        ["a{} 0=2", "sys.cpu.nice{dc=lga,host=web01} 0=18"]
    );
    assert!(story.stored(2).is_empty());
}

#[test]
fn one_bad_point_is_named_and_the_others_are_stored() {
    let story = Story::new();
    let mut points: Vec<String> = (0..20_000)
        .map(|n| format!(r#"{{"metric":"m","timestamp":{},"value":{n}}}"#, NOON_S + n))
        .collect();
    points[12_345] = r#"{"metric":"b:d","timestamp":@,"value":1,"tags":{"k":"v"}}"#.to_owned();
    let body = format!("[{}]", points.join(","));
    let answered = story.put("/api/put?details", &body);
    assert_eq!(answered.status, 400);
    assert_eq!(
        answered.body,
        format!(
            r#"{{"success":19999,"failed":1,"errors":[{{"error":"Invalid metric name (\"b:d\"): illegal character: :","datapoint":{{"metric":"b:d","timestamp":{NOON_S},"value":"1","tags":{{"k":"v"}}}}}}]}}"#
        )
    );
    assert_eq!(story.stored(1)[0].split(' ').count(), 20_000);
    let plain = story.put(
        "/api/put",
        r#"[{"metric":"b:d","value":1},{"metric":"c","value":1}]"#,
    );
    assert_eq!(plain.status, 400);
    assert_eq!(
        plain.body,
        r#"{"error":{"code":400,"message":"One or more data points had errors","details":"Please see the TSD logs or append \"details\" to the put request"},"success":1,"failed":1}"#
    );
}

#[test]
fn of_a_broken_body_nothing_is_stored() {
    let story = Story::new();
    for (body, message) in [
        ("", "Missing request content"),
        ("[]", "No datapoints found in content"),
        (
            "metric=a&timestamp=1&tags=host",
            "The JSON must start as an object or an array",
        ),
        (
            r#"[{"metric":"a","value":1},{"metric":"a","value":"#,
            "Unable to parse the given JSON",
        ),
        (
            r#"[{"metric":"a","value":1},{"metric":"a","timestamp":"abc","value":1}]"#,
            "Unable to parse the given JSON",
        ),
    ] {
        let answered = story.put("/api/put?details", body);
        assert_eq!(answered.status, 400, "{body}");
        assert!(answered.body.contains(message), "{body}: {}", answered.body);
        assert!(
            answered.body.ends_with(r#","success":0,"failed":1}"#),
            "{}",
            answered.body
        );
    }
    let form = story.put("/api/put", "metric=a&timestamp=1&tags=host");
    assert!(form.body.contains("json.dumps"), "{}", form.body);
    assert!(story.stored(1).is_empty());
    assert_eq!(story.event_loop.active_series(story.grant(1).tenant()), 0);
}

#[test]
fn nobody_is_challenged_and_somebody_refused_is_not() {
    let mut story = Story::new();
    let body = r#"[{"metric":"a","value":1},{"metric":"b","value":1}]"#;
    let nobody = story.post("/api/put?details", None, body);
    assert_eq!(nobody.status, 401);
    assert_eq!(nobody.headers[WWW_AUTHENTICATE], CHALLENGE);
    assert!(
        nobody.body.ends_with(r#","success":0,"failed":2}"#),
        "{}",
        nobody.body
    );
    // What is wrong with the body of somebody unknown is nobody's business.
    assert_eq!(story.post("/api/put", None, "{").status, 401);
    assert_eq!(
        story.post("/api/put", None, &"x".repeat(2 << 20)).status,
        401
    );
    let wrong = credential(1).replace("KeyOf", "KeyOg");
    let unknown = story.post("/api/put?details", Some(&wrong), body);
    assert_eq!(unknown.status, 401);
    assert!(
        unknown.body.ends_with(r#","success":0,"failed":1}"#),
        "the body was not read"
    );
    story.change_ledger(|ledger| ledger.applications[0].tokens[0].state = TokenState::Revoked);
    let revoked = story.put("/api/put", body);
    assert_eq!(revoked.status, 403);
    assert!(!revoked.headers.contains_key(WWW_AUTHENTICATE));
    assert!(revoked.body.contains("revoked"));
    assert!(story.stored(1).is_empty());
}

#[test]
fn points_may_bring_their_own_tokens() {
    let story = Story::new();
    let (one, two) = (credential(1), credential(2));
    let body = format!(
        r#"[{{"metric":"a","value":1,"tags":{{"ovh.auth":"{one}","k":"v"}}}},
            {{"metric":"b","value":2,"tags":{{"ovh.auth":"{two}"}}}},
            {{"metric":"c","value":3}},
            {{"metric":"d","value":4,"tags":{{"ovh.auth":"nobody"}}}}]"#
    );
    let answered = story.post("/api/put?details", None, &body);
    assert_eq!(answered.status, 400);
    assert!(
        answered.body.starts_with(r#"{"success":2,"failed":2,"#),
        "{}",
        answered.body
    );
    assert!(!answered.body.contains("KeyOfTheToken"));
    assert_eq!(story.stored(1), ["a{k=v} 0=1"]);
    assert_eq!(story.stored(2), ["b{} 0=2"]);

    // A token in a point wins for that point.
    let answered = story.put("/api/put?summary", &body);
    assert_eq!(answered.body, r#"{"success":3,"failed":1}"#);
    assert_eq!(story.stored(1), ["a{k=v} 0=1", "c{} 0=3"]);

    let only_bad = r#"{"metric":"d","value":4,"tags":{"ovh.auth":"nobody"}}"#;
    let answered = story.post("/api/put?summary", None, only_bad);
    assert_eq!(answered.status, 401);
    assert_eq!(answered.headers[WWW_AUTHENTICATE], CHALLENGE);
}

#[test]
fn a_quota_is_429_whatever_else_is_wrong() {
    let story = Story::with(|ledger| {
        ledger.applications[0].limits = ApplicationLimits {
            new_series_per_hour: 1,
            ..ApplicationLimits::default()
        };
    });
    let body = r#"[{"metric":"a","value":1},{"metric":"x:","value":1},{"metric":"b","value":1},{"metric":"a","value":3}]"#;
    let answered = story.put("/api/put?details", body);
    assert_eq!(answered.status, 429);
    assert_eq!(answered.headers[RETRY_AFTER], "3600");
    assert!(
        answered.body.contains(r#""success":2,"failed":2,"#),
        "{}",
        answered.body
    );
    let limit = "limit newSeriesPerHour of application iot/app-1 reached: 1 series/h";
    assert!(answered.body.contains(limit), "{}", answered.body);
    assert_eq!(story.stored(1), ["a{} 0=3"]);
}

#[test]
fn a_refused_series_can_come_again_when_its_limit_allows() {
    let story = Story::with(|ledger| {
        ledger.applications[0].limits = ApplicationLimits {
            active_series: 1,
            ..ApplicationLimits::default()
        };
    });
    assert_eq!(
        story.put("/api/put", r#"{"metric":"a","value":1}"#).status,
        204
    );
    let refused = story.put("/api/put?details", r#"{"metric":"b","value":1}"#);
    assert_eq!(refused.status, 429);
    assert!(
        refused
            .body
            .contains("limit activeSeries of application iot/app-1 reached: 1 series")
    );
    // The next day nothing is active yet, and yesterday's series has to be counted again.
    story.clock.advance(Duration::from_hours(24));
    assert_eq!(
        story.put("/api/put", r#"{"metric":"b","value":1}"#).status,
        204
    );
    assert_eq!(
        story.put("/api/put", r#"{"metric":"a","value":1}"#).status,
        429
    );
    // A point of yesterday does not make it active today.
    assert_eq!(
        story
            .put("/api/put", r#"{"metric":"a","timestamp":@,"value":2}"#)
            .status,
        204
    );
}

#[test]
fn rates_connections_and_points_of_a_request_are_limited() {
    let story = Story::with(|ledger| {
        ledger.applications[0].limits = ApplicationLimits {
            points_per_second: 2,
            burst: 2,
            points_per_request: 3,
            connections: 1,
            ..ApplicationLimits::default()
        };
    });
    let points =
        |count: usize| format!("[{}]", vec![r#"{"metric":"a","value":1}"#; count].join(","));
    let answered = story.put("/api/put?summary", &points(4));
    assert_eq!(answered.status, 413);
    assert!(
        answered
            .body
            .contains("limit pointsPerRequest of application iot/app-1")
    );
    assert!(
        answered.body.ends_with(r#","success":0,"failed":4}"#),
        "{}",
        answered.body
    );
    let answered = story.put("/api/put?summary", &points(3));
    assert_eq!(
        (answered.status, &*answered.body),
        (
            429,
            r#"{"error":{"code":429,"message":"One or more data points were over a limit","details":"limit pointsPerSecond of application iot/app-1 reached: 2 points/s"},"success":2,"failed":1}"#
        )
    );
    assert_eq!(answered.headers[RETRY_AFTER], "1");
    let _telnet = story.grant(1).limits().connect().unwrap();
    let answered = story.put("/api/put?summary", &points(1));
    assert_eq!(answered.status, 429);
    assert!(
        answered.body.contains("limit connections"),
        "{}",
        answered.body
    );
}

#[test]
fn a_clock_far_off_is_bad_data() {
    let story = Story::new();
    let ahead = NOON_S + 50 * 365 * 86_400;
    let answered = story.put(
        "/api/put?details",
        &format!(r#"{{"metric":"a","timestamp":{ahead},"value":1}}"#),
    );
    assert_eq!(answered.status, 400);
    assert!(
        answered
            .body
            .contains("more than 2880 minutes ahead of the server's clock")
    );
}

#[test]
fn forced_tags_lie_over_extra_labels_over_the_points_own() {
    let story = Story::with(|ledger| {
        ledger.applications[0].tags = tags(&[("a", "app"), ("b", "app")]);
        ledger.applications[0].tokens[0].tags = tags(&[("a", "token")]);
    });
    let body = r#"{"metric":"m","value":1,"tags":{"a":"own","c":"own","d":"own"}}"#;
    assert_eq!(
        story
            .put("/api/put?extra_label=a=x&extra_label=c=extra", body)
            .status,
        204
    );
    assert_eq!(story.put("/api/put", body).status, 204);
    let bad = story.put("/api/put?details&extra_label=__name__=x", body);
    assert!(
        bad.body.contains("Invalid tag name (\\\"__name__\\\")"),
        "{}",
        bad.body
    );
    assert_eq!(
        story.stored(1),
        [
            "m{a=token,b=app,c=extra,d=own} 0=1",
            "m{a=token,b=app,c=own,d=own} 0=1"
        ]
    );
}

#[test]
fn the_opentsdb_profile_wants_timestamps_and_tags() {
    let strict = |ledger: &mut Ledger| ledger.applications[0].profile = Profile::OpenTsdb;
    let story = Story::with(strict);
    for (body, error) in [
        (
            r#"{"metric":"a","value":1,"tags":{"k":"v"}}"#,
            "Invalid timestamp",
        ),
        (r#"{"metric":"a","timestamp":@,"value":1}"#, "Missing tags"),
        (
            r#"{"metric":"","timestamp":@,"value":1,"tags":{"k":"v"}}"#,
            "Metric name was empty",
        ),
        (
            r#"{"metric":"a","timestamp":@,"value":"NaN","tags":{"k":"v"}}"#,
            "Unable to parse value to a number",
        ),
    ] {
        let answered = story.put("/api/put?details", body);
        assert_eq!(answered.status, 400, "{body}");
        assert!(
            answered.body.contains(&format!(r#""error":"{error}""#)),
            "{}",
            answered.body
        );
    }
    let good = r#"{"metric":"a","timestamp":@,"value":1,"tags":{"k":"v"}}"#;
    assert_eq!(story.put("/api/put", good).status, 204);
}

#[test]
fn no_more_than_32_tags_the_forced_ones_included() {
    let story = Story::with(|ledger| ledger.applications[0].tags = tags(&[("forced", "yes")]));
    let body = |count: usize| {
        let own: Vec<_> = (0..count).map(|n| format!(r#""k{n}":"v""#)).collect();
        format!(r#"{{"metric":"m","value":1,"tags":{{{}}}}}"#, own.join(","))
    };
    assert_eq!(story.put("/api/put", &body(31)).status, 204);
    let answered = story.put("/api/put?details", &body(32));
    assert!(
        answered
            .body
            .contains("Too many tags: 33 maximum allowed: 32"),
        "{}",
        answered.body
    );
}

#[test]
fn keys_are_never_stored_and_never_repeated() {
    let story = Story::new();
    let key = penstock_tenancy::Key::draw(&mut rand::rng(), Permission::Write);
    for body in [
        format!(r#"{{"metric":"{}","value":1}}"#, key.expose()),
        format!(
            r#"{{"metric":"m","value":1,"tags":{{"k":"{}"}}}}"#,
            key.expose()
        ),
        format!(
            r#"{{"metric":"m","value":1,"tags":{{"{}":":"}}}}"#,
            key.expose()
        ),
        format!(
            r#"{{"metric":"m:","value":1,"tags":{{"k":"{}"}}}}"#,
            key.expose()
        ),
    ] {
        let answered = story.put("/api/put?details", &body);
        assert_eq!(answered.status, 400);
        assert!(!answered.body.contains(key.expose()), "{}", answered.body);
    }
    assert!(story.stored(1).is_empty());
}

#[test]
fn rollups_are_series_of_their_own() {
    let story = Story::new();
    let body = r#"[
        {"metric":"m","timestamp":@,"value":1,"tags":{"h":"a"},"interval":"1h","aggregator":"SUM"},
        {"metric":"m","timestamp":@,"value":2,"tags":{"h":"a"},"groupByAggregator":"max"},
        {"metric":"m","timestamp":@,"value":3,"tags":{"h":"a"},"interval":"1h","aggregator":"sum","groupByAggregator":"sum"},
        {"metric":"m","timestamp":@,"value":4,"tags":{"h":"a"}}]"#;
    let answered = story.put("/api/rollup?details", body);
    assert_eq!(answered.status, 400);
    assert!(
        answered.body.contains(r#""error":"Missing interval""#),
        "{}",
        answered.body
    );
    assert_eq!(
        story
            .put(
                "/api/put",
                r#"{"metric":"m","timestamp":@,"value":5,"tags":{"h":"a"}}"#
            )
            .status,
        204
    );
    let stored = story.stored(1);
    assert_eq!(stored.len(), 4, "{stored:?}");
    assert!(stored.iter().any(|line| line.ends_with("m{h=a} 0=1")));
    assert!(
        stored
            .iter()
            .any(|line| line.ends_with("m{_aggregate=MAX,h=a} 0=2"))
    );
    assert!(
        stored
            .iter()
            .any(|line| line.ends_with("m{_aggregate=SUM,h=a} 0=3"))
    );
    assert!(stored.contains(&"m{h=a} 0=5".to_owned()));
}

#[test]
fn flags_answer_json_and_jsonp_wraps_it() {
    let story = Story::new();
    let good = r#"{"metric":"m","value":1}"#;
    let answered = story.put("/api/put?details=false&sync&sync_timeout=10000", good);
    assert_eq!(
        answered.body,
        r#"{"success":1,"failed":0,"timeouts":0,"errors":[]}"#
    );
    assert_eq!(
        story.put("/api/put?summary&jsonp=f", good).body,
        r#"f({"success":1,"failed":0})"#
    );
    assert_eq!(story.put("/api/put?jsonp=f", good).body, "");
    let refused = story.put("/api/put?sync&sync_timeout=soon", good);
    assert_eq!(refused.status, 400);
    assert!(
        refused
            .body
            .contains("Unable to parse 'sync_timeout' as a number")
    );
}

#[test]
fn while_the_disk_is_full_the_request_is_held_and_then_told_to_come_again() {
    let story = Story::new();
    story.write(1, r#"{"metric":"a","timestamp":@,"value":1}"#);
    story.fill_disk();
    let body = r#"[{"metric":"a","value":1},{"metric":"b:","value":1}]"#;
    let answered =
        story.run_with_paused_time(story.posting("/api/put", Some(&credential(1)), body));
    assert_eq!(answered.status, 503);
    assert_eq!(answered.headers[RETRY_AFTER], "1");
    assert!(
        answered.body.ends_with(r#","success":0,"failed":2}"#),
        "{}",
        answered.body
    );
    assert_eq!(
        story
            .event_loop
            .counts()
            .points_given_up
            .load(Ordering::Relaxed),
        1
    );
}

#[test]
fn a_new_series_on_a_full_disk_is_503_and_is_taken_when_there_is_room() {
    let story = Story::new();
    story.write(1, r#"{"metric":"known","timestamp":@,"value":1}"#);
    story.fill_disk();
    let body = r#"[{"metric":"b:","value":1},{"metric":"new","timestamp":@,"value":1},{"metric":"newer","value":1}]"#;
    let answered = story.put("/api/put?summary", body);
    assert_eq!(answered.status, 503);
    assert_eq!(answered.headers[RETRY_AFTER], "1");
    assert_eq!(
        answered.body,
        r#"{"error":{"code":503,"message":"Please throttle writes","details":"the server is overloaded: the disk is full"},"success":0,"failed":3}"#
    );
    story.disk.set_full(false);
    story.until_pressure(None);
    let answered = story.put("/api/put?summary", body);
    assert_eq!(answered.body, r#"{"success":2,"failed":1}"#);
    assert_eq!(story.stored(1), ["known{} 0=1", "new{} 0=1", "newer{} 0=1"]);
}

#[test]
fn where_servers_share_a_limit_both_figures_are_told() {
    let story = Story::with(|ledger| {
        ledger.replicas = 3;
        ledger.applications[0].limits.points_per_second = 10;
        ledger.applications[0].limits.burst = 10;
    });
    let points = [r#"{"metric":"m","value":1}"#; 8].join(",");
    let limit = "limit pointsPerSecond of application iot/app-1 reached: 10 points/s, 4 points/s on each of 3 servers";
    for path in ["/api/put", "/api/put?summary", "/api/put?details"] {
        let answered = story.put(path, &format!("[{points}]"));
        assert_eq!(answered.status, 429, "{path}");
        assert!(answered.headers.contains_key(RETRY_AFTER), "{path}");
        assert!(answered.body.contains(limit), "{path}: {}", answered.body);
    }
}

#[test]
fn a_token_that_is_revoked_while_its_body_comes_stores_nothing() {
    let story = Story::new();
    let revoke = story.revision(|ledger| {
        ledger.applications[0].tokens[0].state = TokenState::Revoked;
    });
    let mut revoke = Some(revoke);
    let pieces = [
        r#"[{"metric":"before","value":1},"#,
        r#"{"metric":"after","value":2}]"#,
    ];
    let pieces =
        futures_util::stream::iter(pieces.into_iter().enumerate().map(move |(n, piece)| {
            if n == 1 {
                revoke.take().unwrap()();
            }
            Ok::<_, std::io::Error>(bytes::Bytes::from_static(piece.as_bytes()))
        }));
    let body = axum::body::Body::from_stream(pieces);
    let answered = story.ask_with_body(Method::POST, "/api/put", Some(1), body);
    assert_eq!(answered.status, 403, "{}", answered.body);
    assert!(answered.body.contains("revoked"), "{}", answered.body);
    assert!(story.stored(1).is_empty());
}

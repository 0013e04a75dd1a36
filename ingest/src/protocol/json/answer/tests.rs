use penstock_tenancy::Profile;

use super::*;
use crate::protocol::json::{PutBody, Shape};

/// The answer to a body whose bad points alone are refused.
fn answer(body: &str, shape: Shape, query: &str) -> Reply {
    let mut answer = Answer::new(&PutOptions::parse(query).unwrap());
    let mut parsed = PutBody::parse(body.as_bytes(), shape).unwrap();
    while let Some(element) = parsed.next_element() {
        match element.check(Profile::OpenTsdb) {
            Ok(_) => answer.take(),
            Err(fault) => answer.refuse(&element, Cause::Data, &fault.http_text()),
        }
    }
    answer.finish()
}

fn counts(reply: Reply) -> (u16, String) {
    match reply {
        Reply::Counts { status, body, .. } => (status.as_u16(), String::from_utf8(body).unwrap()),
        other => panic!("{other:?}"),
    }
}

const GOOD: &str = r#"{"metric":"m","timestamp":1,"value":2,"tags":{"a":"b"}}"#;

#[test]
fn good_points_are_answered_as_the_flags_ask() {
    let body = format!("[{GOOD},{GOOD}]");
    assert_eq!(answer(&body, Shape::Put, ""), Reply::NoContent);
    assert_eq!(
        counts(answer(&body, Shape::Put, "summary")),
        (200, r#"{"success":2,"failed":0}"#.to_owned())
    );
    assert_eq!(
        counts(answer(&body, Shape::Put, "details")),
        (200, r#"{"success":2,"failed":0,"errors":[]}"#.to_owned())
    );
    assert_eq!(
        counts(answer(&body, Shape::Put, "summary&sync&sync_timeout=5")),
        (200, r#"{"success":2,"failed":0,"timeouts":0}"#.to_owned())
    );
}

#[test]
fn bad_points_are_answered_as_the_flags_ask() {
    let body = format!(r#"[{GOOD},{{"metric":"m","timestamp":1,"value":"x","tags":{{"a":"b"}}}}]"#);
    assert_eq!(
        answer(&body, Shape::Put, ""),
        Reply::Error {
            status: StatusCode::BAD_REQUEST,
            message: "One or more data points had errors".to_owned(),
            details: Some(
                "Please see the TSD logs or append \"details\" to the put request".into()
            ),
            success: 1,
            failed: 1,
            retry_after: None,
        }
    );
    assert_eq!(
        counts(answer(&body, Shape::Put, "summary")),
        (400, r#"{"success":1,"failed":1}"#.to_owned())
    );
    assert_eq!(
        counts(answer(&body, Shape::Put, "details")),
        (
            400,
            r#"{"success":1,"failed":1,"errors":[{"error":"Unable to parse value to a number","datapoint":{"metric":"m","timestamp":1,"value":"x","tags":{"a":"b"}}}]}"#
                .to_owned()
        )
    );
}

/// The `datapoint` of the one error that `details` lists.
fn echo(body: &str, shape: Shape) -> String {
    let (_, answer) = counts(answer(body, shape, "details"));
    let (_, from) = answer.split_once(r#""datapoint":"#).unwrap();
    from.strip_suffix("}]}").unwrap().to_owned()
}

#[test]
fn points_are_echoed_in_one_form() {
    for (body, expected) in [
        // Nothing there: the timestamp is 0 all the same.
        ("{}", r#"{"timestamp":0}"#),
        ("[null]", "null"),
        // The value is always a string, digit for digit; what was null is left out.
        (
            r#"{"metric":"m","timestamp":"5","value":12.340,"tags":null}"#,
            r#"{"metric":"m","timestamp":5,"value":"12.340"}"#,
        ),
        (
            r#"{"metric":null,"value":true,"tags":{}}"#,
            r#"{"timestamp":0,"value":"true","tags":{}}"#,
        ),
        // Escapes come back as escapes, tags in their order, null values as null.
        (
            r#"{"metric":"a\"\u0001\\é","timestamp":-1.5,"tags":{"z":1,"a":null}}"#,
            r#"{"metric":"a\"\u0001\\é","timestamp":-1,"tags":{"z":"1","a":null}}"#,
        ),
        // Members that nobody knows do not come back.
        (
            r#"{"metric":"","more":[1]}"#,
            r#"{"metric":"","timestamp":0}"#,
        ),
        // Nor does a credential, wherever it stands.
        (
            r#"{"metric":"","tags":{"a":"b","ovh.auth":"id:key","c":"d"}}"#,
            r#"{"metric":"","timestamp":0,"tags":{"a":"b","c":"d"}}"#,
        ),
        (
            r#"{"metric":"","tags":{"ovh\u002eauth":"id:key","ovh.auth":"id:key"}}"#,
            r#"{"metric":"","timestamp":0,"tags":{}}"#,
        ),
    ] {
        assert_eq!(echo(body, Shape::Put), expected, "{body}");
    }
    assert_eq!(
        echo(
            r#"{"metric":"","interval":"1h","aggregator":"sum","groupByAggregator":""}"#,
            Shape::Rollup
        ),
        r#"{"metric":"","timestamp":0,"interval":"1h","aggregator":"sum","groupByAggregator":""}"#
    );
}

#[test]
fn keys_that_strayed_into_a_point_do_not_come_back() {
    let key = crate::protocol::example_key();
    let body = format!(
        r#"{{"metric":"{key}","timestamp":0,"value":"{key}","tags":{{"{key}":"x{key}"}},"interval":"{key}"}}"#
    );
    for shape in [Shape::Put, Shape::Rollup] {
        let answer = echo(&body, shape);
        assert!(!answer.contains(&key), "{answer}");
    }
}

#[test]
fn the_worst_point_makes_the_status() {
    let mut body = PutBody::parse(GOOD.as_bytes(), Shape::Put).unwrap();
    let element = body.next_element().unwrap();
    let quota = Cause::Quota(Duration::from_secs(3));
    for (causes, taken, status) in [
        (vec![Cause::Data], 1, 400),
        (vec![Cause::Data, quota], 1, 429),
        (vec![Cause::Unauthorized], 0, 401),
        (vec![Cause::Unauthorized, Cause::Forbidden], 0, 403),
        (vec![Cause::Unauthorized], 1, 400),
        (vec![Cause::Forbidden, Cause::Data], 0, 400),
        // Storage alone is no fault of the request.
        (vec![Cause::Storage], 1, 200),
        (vec![Cause::Storage, Cause::Data], 1, 400),
    ] {
        let mut answer = Answer::new(&PutOptions::parse("summary").unwrap());
        for _ in 0..taken {
            answer.take();
        }
        for cause in &causes {
            answer.refuse(&element, *cause, "text");
        }
        assert_eq!(counts(answer.finish()).0, status, "{causes:?}");
    }
}

#[test]
fn a_quota_says_when_to_come_back_and_storage_alone_fails_a_plain_put() {
    let mut body = PutBody::parse(GOOD.as_bytes(), Shape::Put).unwrap();
    let element = body.next_element().unwrap();
    let mut answer = Answer::new(&PutOptions::default());
    for seconds in [2, 7, 5] {
        answer.refuse(
            &element,
            Cause::Quota(Duration::from_secs(seconds)),
            "over the limit",
        );
    }
    let Reply::Error {
        status,
        retry_after,
        failed,
        ..
    } = answer.finish()
    else {
        panic!("an error")
    };
    assert_eq!((status.as_u16(), failed), (429, 3));
    assert_eq!(retry_after, Some(Duration::from_secs(7)));

    let mut answer = Answer::new(&PutOptions::default());
    answer.refuse(&element, Cause::Storage, "Storage exception: disk full");
    let Reply::Error { status, .. } = answer.finish() else {
        panic!("an error")
    };
    assert_eq!(status.as_u16(), 400);
}

#[test]
fn points_that_are_late_on_disk_are_counted_apart() {
    let late = |query: &str| {
        let bad = r#"{"metric":"bad","timestamp":1,"tags":{"a":"b"}}"#;
        let body = format!("[{GOOD},{bad},{GOOD}]");
        let mut body = PutBody::parse(body.as_bytes(), Shape::Put).unwrap();
        let mut answer = Answer::new(&PutOptions::parse(query).unwrap());
        while let Some(element) = body.next_element() {
            match element.check(Profile::OpenTsdb) {
                Ok(_) => answer.take(),
                Err(fault) => answer.refuse(&element, Cause::Data, &fault.http_text()),
            }
        }
        answer.time_out(&mut body);
        answer.finish()
    };
    assert_eq!(
        counts(late("summary&sync&sync_timeout=5")),
        (400, r#"{"success":0,"failed":1,"timeouts":2}"#.to_owned())
    );
    let listed = format!(
        r#"{{"error":"Write timedout","datapoint":{}}}"#,
        GOOD.replace('2', "\"2\"")
    );
    assert_eq!(
        counts(late("details&sync&sync_timeout=5")),
        (
            400,
            format!(
                r#"{{"success":0,"failed":1,"timeouts":2,"errors":[{{"error":"Empty value","datapoint":{{"metric":"bad","timestamp":1,"tags":{{"a":"b"}}}}}},{listed},{listed}]}}"#
            )
        )
    );
    let Reply::Error {
        message, failed, ..
    } = late("sync&sync_timeout=5")
    else {
        panic!("an error")
    };
    assert_eq!(failed, 3);
    assert_eq!(
        message,
        "The put call has timedout with 0 successful writes, 1 failed writes and 2 timed out writes."
    );
}

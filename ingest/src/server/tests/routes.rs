//! Paths and methods, asked over a socket.

use std::io::Write;

use super::client::{Answer, connect, exchange, put, read_answer, read_to_end};
use super::*;

fn ask(story: &Story, line: &str) -> Answer {
    let request = format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n");
    exchange(&mut connect(story.plain()), &request)
}

#[test]
fn every_answer_is_json_and_says_what_is_wrong() {
    let story = Story::start();
    for (line, status, body) in [
        (
            "GET /api/nothing",
            404,
            r#"{"error":{"code":404,"message":"Endpoint not found"}}"#,
        ),
        (
            "GET /api/put",
            405,
            r#"{"error":{"code":405,"message":"Method not allowed","details":"The HTTP method [GET] is not permitted for this endpoint"},"success":0,"failed":1}"#,
        ),
        (
            "PUT /api/v1/Rollup/",
            405,
            r#"{"error":{"code":405,"message":"Method not allowed","details":"The HTTP method [PUT] is not permitted for this endpoint"},"success":0,"failed":1}"#,
        ),
        (
            "OPTIONS /api/put",
            405,
            r#"{"error":{"code":405,"message":"Method not allowed","details":"The HTTP method [OPTIONS] is not permitted for this endpoint"}}"#,
        ),
        (
            "POST /api/v2/put",
            501,
            r#"{"error":{"code":501,"message":"Requested API version is greater than the max implemented","details":"API version [2] is greater than the max [1]"},"success":0,"failed":1}"#,
        ),
        (
            "POST /api/v1x/put",
            400,
            r#"{"error":{"code":400,"message":"Invalid API version format supplied","details":"API version [1x] cannot be parsed to an integer"},"success":0,"failed":1}"#,
        ),
        (
            "GET /api/v1x/query",
            400,
            r#"{"error":{"code":400,"message":"Invalid API version format supplied","details":"API version [1x] cannot be parsed to an integer"}}"#,
        ),
    ] {
        let answer = ask(&story, line);
        assert_eq!(answer.status, status, "{line}");
        assert_eq!(answer.body, body, "{line}");
        let json = "content-type: application/json; charset=utf-8\r\n";
        assert!(answer.head.contains(json), "{answer:?}");
    }
}

#[test]
fn one_endpoint_has_many_spellings() {
    let story = Story::start();
    let mut client = connect(story.plain());
    for path in [
        "/api/put",
        "/api/put/",
        "/API/Put?sync",
        "/api/v1/put",
        "/opentsdb/api/put",
        "/api/put/x",
        "http://h/api/put",
        // Not allowed in an address, and sent all the same.
        "/api/put?m={a|b}",
    ] {
        let request = put().replacen("/api/put", path, 1);
        assert_eq!(exchange(&mut client, &request).status, 204, "{path}");
    }
}

#[test]
fn small_questions_need_no_credentials() {
    let story = Story::start();
    assert_eq!(ask(&story, "GET /api/v1/health/check").status, 204);
    assert_eq!(ask(&story, "GET /health").body, "OK");
    assert!(
        ask(&story, "GET /api/v1/health/status")
            .body
            .starts_with('[')
    );
    assert!(ask(&story, "GET /api/v1/version").body.contains("2.4.1"));
}

#[test]
fn careless_headers_are_taken() {
    let story = Story::start();
    // A bare line feed, and a host that is an address with a scheme, as netdata sends them.
    let careless =
        put()
            .replacen("\r\n", "\n", 1)
            .replacen("Host: h", "Host: tcp:127.0.0.1:4242", 1);
    assert_eq!(exchange(&mut connect(story.plain()), &careless).status, 204);
    // Two lengths for one body are an attack: the chunks count, and this body has none.
    let smuggled = put().replacen("Host: h", "Host: h\r\nTransfer-Encoding: chunked", 1);
    let mut client = connect(story.plain());
    client.write_all(smuggled.as_bytes()).unwrap();
    let heard = read_to_end(&mut client);
    assert!(heard.starts_with("HTTP/1.1 400 "), "{heard}");
}

#[test]
fn a_broken_head_is_answered() {
    let story = Story::start();
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "h: x\r\n".repeat(200));
    for (head, status) in [
        ("GET / HTTP/9.9\r\n\r\n", "400"),
        ("GET /api/version?q= x HTTP/1.1\r\n\r\n", "400"),
        ("GET /api/version HTTP/1.1\r\nno colon\r\n\r\n", "400"),
        (
            "GET /api/version HTTP/1.1\r\nContent-Length: x\r\n\r\n",
            "400",
        ),
        (&*long, "431"),
        (&*many, "431"),
    ] {
        let mut client = connect(story.plain());
        client.write_all(head.as_bytes()).unwrap();
        let answer = read_answer(&mut client);
        assert_eq!(answer.status.to_string(), status, "{answer:?}");
    }
}

#[test]
fn an_answer_does_not_wait_for_the_rest_of_the_next_request() {
    let story = Story::start();
    let mut client = connect(story.plain());
    let (begun, rest) = ("GET /health HT", "TP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(exchange(&mut client, &(put() + begun)).status, 204);
    assert_eq!(exchange(&mut client, rest).body, "OK");
}

#[test]
fn a_page_of_another_origin_gets_what_its_browser_asks_for() {
    let story = Story::start_with(|config| {
        config.cors = crate::http::cors::Cors::new(["https://grafana:3000"]).unwrap();
    });
    let from = |line: &str, origin: &str| {
        let request = format!("{line} HTTP/1.1\r\nHost: h\r\nOrigin: {origin}\r\n\r\n");
        exchange(&mut connect(story.plain()), &request)
    };
    let allowed = "access-control-allow-origin: https://grafana:3000\r\n";
    for (line, status) in [
        // Without credentials.
        ("OPTIONS /api/query", 200),
        ("GET /api/version", 200),
        // The page sees why.
        ("GET /api/nothing", 404),
        ("GET /api/v1/export", 401),
    ] {
        let answer = from(line, "https://grafana:3000");
        assert_eq!(answer.status, status, "{line}");
        assert!(answer.head.contains(allowed), "{answer:?}");
        assert_eq!(answer.body.is_empty(), line.starts_with("OPTIONS"));
    }
    for (line, status) in [("GET /api/version", 200), ("POST /api/put", 403)] {
        let answer = from(line, "https://elsewhere");
        assert_eq!(answer.status, status, "{line}");
        assert!(!answer.head.contains("access-control"), "{answer:?}");
        assert!(
            answer.body.contains(r#""message":"CORS domain not allowed","details":"The domain [https://elsewhere] is not permitted access""#),
            "{answer:?}"
        );
    }
}

#[test]
fn elsewhere_than_below_api_a_browser_is_told() {
    let story = Story::start();
    for line in ["GET /metrics", "GET /", "POST /q"] {
        let answer = ask(&story, line);
        assert_eq!(answer.status, 404, "{line}");
        assert!(
            answer
                .head
                .contains("content-type: text/html; charset=utf-8")
        );
        assert!(answer.body.starts_with("<!DOCTYPE html>"), "{answer:?}");
    }
}

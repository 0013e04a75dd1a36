//! Heads of requests that cannot be served.

use std::io::{Read, Write};

use super::client::{
    Answer, connect, connect_tls, exchange, get, put, read_answer, read_to_end, tls_config,
};
use super::*;
use crate::ledger_fixture::{ID, KEY};

/// What a client is told that sends this and nothing more, and that the connection ends then.
fn told(story: &Story, bytes: &[u8]) -> Answer {
    let mut plain = connect(story.plain());
    plain.write_all(bytes).unwrap();
    let answer = read_answer(&mut plain);
    assert_eq!(read_to_end(&mut plain), "");
    answer
}

#[test]
fn a_request_of_two_lengths_is_refused() {
    let story = Story::start();
    let point = r#"{"metric":"m","timestamp":1346846400,"value":18}"#;
    let chunk = format!("{:x}\r\n{point}\r\n0\r\n\r\n", point.len());
    let length = format!("Content-Length: {}\r\n", chunk.len());
    let chunked = "Transfer-Encoding: chunked\r\n".to_owned();
    for lengths in [[&length, &chunked], [&chunked, &length]] {
        let request = format!(
            "POST /api/put HTTP/1.1\r\nHost: h\r\nX-Warp10-Token: {ID}:{KEY}\r\n{}{}\r\n{chunk}",
            lengths[0], lengths[1]
        );
        let answer = told(&story, request.as_bytes());
        assert_eq!(answer.status, 400);
        assert_eq!(
            answer.body,
            "{\"error\":{\"code\":400,\"message\":\"Bad request\",\"details\":\"a request has Content-Length or \
             Transfer-Encoding, not both: they may say different things\"},\"success\":0,\"failed\":1}"
        );
    }
    // The same over a connection that was good until then.
    let mut client = connect_tls(story.tls(), &tls_config(&story, &[]));
    assert_eq!(exchange(&mut client, &put()).status, 204);
    let request = format!("POST /api/put HTTP/1.1\r\nHost: h\r\n{chunked}{length}\r\n{chunk}");
    assert_eq!(exchange(&mut client, &request).status, 400);
    assert_eq!(read_to_end(&mut client), "");
    let metrics = get(story.admin(), "/metrics").body;
    assert!(metrics.contains("penstock_store_series 1\n"), "{metrics}");
}

/// Its head is not looked at; what RFC 9112 asks for is that the connection ends with its answer.
#[test]
fn after_a_request_of_two_lengths_behind_another_the_connection_ends() {
    let story = Story::start();
    let point = r#"{"metric":"m","timestamp":1346846400,"value":18}"#;
    for lengths in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
    ] {
        let both = format!(
            "POST /api/put HTTP/1.1\r\nHost: h\r\nX-Warp10-Token: {ID}:{KEY}\r\n{lengths}\r\n{:x}\r\n{point}\r\n0\r\n\r\n",
            point.len()
        );
        let mut client = connect(story.plain());
        let requests = [put(), both, put()].concat();
        client.write_all(requests.as_bytes()).unwrap();
        assert_eq!(read_answer(&mut client).status, 204);
        let last = read_answer(&mut client);
        assert_eq!(last.status, 204);
        assert!(last.head.contains("connection: close\r\n"), "{last:?}");
        assert_eq!(client.read_to_end(&mut Vec::new()).unwrap_or(0), 0);
    }
}

#[test]
fn a_head_that_cannot_be_read_gets_the_error_object() {
    let story = Story::start();
    let long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(1 << 20));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(101));
    let many_of_put = many.replacen("GET /", "POST /api/put?details", 1);
    for (head, status, details) in [
        (
            "GET /api/version HTTP/9.9\r\n\r\n",
            400,
            "the request line or a header",
        ),
        (
            "GET /api/version HTTP/1.1\r\nNo colon\r\n\r\n",
            400,
            "cannot be read",
        ),
        (
            "GET /api/v1/export?match[]={a=\"b\"} HTTP/1.1\r\nHost: h\r\n\r\n",
            400,
            "a quote",
        ),
        ("GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400, "a blank"),
        (
            "POST /api/put HTTP/1.1\r\nContent-Length: x\r\n\r\n",
            400,
            "cannot be read",
        ),
        (
            "POST /api/put HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            400,
            "cannot be read",
        ),
        (
            "POST /api/put HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
            400,
            "cannot be read",
        ),
        (&long, 431, "65536 bytes"),
        (&many, 431, "100 headers"),
        (&many_of_put, 431, "100 headers"),
    ] {
        let answer = told(&story, head.as_bytes());
        let start: String = head.chars().take(60).collect();
        assert_eq!(answer.status, status, "{start}");
        let object = format!("{{\"error\":{{\"code\":{status},\"message\":\"");
        assert!(answer.body.starts_with(&object), "{start}: {answer:?}");
        assert!(answer.body.contains(details), "{start}: {answer:?}");
        let counts = answer.body.ends_with(r#"},"success":0,"failed":1}"#);
        assert_eq!(counts, head.contains("/api/put"), "{start}: {answer:?}");
        let json = "content-type: application/json; charset=utf-8\r\n";
        assert!(answer.head.contains(json), "{start}: {answer:?}");
    }
    // Over TLS, after a good request.
    let mut client = connect_tls(story.tls(), &tls_config(&story, &[b"http/1.1"]));
    assert_eq!(exchange(&mut client, &put()).status, 204);
    let refused = exchange(&mut client, "nonsense\r\n\r\n");
    assert_eq!(refused.status, 400);
    assert!(refused.body.starts_with("{\"error\":"), "{refused:?}");
    assert_eq!(read_to_end(&mut client), "");
}

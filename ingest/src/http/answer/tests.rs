use std::io::Read as _;

use flate2::read::GzDecoder;
use futures_util::stream;
use http::StatusCode;

use super::*;

fn headers(accept: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT_ENCODING, accept.parse().unwrap());
    headers
}

fn form(query: &str, accept: &str) -> Result<AnswerForm, ApiError> {
    AnswerForm::of(Some(query), &headers(accept))
}

fn response(content_type: HeaderValue, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// The status, the coding and the decoded body.
fn applied(form: AnswerForm, response: Response) -> (HeaderMap, String) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (parts, body) = form.apply(&Method::GET, response).await.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let mut text = String::new();
        if parts.headers.contains_key(CONTENT_ENCODING) {
            assert_eq!(parts.headers[CONTENT_ENCODING], "gzip");
            GzDecoder::new(&bytes[..])
                .read_to_string(&mut text)
                .unwrap();
        } else {
            text = String::from_utf8(bytes.to_vec()).unwrap();
        }
        (parts.headers, text)
    })
}

fn streamed(pieces: &[&str]) -> Body {
    let pieces: Vec<_> = pieces
        .iter()
        .map(|piece| Ok::<_, std::io::Error>(piece.to_string()))
        .collect();
    Body::from_stream(stream::iter(pieces))
}

#[test]
fn only_names_are_called() {
    for name in ["f", "a.b", "$", "jQuery_1.cb$2", &"n".repeat(128)] {
        assert!(form(&format!("jsonp={name}"), "").is_ok(), "{name}");
    }
    for name in [
        "",
        "alert(1)",
        "a..b",
        ".a",
        "a.",
        "1a",
        "a[0]",
        "a%3Cscript%3E",
        "a%0A",
        "a+b",
        "%C3%A9",
        &"n".repeat(129),
    ] {
        let refused = form(&format!("jsonp={name}"), "").unwrap_err();
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{name}");
    }
    // The last one counts.
    assert!(form("jsonp=(&jsonp=f", "").is_ok());
    assert!(form("jsonp=f&jsonp=(", "").is_err());
}

#[test]
fn there_is_one_serializer() {
    assert!(form("serializer=json", "").is_ok());
    assert!(form("serializer=xml&serializer=json", "").is_ok());
    let refused = form("serializer=xml", "").unwrap_err();
    assert_eq!(
        String::from_utf8(refused.render()).unwrap(),
        r#"{"error":{"code":400,"message":"Requested serializer was not found"}}"#
    );
}

#[test]
fn a_call_is_put_around_json_alone() {
    let called = || form("jsonp=a.f", "").unwrap();
    let (_, body) = applied(called(), response(JSON, "[1]"));
    assert_eq!(body, "a.f([1])");
    let (_, body) = applied(called(), response(JSON, streamed(&["[1", ",2]"])));
    assert_eq!(body, "a.f([1,2])");
    let (headers, body) = applied(called(), response(JSON, ""));
    assert_eq!((headers.contains_key(VARY), &*body), (false, ""));
    let text = HeaderValue::from_static("text/plain");
    let (_, body) = applied(called(), response(text, "lines"));
    assert_eq!(body, "lines");
}

#[test]
fn long_answers_are_compressed_for_those_who_take_it() {
    let long = format!("[{}]", "\"name\",".repeat(40_000));
    let (first, rest) = long.split_at(1);
    let (second, third) = rest.split_at(30_000);
    for (accept, is_compressed) in [
        ("gzip", true),
        ("br;q=1.0, GZIP;q=0.8, *;q=0.1", true),
        ("x-gzip", true),
        ("gzip;q=0", false),
        ("gzip; q=0.000", false),
        ("deflate, br", false),
        ("", false),
    ] {
        let form = || form("", accept).unwrap();
        let bodies = [
            Body::from(long.clone()),
            streamed(&[first, second, third]),
            streamed(&[&long]),
        ];
        for body in bodies {
            let (headers, body) = applied(form(), response(JSON, body));
            assert_eq!(body, long);
            assert_eq!(
                headers.contains_key(CONTENT_ENCODING),
                is_compressed,
                "{accept}"
            );
            assert_eq!(headers[VARY], "Accept-Encoding");
        }
        let (headers, _) = applied(form(), response(JSON, "[1]"));
        assert!(!headers.contains_key(CONTENT_ENCODING), "not worth it");
    }
}

#[test]
fn a_call_is_compressed_as_a_whole() {
    let long = format!("[{}1]", "1,".repeat(5_000));
    let form = form("jsonp=f", "gzip").unwrap();
    let (headers, body) = applied(form, response(JSON, long.clone()));
    assert!(headers.contains_key(CONTENT_ENCODING));
    assert_eq!(body, format!("f({long})"));
}

#[test]
fn an_answer_that_breaks_off_does_not_end_well() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for query in ["", "jsonp=f"] {
        let response = response(
            JSON,
            Body::from_stream(stream::iter([
                Ok("[1,"),
                Err(std::io::Error::other("broke off")),
            ])),
        );
        let read = runtime.block_on(async {
            let response = form(query, "gzip")
                .unwrap()
                .apply(&Method::GET, response)
                .await;
            axum::body::to_bytes(response.into_body(), usize::MAX).await
        });
        assert!(read.is_err(), "{query}");
    }
}

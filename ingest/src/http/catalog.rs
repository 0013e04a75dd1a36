//! What is the same for everybody and needs no credentials: the version, the functions, the filters, a few settings.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use penstock_query::Aggregator;
use penstock_tenancy::Profile;
use serde_json::{Map, Value, json};

use super::answer::json;
use crate::protocol::json::options::parameters;
use crate::protocol::telnet::reply;

/// The types of filters, how one is written, and what it takes.
const FILTERS: [(&str, &str, &str); 7] = [
    (
        "literal_or",
        r#"host=literal_or(web01)  host=literal_or(web01|web02)  {"type":"literal_or","tagk":"host","filter":"web01|web02","groupBy":false}"#,
        "Takes series whose tag has exactly one of the values, which are separated by | (pipe). Letter case counts. A value that no series has is an error.",
    ),
    (
        "iliteral_or",
        r#"host=iliteral_or(web01)  host=iliteral_or(WEB01|web02)  {"type":"iliteral_or","tagk":"host","filter":"web01|web02","groupBy":false}"#,
        "Takes series whose tag has one of the values, which are separated by | (pipe), in any letter case.",
    ),
    (
        "not_literal_or",
        r#"host=not_literal_or(web01)  {"type":"not_literal_or","tagk":"host","filter":"web01|web02","groupBy":false}"#,
        "Takes series that have the tag with none of the values, which are separated by | (pipe). Letter case counts.",
    ),
    (
        "not_iliteral_or",
        r#"host=not_iliteral_or(WEB01)  {"type":"not_iliteral_or","tagk":"host","filter":"web01|web02","groupBy":false}"#,
        "Takes series that have the tag with none of the values, which are separated by | (pipe), in whatever letter case.",
    ),
    (
        "wildcard",
        r#"host=wildcard(web*)  host=wildcard(web*.example.com)  {"type":"wildcard","tagk":"host","filter":"web*.example.com","groupBy":false}"#,
        "Takes series whose tag's value has the pieces between the * (asterisks) in their order. Letter case counts. * alone takes every series that has the tag.",
    ),
    (
        "iwildcard",
        r#"host=iwildcard(WEB*)  {"type":"iwildcard","tagk":"host","filter":"web*.example.com","groupBy":false}"#,
        "As wildcard, in any letter case.",
    ),
    (
        "regexp",
        r#"host=regexp(web[0-9]+)  {"type":"regexp","tagk":"host","filter":"web[0-9]+","groupBy":false}"#,
        "Takes series in whose tag's value the regular expression is found, anywhere unless it says ^ or $.",
    ),
];

/// `/api/version`: `OpenTSDB`'s object. Its `version` member serves `KairosDB`'s clients too.
pub(crate) async fn version() -> Response {
    json(&version_object())
}

/// `/version`, of `OpenTSDB` 1.x: the text of the telnet command, or with `?json` the object.
pub(crate) async fn version_text(request: Request) -> Response {
    if wants_json(&request) {
        json(&version_object())
    } else {
        reply::version(Profile::OpenTsdb).into_response()
    }
}

/// `/api/aggregators`: every function that a query may name.
pub(crate) async fn aggregators() -> Response {
    let names: Vec<&str> = Aggregator::all().map(Aggregator::name).collect();
    json(&names)
}

/// `/api/config/filters`: every type of filter.
pub(crate) async fn filters() -> Response {
    let types: Map<String, Value> = FILTERS
        .iter()
        .map(|(name, examples, description)| {
            let about = json!({"examples": examples, "description": description});
            ((*name).to_owned(), about)
        })
        .collect();
    json(&types)
}

/// `/api/config`: what of `OpenTSDB`'s settings has a meaning here and is the same for every application. All texts.
pub(crate) async fn config() -> Response {
    json(&json!({
        "tsd.core.auto_create_metrics": "true",
        "tsd.core.auto_create_tagks": "true",
        "tsd.core.auto_create_tagvs": "true",
        "tsd.http.request.enable_chunked": "true",
        "tsd.http.show_stack_trace": "false",
        "tsd.mode": "rw",
        "tsd.rollups.enable": "true",
        "tsd.storage.fix_duplicates": "true",
        "tsd.storage.uid.width.metric": "8",
        "tsd.storage.uid.width.tagk": "8",
        "tsd.storage.uid.width.tagv": "8",
    }))
}

/// `/api/dropcaches`: there is none to drop.
pub(crate) async fn drop_caches() -> Response {
    json(&json!({"status": "200", "message": "Caches dropped"}))
}

/// Whether `json` is among the parameters, as 1.x asks.
pub(super) fn wants_json(request: &Request) -> bool {
    parameters(request.uri().query().unwrap_or_default()).any(|(name, _)| name == "json")
}

fn version_object() -> Value {
    json!({
        "version": reply::OPENTSDB_VERSION,
        "short_revision": "",
        "full_revision": "",
        "timestamp": "0",
        "repo_status": "MINT",
        "user": "penstock",
        "host": "",
        "repo": concat!("penstock ", env!("CARGO_PKG_VERSION")),
        "branch": "",
    })
}

#[cfg(test)]
mod tests {
    use http::Method;
    use http::header::CONTENT_TYPE;
    use penstock_query::filter::FILTER_TYPES;

    use super::super::error::JSON;
    use super::*;
    use crate::story::Story;

    #[test]
    fn everybody_gets_the_same_lists() {
        let story = Story::new();
        let get = |path: &str| {
            let answered = story.ask(Method::GET, path, None, "");
            assert_eq!(answered.status, 200, "{path}");
            assert_eq!(answered.headers[CONTENT_TYPE], JSON, "{path}");
            let posted = story.ask(Method::POST, path, None, "");
            assert_eq!(
                (posted.status, &posted.body),
                (200, &answered.body),
                "{path}"
            );
            serde_json::from_str::<Value>(&answered.body).unwrap()
        };
        let aggregators = get("/api/aggregators");
        assert_eq!(aggregators.as_array().unwrap().len(), 35);
        assert_eq!(aggregators, get("/aggregators"));
        let filters = get("/api/config/filters");
        let types: Vec<&str> = filters
            .as_object()
            .unwrap()
            .keys()
            .map(|name| &**name)
            .collect();
        let mut expected = FILTER_TYPES;
        expected.sort_unstable();
        assert_eq!(types, expected);
        for (_, about) in filters.as_object().unwrap() {
            assert!(about["examples"].is_string() && about["description"].is_string());
        }
        for (_, value) in get("/api/config").as_object().unwrap() {
            assert!(value.is_string());
        }
        for (_, value) in get("/api/version").as_object().unwrap() {
            assert!(value.is_string());
        }
        assert_eq!(get("/api/v1/version/")["version"], "2.4.1");
    }

    #[test]
    fn caches_are_dropped_by_get_and_delete() {
        let story = Story::new();
        for (method, status) in [
            (Method::GET, 200),
            (Method::DELETE, 200),
            (Method::POST, 405),
        ] {
            let answered = story.ask(method, "/api/dropcaches", None, "");
            assert_eq!(answered.status, status);
        }
        let answered = story.ask(Method::GET, "/dropcaches", None, "");
        assert_eq!(
            answered.body,
            r#"{"message":"Caches dropped","status":"200"}"#
        );
    }

    #[test]
    fn the_old_version_is_text() {
        let story = Story::new();
        let text = story.ask(Method::GET, "/version", None, "");
        assert!(
            text.body
                .starts_with("net.opentsdb.tools 2.4.1 built at revision ")
        );
        assert_eq!(text.body.lines().count(), 2);
        let object = story.ask(Method::GET, "/version?json", None, "");
        assert!(object.body.starts_with('{'));
    }
}

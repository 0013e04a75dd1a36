//! Small answers that need no credentials: who we are, and that we are here.
//!
//! Whether this process should get traffic is the admin port's `/readyz`; these are for clients that ask before they
//! push.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::error::JSON;

/// The release of `OpenTSDB` whose wire behaviour we have; clients compare it.
const OPENTSDB_VERSION: &str = "2.4.1";

/// `/api/version`: `OpenTSDB`'s object. Its `version` member serves `KairosDB`'s clients too.
pub(crate) async fn version() -> Response {
    let object = serde_json::json!({
        "version": OPENTSDB_VERSION,
        "short_revision": "",
        "full_revision": "",
        "timestamp": "0",
        "repo_status": "MINT",
        "user": "penstock",
        "host": "",
        "repo": concat!("penstock ", env!("CARGO_PKG_VERSION")),
        "branch": "",
    });
    json(&object)
}

/// `KairosDB`'s list of what works.
pub(crate) async fn status() -> Response {
    json(&serde_json::json!([
        "JVM-Thread-Deadlock: OK",
        "Datastore-Query: OK"
    ]))
}

/// `KairosDB`'s check: 204.
pub(crate) async fn check() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// `VictoriaMetrics`' check.
pub(crate) async fn ok() -> &'static str {
    "OK"
}

fn json(value: &serde_json::Value) -> Response {
    ([(CONTENT_TYPE, JSON)], value.to_string()).into_response()
}

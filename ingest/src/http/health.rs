//! Small answers that need no credentials: that we are here.
//!
//! Whether this process should get traffic is the admin port's `/readyz`; these are for clients that ask before they
//! push.

use axum::response::Response;
use http::StatusCode;

use super::answer::json;

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

//! The admin port: plain HTTP for probes and scrapers.
//!
//! | path | answers |
//! |---|---|
//! | `/livez` | 200 as long as the process runs: what it cannot mend by itself ends it |
//! | `/readyz` | 200 once every cache is filled, on the leader and on standby; else 503 and what is missing; `?within=SECONDS`: not 503 before these are over |
//! | `/metrics` | everything that is counted, as OpenMetrics text |

mod readiness;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde::Deserialize;
use tokio::time::timeout;

pub use readiness::{Readiness, ReadinessLatch};

/// How long `/readyz` waits at most, whatever it is asked for.
const WITHIN_MAX: Duration = Duration::from_secs(30);

/// What the admin port knows.
#[derive(Debug)]
struct Admin {
    readiness: Readiness,
    registry: Registry,
}

/// The routes of the admin port.
pub fn router(readiness: Readiness, registry: Registry) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(Admin {
            readiness,
            registry,
        }))
}

/// How long `/readyz` may wait for its answer to become a good one.
#[derive(Debug, Deserialize)]
struct Patience {
    #[serde(default)]
    within: u64,
}

async fn readyz(
    State(admin): State<Arc<Admin>>,
    Query(Patience { within }): Query<Patience>,
) -> Response {
    let within = Duration::from_secs(within).min(WITHIN_MAX);
    drop(timeout(within, admin.readiness.until_ready()).await);
    let missing = admin.readiness.missing();
    if missing.is_empty() {
        return "ok\n".into_response();
    }
    let mut text = missing.join("\n");
    text.push('\n');
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let mut text = String::new();
    match encode(&mut text, &admin.registry) {
        Ok(()) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests;

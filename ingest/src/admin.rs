//! The admin port: plain HTTP for probes, scrapers and the operator.
//!
//! | path | answers |
//! |---|---|
//! | `/livez` | 200 as long as the process makes sense; 503 after a failure of the store |
//! | `/startz` | as `/livez`, but not before the certificate is there, or has been made and must only be mounted, or 50 s are over |
//! | `/readyz` | 200 when the data ports take connections; else 503 and what it waits for; `?within=SECONDS`: not 503 before these are over |
//! | `/metrics` | everything that is counted |
//! | `GET /ledger` | to the operator's bearer: revision, checksum, usage, last use of keys; `?full`: the signed document |
//! | `POST /ledger` | takes a signed, newer ledger; a repeated one confirms it |
//!
//! It answers from the first moment, while the store still replays, to the last, after the store has closed. It needs no
//! TLS: what it takes is signed, what it gives away holds no key.
//!
//! `/startz` is for the startup probe: when that succeeds kubelet looks at the pod's mounts at once, else within 90 s. So a
//! pod that was there before the operator had made its Secrets gets them the moment they are there, and no probe fails on
//! the way, of which a warning would be left.

mod ledger;
mod readiness;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use penstock_store::store::Store;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::Registry;
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::auth::{Authenticator, LedgerWatch};
use crate::config::LedgerSource;
use crate::telemetry::Metrics;

pub(crate) use readiness::Readiness;

/// How long `/startz` waits. The chart's probe waits longer.
const STARTZ_MAX: Duration = Duration::from_secs(50);
/// How long `/readyz` waits at most, whatever it is asked for.
const WITHIN_MAX: Duration = Duration::from_secs(30);

/// What the admin port knows.
#[derive(Debug)]
pub(crate) struct Admin {
    readiness: Arc<Readiness>,
    /// Metrics that exist before the store is open.
    registry: Registry,
    source: LedgerSource,
    metrics: Metrics,
    /// Turns to receive a ledger.
    posts: Semaphore,
    running: OnceLock<Running>,
}

/// What there is once the store is open.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) store: Store,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) ledger: Arc<LedgerWatch>,
    /// Metrics of store and loops.
    pub(crate) registry: Registry,
}

impl Admin {
    pub(crate) fn new(registry: Registry, source: LedgerSource, metrics: Metrics) -> Arc<Self> {
        Arc::new(Self {
            readiness: Arc::default(),
            registry,
            source,
            metrics,
            posts: Semaphore::new(ledger::POSTS_MAX),
            running: OnceLock::new(),
        })
    }

    pub(crate) fn readiness(&self) -> &Arc<Readiness> {
        &self.readiness
    }

    /// The store is open: from now on everything is answered.
    pub(crate) fn set_running(&self, running: Running) {
        self.readiness.store_is_open();
        // Set once, by the one start.
        drop(self.running.set(running));
    }
}

/// The routes of the admin port.
pub(crate) fn router(admin: Arc<Admin>) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/startz", get(startz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/ledger", get(ledger::show).post(ledger::take))
        .with_state(admin)
}

async fn livez(State(admin): State<Arc<Admin>>) -> Response {
    match admin.readiness.failure() {
        None => "ok\n".into_response(),
        Some(failure) => (StatusCode::SERVICE_UNAVAILABLE, format!("{failure}\n")).into_response(),
    }
}

async fn startz(State(admin): State<Arc<Admin>>) -> Response {
    let made = admin.readiness.until_mounts_are_made();
    // To wait longer is not what a probe does.
    drop(timeout(STARTZ_MAX, made).await);
    livez(State(admin)).await
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
    drop(timeout(within, admin.readiness.until_settled()).await);
    let waiting = admin.readiness.waiting_for();
    if waiting.is_empty() {
        return "ok\n".into_response();
    }
    let mut text = waiting.join("\n");
    text.push('\n');
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    let mut text = String::new();
    let encoded = encode_registry(&mut text, &admin.registry)
        .and_then(|()| match admin.running.get() {
            Some(running) => encode_registry(&mut text, &running.registry),
            None => Ok(()),
        })
        .and_then(|()| encode_eof(&mut text));
    match encoded {
        Ok(()) => {
            const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

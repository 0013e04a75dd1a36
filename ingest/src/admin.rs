//! The admin port: plain HTTP for probes, scrapers and the operator.
//!
//! | path | answers |
//! |---|---|
//! | `/livez` | 200 as long as the process makes sense; 503 after a failure of the store |
//! | `/readyz` | 200 when the data ports take connections; else 503 and what it waits for |
//! | `/metrics` | everything that is counted |
//! | `GET /ledger` | to the operator's bearer: revision, checksum, usage, last use of keys; `?full`: the signed document |
//! | `POST /ledger` | takes a signed, newer ledger; a repeated one confirms it |
//!
//! It answers from the first moment, while the store still replays, to the last, after the store has closed. It needs no
//! TLS: what it takes is signed, what it gives away holds no key.

mod ledger;
mod readiness;

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use penstock_store::store::Store;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;

use crate::auth::{Authenticator, LedgerWatch};
use crate::config::LedgerSource;
use crate::telemetry::Metrics;

pub(crate) use readiness::Readiness;

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

async fn readyz(State(admin): State<Arc<Admin>>) -> Response {
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

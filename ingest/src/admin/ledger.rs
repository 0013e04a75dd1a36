//! `/ledger`: how the operator brings a ledger and learns what a pod has.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use penstock_model::{TenantId, Timestamp};
use penstock_tenancy::signed::LEDGER_BYTES_MAX;
use penstock_tenancy::{KeyHash, LedgerError};
use serde::Serialize;

use super::{Admin, Running};
use crate::auth::authenticator::KeyUse;
use crate::auth::ledger_watch::{Accepted, LedgerRefusal};
use crate::config::LedgerSource;
use crate::http::error::{ApiError, JSON};
use crate::telemetry::metrics::LedgerOrigin;

/// Ledgers whose bytes are on their way in at the same time: 23 MB at most.
pub(super) const POSTS_MAX: usize = 4;
/// How long the bytes of one may take.
const BODY_MAX: Duration = Duration::from_secs(10);

/// What a pod has, for the operator.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    revision: Option<u64>,
    checksum: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_refusal: Option<String>,
    /// Tenants to be removed whose data is still here.
    removed_tenants: Vec<String>,
    tenants: Vec<TenantUse>,
    keys: Vec<KeyReport>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TenantUse {
    tenant: String,
    /// Series with a point in the current UTC day.
    active_series: u64,
    /// Points that are stored here.
    points: u64,
    /// Bytes of blocks that they take.
    bytes: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyReport {
    token: String,
    fingerprint: String,
    /// Milliseconds since 1970, to the minute; since the process started.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used: Option<i64>,
}

/// `GET /ledger`.
pub(super) async fn show(State(admin): State<Arc<Admin>>, request: Request) -> Response {
    if let Err(refused) = check_bearer(&admin.source, request.headers()) {
        return refused.into_response();
    }
    let full = request
        .uri()
        .query()
        .is_some_and(|query| query.split('&').any(|part| part == "full"));
    let answer = tokio::task::spawn_blocking(move || {
        let running = running(&admin)?;
        if full {
            document(running)
        } else {
            Ok(json(StatusCode::OK, &report(running)))
        }
    });
    answered(answer.await)
}

/// `POST /ledger`. Whoever it comes from: the signature counts.
pub(super) async fn take(State(admin): State<Arc<Admin>>, body: Body) -> Response {
    // Whoever it is: who is no operator makes kubelet look at the mounts once more, and no harm is done.
    admin.readiness.was_called();
    let document = match receive(&admin, body).await {
        Ok(document) => document,
        Err(refused) => {
            admin.metrics.count_ledger_rejection(LedgerOrigin::Post);
            return refused.into_response();
        }
    };
    let answer = tokio::task::spawn_blocking(move || {
        let Accepted { revision, checksum } = running(&admin)?.ledger.post(&document)?;
        let checksum = checksum.to_string();
        let taken = serde_json::json!({ "revision": revision, "checksum": checksum });
        Ok(json(StatusCode::OK, &taken))
    });
    answered(answer.await)
}

/// The bytes of a POST. Anybody may send some, so few are held at a time and none waits for ever.
async fn receive(admin: &Admin, body: Body) -> Result<Bytes, ApiError> {
    let _turn = admin.posts.acquire().await;
    let received = tokio::time::timeout(BODY_MAX, to_bytes(body, LEDGER_BYTES_MAX)).await;
    let Ok(received) = received else {
        return Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "the ledger did not come in time",
        ));
    };
    received.map_err(|error| {
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "no ledger can be read").with_details(format!(
            "{error}; a ledger has at most {LEDGER_BYTES_MAX} bytes"
        ))
    })
}

fn answered(answer: Result<Result<Response, ApiError>, tokio::task::JoinError>) -> Response {
    match answer {
        Ok(answer) => answer.into_response(),
        Err(error) => ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "the request failed")
            .with_details(error.to_string())
            .into_response(),
    }
}

fn running(admin: &Admin) -> Result<&Running, ApiError> {
    admin.running.get().ok_or_else(|| {
        let why = admin.readiness.waiting_for().join("; ");
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "the store is not open yet")
            .with_details(why)
            .with_retry_after(Duration::from_secs(1))
    })
}

fn check_bearer(source: &LedgerSource, headers: &HeaderMap) -> Result<(), ApiError> {
    let LedgerSource::Signed { bearer_file, .. } = source else {
        return Err(ApiError::new(
            StatusCode::NOT_FOUND,
            "this server has no operator",
        ));
    };
    let secret = std::fs::read(bearer_file).map_err(|error| {
        ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the bearer cannot be checked",
        )
        .with_details(format!("{}: {error}", bearer_file.display()))
    })?;
    let secret = secret.trim_ascii();
    let offered = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
        .map(<[u8]>::trim_ascii);
    // Hashes, since they compare in constant time. An empty file opens nothing.
    match offered {
        Some(offered) if !secret.is_empty() && KeyHash::of(offered) == KeyHash::of(secret) => {
            Ok(())
        }
        _ => Err(ApiError::new(StatusCode::UNAUTHORIZED, "Unauthorized")),
    }
}

fn report(running: &Running) -> Report {
    let status = running.ledger.status();
    let usage = running.store.usage();
    let of = |tenant| usage.get(tenant).copied().unwrap_or_default();
    Report {
        revision: status.revision,
        checksum: status.checksum.map(|checksum| checksum.to_string()),
        last_refusal: status.last_refusal,
        removed_tenants: status
            .removed_tenants
            .iter()
            .filter(|tenant| usage.contains_key(tenant))
            .map(TenantId::to_string)
            .collect(),
        tenants: status
            .tenants
            .iter()
            .map(|tenant| TenantUse {
                tenant: tenant.to_string(),
                active_series: running.store.active_series(*tenant),
                points: of(tenant).samples,
                bytes: of(tenant).bytes,
            })
            .collect(),
        keys: running
            .authenticator
            .uses()
            .into_iter()
            .map(KeyReport::from)
            .collect(),
    }
}

fn document(running: &Running) -> Result<Response, ApiError> {
    match running.ledger.document() {
        Ok(Some(document)) => {
            Ok(([(CONTENT_TYPE, "application/octet-stream")], document).into_response())
        }
        Ok(None) => Err(ApiError::new(StatusCode::NOT_FOUND, "there is no ledger")),
        Err(error) => Err(ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the kept ledger cannot be read",
        )
        .with_details(error.to_string())),
    }
}

fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    // Strings and numbers only: it cannot fail.
    let text = serde_json::to_vec(value).unwrap_or_default();
    (status, [(CONTENT_TYPE, JSON)], text).into_response()
}

impl From<KeyUse> for KeyReport {
    fn from(key_use: KeyUse) -> Self {
        Self {
            token: key_use.token.to_string(),
            fingerprint: key_use.fingerprint,
            last_used: key_use.last_used.map(Timestamp::millis),
        }
    }
}

impl From<LedgerRefusal> for ApiError {
    fn from(refusal: LedgerRefusal) -> Self {
        let status = match &refusal {
            LedgerRefusal::Ledger(LedgerError::Stale { .. } | LedgerError::Conflict { .. })
            | LedgerRefusal::Stale { .. } => StatusCode::CONFLICT,
            LedgerRefusal::Ledger(LedgerError::UnknownKey { .. } | LedgerError::Signature) => {
                StatusCode::FORBIDDEN
            }
            LedgerRefusal::Ledger(LedgerError::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            LedgerRefusal::Ledger(_) => StatusCode::BAD_REQUEST,
            LedgerRefusal::Keys { .. } | LedgerRefusal::Key { .. } | LedgerRefusal::Mount(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            LedgerRefusal::NotSigned => StatusCode::NOT_FOUND,
        };
        Self::new(status, "the ledger was not taken").with_details(refusal.explain())
    }
}

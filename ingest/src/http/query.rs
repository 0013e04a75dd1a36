//! `/api/query`: what is stored, computed as `OpenTSDB` computes it.
//!
//! ```text
//!   URI or JSON ──▶ Query ──▶ turn ──▶ penstock_query::run over all volumes ──▶ pieces ─ ──▶ response body
//!   └──── the loop ──────────────┘    └─────────── a thread ────────────────┘    └─ the loop ─┘
//! ```
//!
//! A snapshot of the store is taken once a request. An answer leaves while it is computed; a client that reads slowly
//! makes the thread wait, and one that goes away ends the query.

mod job;
pub(crate) mod turns;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::Method;
use http::header::CONTENT_TYPE;
use penstock_model::Timestamp;
use penstock_query::Query;
use penstock_tenancy::Permission;

pub use self::turns::Queries;

pub(super) use self::job::refuse_exceeded;

use self::job::Job;
use super::context::HttpContext;
use super::error::{ApiError, JSON};
use super::pieces;
use super::reach::Reach;
use crate::protocol::json::options::parameters;

/// The longest JSON query, in bytes.
pub(super) const BODY_BYTES_MAX: u64 = 4 << 20;

/// Answers a query.
pub(crate) async fn query(
    State(context): State<HttpContext>,
    request: Request,
) -> Result<Response, ApiError> {
    let grant = context.authorize_any(&request)?;
    if grant.permission() == Permission::Write {
        grant.require_delete()?;
    }
    let reader = context.reader(&request, grant)?;
    let server = context.server();
    let asker = Reach::of(&context, &request).asker(&context);
    let query = read(&context, request).await?;
    let wanted = if query.delete {
        reader.grant().require_delete()
    } else {
        reader.grant().require(Permission::Read)
    };
    wanted?;
    let turn = server.queries.turn().await?;
    let (pieces, received) = pieces::channel(server.timeouts.body_stall);
    let received = received.until(reader.grant().cut().clone());
    let job = Job {
        store: server.store.clone(),
        clock: Arc::clone(&server.clock),
        query,
        reader,
        asker,
        _turn: turn,
    };
    tokio::task::spawn_blocking(move || job.run(pieces));
    let body = received.into_body().await?;
    Ok(([(CONTENT_TYPE, JSON)], body).into_response())
}

/// Reads what is asked for: a body if the method has one, else the URI.
async fn read(context: &HttpContext, request: Request) -> Result<Query, ApiError> {
    let server = context.server();
    let now = server.clock.now();
    let (head, body) = request.into_parts();
    let text = head.uri.query().unwrap_or_default();
    let refuse = |error: penstock_query::RequestError| {
        ApiError::bad_request(error.to_string()).with_details_if_any(error.details())
    };
    if head.method == Method::POST {
        let bodies = &server.bodies;
        let body = bodies.read(&head.headers, body, BODY_BYTES_MAX).await?;
        let mut query = Query::from_json(&body, now).map_err(refuse)?;
        query.arrays |= parameters(text).any(|(name, _)| name == "arrays");
        return Ok(query);
    }
    from_uri(&head.method, text, now).map_err(refuse)
}

fn from_uri(
    method: &Method,
    text: &str,
    now: Timestamp,
) -> Result<Query, penstock_query::RequestError> {
    let parameters: Vec<_> = parameters(text).collect();
    let pairs = parameters.iter().map(|(name, value)| (&**name, &**value));
    let mut query = Query::from_uri(pairs, now)?;
    let overridden = parameters
        .iter()
        .rev()
        .find(|(name, _)| name == "method_override");
    query.delete = *method == Method::DELETE
        || overridden.is_some_and(|(_, method)| method.eq_ignore_ascii_case("delete"));
    Ok(query)
}

#[cfg(test)]
mod tests;

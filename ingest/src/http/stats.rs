//! `/api/stats` and what stands below it: as much as a tenant may know of a server that it shares with others.
//!
//! `OpenTSDB` tells its whole process here. That is the admin port's business; a tenant gets the figures of its own, and
//! a token that sees only some series not even those.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::answer::json;
use super::catalog::wants_json;
use super::error::ApiError;
use super::router::HttpContext;
use crate::connection::STATS_HOST;
use crate::protocol::telnet::reply;

/// `/api/stats`
pub(crate) async fn stats(
    State(context): State<HttpContext>,
    request: Request,
) -> Result<Response, ApiError> {
    Ok(json(&objects(&context, &figures(&context, &request)?)))
}

/// `/stats`, of `OpenTSDB` 1.x: the lines of the telnet command, or with `?json` the objects.
pub(crate) async fn stats_text(
    State(context): State<HttpContext>,
    request: Request,
) -> Result<Response, ApiError> {
    let figures = figures(&context, &request)?;
    if wants_json(&request) {
        return Ok(json(&objects(&context, &figures)));
    }
    let now = context.server().clock.now();
    let lines = figures
        .iter()
        .map(|(name, value)| reply::stat_line(name, now, *value, STATS_HOST));
    Ok(lines.collect::<String>().into_response())
}

/// `/api/stats/query`: `OpenTSDB` lists everybody's queries here.
pub(crate) async fn queries(
    State(context): State<HttpContext>,
    request: Request,
) -> Result<Response, ApiError> {
    context.authorize_read(&request)?;
    Ok(json(&json!({"completed": [], "running": []})))
}

/// `/api/stats/jvm`: there is none.
pub(crate) async fn jvm(
    State(context): State<HttpContext>,
    request: Request,
) -> Result<Response, ApiError> {
    context.authorize_read(&request)?;
    Ok(json(
        &json!({"gc": {}, "memory": {}, "os": {}, "pools": {}, "runtime": {}}),
    ))
}

/// `/api/stats/threads` and `/api/stats/region_clients`: lists of nothing that there is.
pub(crate) async fn nothing(
    State(context): State<HttpContext>,
    request: Request,
) -> Result<Response, ApiError> {
    context.authorize_read(&request)?;
    Ok(json(&json!([])))
}

/// The figures that a token may know.
fn figures(context: &HttpContext, request: &Request) -> Result<Vec<(&'static str, u64)>, ApiError> {
    let reader = context.authorize_read(request)?;
    let scope = reader.scope();
    if !scope.is_whole_tenant() {
        return Ok(Vec::new());
    }
    let active = context.server().store.active_series(scope.tenant());
    Ok(vec![("series.active", active)])
}

fn objects(context: &HttpContext, figures: &[(&str, u64)]) -> Vec<Value> {
    let now = context.server().clock.now().millis().div_euclid(1_000);
    figures
        .iter()
        .map(|(name, value)| {
            json!({
                "metric": format!("tsd.{name}"),
                "timestamp": now,
                "value": value.to_string(),
                "tags": {"host": STATS_HOST},
            })
        })
        .collect()
}

//! `/api/stats` and what stands below it: as much as a tenant may know of a server that it shares with others.
//!
//! `OpenTSDB` tells its whole process here. That is the admin port's business; a tenant gets the figures of its own, and
//! a token that sees only some series not even those.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Value, json};

use super::answer::json;
use super::catalog::wants_json;
use super::context::HttpContext;
use super::error::ApiError;
use super::reach::Reach;
use super::united;
use crate::connection::STATS_HOST;
use crate::protocol::telnet::reply;
use crate::read::Reader;

/// Where other servers are asked for their figures.
const STATS: &str = "/api/stats";
/// Series with a sample today.
const ACTIVE: &str = "series.active";

/// `/api/stats`
pub(crate) async fn stats(
    State(context): State<HttpContext>,
    request: Request,
) -> Result<Response, ApiError> {
    let reach = Reach::of(&context, &request);
    let reader = context.authorize_read(&request)?;
    let figures = figures(&context, &reach, &reader).await?;
    Ok(json(&objects(&context, &figures)))
}

/// `/stats`, of `OpenTSDB` 1.x: the lines of the telnet command, or with `?json` the objects.
pub(crate) async fn stats_text(
    State(context): State<HttpContext>,
    request: Request,
) -> Result<Response, ApiError> {
    let reach = Reach::of(&context, &request);
    let reader = context.authorize_read(&request)?;
    let wants_json = wants_json(&request);
    let figures = figures(&context, &reach, &reader).await?;
    if wants_json {
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

/// The figures that a token may know, of all volumes together. A series that lies on two of them counts twice, as it does
/// for the limit of active series.
async fn figures(
    context: &HttpContext,
    reach: &Reach,
    reader: &Reader,
) -> Result<Vec<(&'static str, u64)>, ApiError> {
    let scope = reader.scope();
    if !scope.is_whole_tenant() {
        return Ok(Vec::new());
    }
    let mut active = context.server().store.active_series(scope.tenant());
    let question = reach.passed_on_as_it_is(STATS, Bytes::new());
    for part in united::ask_all(context, reach, &question).await? {
        active = active.saturating_add(figure_of(&part, ACTIVE).unwrap_or_default());
    }
    Ok(vec![(ACTIVE, active)])
}

/// One of the figures among what another server answers.
fn figure_of(objects: &Value, name: &str) -> Option<u64> {
    let name = format!("tsd.{name}");
    let object = objects
        .as_array()?
        .iter()
        .find(|object| object.get("metric").and_then(Value::as_str) == Some(&name))?;
    object.get("value")?.as_str()?.parse().ok()
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

//! Answers of JSON that every volume gives a part of: suggestions, look-ups, newest points.
//!
//! This server answers first, so that a token is checked and charged here, and a name that no server knows is refused; then
//! the others are asked the same. They pass over names that only others know. What one of them refuses all the same is
//! refused. The parts are held while they are merged, [`PART_BYTES_MAX`] of each volume at most.

use std::collections::BTreeMap;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::future::join_all;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use penstock_tenancy::LedgerVolume;
use serde_json::{Map, Value};

use super::answer::json_text;
use super::context::HttpContext;
use super::error::ApiError;
use super::query::BODY_BYTES_MAX;
use super::reach::Reach;
use super::{last, search, suggest, uid};
use crate::protocol::json::options::parameters;
use crate::protocol::lookup::SuggestRequest;
use crate::volumes::{Question, VolumeError};

/// The longest answer of one volume.
const PART_BYTES_MAX: usize = 64 << 20;

/// Suggestions of all volumes.
pub(crate) async fn suggest(
    State(context): State<HttpContext>,
    request: Request,
) -> Result<Response, ApiError> {
    let here = async |context, request| suggest::suggest(State(context), request).await;
    answer(context, request, here, |parts, head, body| {
        let asked = if head.method == Method::POST {
            SuggestRequest::from_json(body)
        } else {
            SuggestRequest::from_parameters(parameters(head.uri.query().unwrap_or_default()))
        };
        // This server has read it before.
        good(merge_names(
            parts,
            asked.map_or(usize::MAX, |asked| asked.most),
        ))
    })
    .await
}

/// Series of all volumes, by names.
pub(crate) async fn search(
    State(context): State<HttpContext>,
    kind: axum::extract::Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let here = async |context, request| search::search(State(context), kind, request).await;
    answer(context, request, here, |parts, _, _| {
        good(merge_lookups(parts))
    })
    .await
}

/// Ids of names, of all volumes.
pub(crate) async fn uid(
    State(context): State<HttpContext>,
    operation: axum::extract::Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let here = async |context, request| uid::uid(State(context), operation, request).await;
    answer(context, request, here, |parts, _, _| uid::merge(parts)).await
}

/// The newest points of all volumes.
pub(crate) async fn last(
    State(context): State<HttpContext>,
    request: Request,
) -> Result<Response, ApiError> {
    let here = async |context, request| last::last(State(context), request).await;
    answer(context, request, here, |parts, _, _| {
        good(merge_newest(parts))
    })
    .await
}

async fn answer(
    context: HttpContext,
    request: Request,
    here: impl AsyncFnOnce(HttpContext, Request) -> Result<Response, ApiError>,
    merge: impl FnOnce(Vec<Value>, &Parts, &[u8]) -> (StatusCode, Value),
) -> Result<Response, ApiError> {
    let reach = Reach::of(&context, &request);
    if reach.others().is_empty() {
        return here(context, request).await;
    }
    // Whoever may not ask here has nothing read for him.
    context.authorize_any(&request)?;
    let (mut head, body) = request.into_parts();
    let bodies = &context.server().bodies;
    let body = bodies.read(&head.headers, body, BODY_BYTES_MAX).await?;
    let body = Bytes::copy_from_slice(&body);
    head.headers.remove(CONTENT_ENCODING);
    head.headers.remove(CONTENT_LENGTH);
    let own = Request::from_parts(head.clone(), Body::from(body.clone()));
    let own = here(context.clone(), own).await?;
    let own = parse(&context, own).await?;
    let path_and_query = head.uri.path_and_query();
    let question = Question {
        method: head.method.clone(),
        content_type: head
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok()),
        ..reach.passed_on_as_it_is(
            path_and_query.map_or("/", |path| path.as_str()),
            body.clone(),
        )
    };
    let mut parts = ask_all(&context, &reach, &question).await?;
    let place = context.server().volumes.own_place(reach.others());
    parts.insert(place, own);
    let (status, merged) = merge(parts, &head, &body);
    // What was parsed can be written.
    let merged = json_text(serde_json::to_vec(&merged).unwrap_or_default());
    Ok((status, merged).into_response())
}

/// What each of the other volumes answers, in their order.
///
/// # Errors
/// The first that is missing or refuses.
pub(super) async fn ask_all(
    context: &HttpContext,
    reach: &Reach,
    question: &Question<'_>,
) -> Result<Vec<Value>, ApiError> {
    let asking = reach
        .others()
        .iter()
        .map(|volume| ask(context, volume, question));
    join_all(asking).await.into_iter().collect()
}

async fn ask(
    context: &HttpContext,
    volume: &LedgerVolume,
    question: &Question<'_>,
) -> Result<Value, ApiError> {
    let server = context.server();
    let answer = server.volumes.ask(volume, question).await?;
    let body = Limited::new(answer.into_body(), PART_BYTES_MAX).collect();
    let broken = |reason: &str| ApiError::from(VolumeError::broken(volume, reason));
    let body = tokio::time::timeout(server.timeouts.body_stall, body).await;
    let body = body.map_err(|_| broken("its answer does not come to an end"))?;
    let body = body.map_err(|error| broken(&error.to_string()))?;
    let value = serde_json::from_slice(&body.to_bytes());
    value.map_err(|error| broken(&error.to_string()))
}

async fn parse(context: &HttpContext, answer: Response) -> Result<Value, ApiError> {
    let body = tokio::time::timeout(
        context.server().timeouts.body_stall,
        to_bytes(answer.into_body(), PART_BYTES_MAX),
    );
    let unfinished = |reason: String| {
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "The answer is too long").with_details(reason)
    };
    let body = body.await.map_err(|error| unfinished(error.to_string()))?;
    let body = body.map_err(|error| unfinished(error.to_string()))?;
    serde_json::from_slice(&body).map_err(|error| unfinished(error.to_string()))
}

const fn good(merged: Value) -> (StatusCode, Value) {
    (StatusCode::OK, merged)
}

fn elements(part: Value) -> Vec<Value> {
    match part {
        Value::Array(elements) => elements,
        _ => Vec::new(),
    }
}

/// The names of all parts in the order of their bytes, each once.
fn merge_names(parts: Vec<Value>, most: usize) -> Value {
    let names = parts.into_iter().flat_map(elements);
    let mut names: Vec<String> = names
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    names.sort_unstable();
    names.dedup();
    names.truncate(most);
    names.into()
}

/// The series of all parts, each once, as many as were asked for.
fn merge_lookups(parts: Vec<Value>) -> Value {
    let mut merged = Map::new();
    let mut series: BTreeMap<String, Value> = BTreeMap::new();
    for part in parts {
        let Value::Object(mut part) = part else {
            continue;
        };
        let results = part.remove("results").map(elements).unwrap_or_default();
        series.extend(results.into_iter().map(|one| (tsuid(&one), one)));
        if merged.is_empty() {
            merged = part;
        }
    }
    let limit = merged
        .get("limit")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    let results: Vec<Value> = match usize::try_from(limit) {
        Ok(0) | Err(_) => series.into_values().collect(),
        Ok(most) => series.into_values().take(most).collect(),
    };
    merged.insert("totalResults".to_owned(), results.len().into());
    merged.insert("results".to_owned(), results.into());
    merged.into()
}

/// The newest point of each series; of two at one time that of the last part.
fn merge_newest(parts: Vec<Value>) -> Value {
    let time = |point: &Value| point.get("timestamp").and_then(Value::as_i64);
    let mut newest: BTreeMap<String, Value> = BTreeMap::new();
    for point in parts.into_iter().flat_map(elements) {
        let tsuid = tsuid(&point);
        if newest
            .get(&tsuid)
            .is_none_or(|have| time(have) <= time(&point))
        {
            newest.insert(tsuid, point);
        }
    }
    newest.into_values().collect::<Vec<_>>().into()
}

fn tsuid(series: &Value) -> String {
    let tsuid = series.get("tsuid").and_then(Value::as_str);
    tsuid.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_united_and_cut() {
        let parts = vec![json!(["b", "d"]), json!(["a", "b", "c"]), json!([])];
        assert_eq!(merge_names(parts.clone(), 3), json!(["a", "b", "c"]));
        assert_eq!(merge_names(parts, 9), json!(["a", "b", "c", "d"]));
    }

    #[test]
    fn series_are_united_and_cut() {
        let part = |tsuids: &[&str], limit: u64| {
            let results: Vec<_> = tsuids.iter().map(|tsuid| json!({"tsuid": tsuid})).collect();
            json!({"type": "LOOKUP", "limit": limit, "results": results, "totalResults": results.len()})
        };
        let merged = merge_lookups(vec![part(&["B", "A"], 2), part(&["C", "B"], 2)]);
        assert_eq!(merged, part(&["A", "B"], 2));
        let merged = merge_lookups(vec![part(&["B"], 0), part(&["C", "B"], 0)]);
        assert_eq!(merged, part(&["B", "C"], 0));
    }

    #[test]
    fn the_newest_point_is_taken_and_at_one_time_the_last() {
        let point = |tsuid: &str, time: i64, value: &str| json!({"tsuid": tsuid, "timestamp": time, "value": value});
        let parts = vec![
            json!([point("A", 5, "a"), point("B", 5, "a")]),
            json!([point("A", 4, "b"), point("B", 5, "b"), point("C", 1, "b")]),
        ];
        let merged = merge_newest(parts);
        assert_eq!(
            merged,
            json!([point("A", 5, "a"), point("B", 5, "b"), point("C", 1, "b")])
        );
    }
}

//! `POST /api/rollup`: as `/api/put`, for values that stand for a span of time, for several series, or both.

use axum::extract::{Request, State};
use axum::response::Response;

use super::put;
use super::router::HttpContext;
use crate::protocol::json::Shape;

/// `POST /api/rollup`
pub(crate) async fn rollup(State(context): State<HttpContext>, request: Request) -> Response {
    put::serve(&context, request, Shape::Rollup).await
}

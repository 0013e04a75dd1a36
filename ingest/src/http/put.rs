//! `POST /api/put` and, with three members more, `POST /api/rollup`: a body of points, stored and answered.
//!
//! ```text
//!   header ── grant ──┐              broken: 400, nothing stored
//!   body ── read ── PutBody::parse ──┤
//!                                    └─ element by element ── Batch ── append ── durable ── Answer
//! ```
//!
//! Good points of a partly bad body are stored. No answer that counts a point as stored leaves before it is on
//! stable storage, whether `sync` was asked for or not. Every answer that is not a plain success says how many
//! points were stored.
//!
//! What is not here: how a body is written (`protocol::json`), who may write (`auth`).

mod points;
mod sender;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use penstock_tenancy::Protocol;

use self::points::PointWriter;
use self::sender::Sender;
use super::context::{HttpContext, source};
use super::error::{ApiError, CHALLENGE, JSON, PointCounts};
use crate::protocol::json::{Answer, PutBody, PutOptions, Reply, Shape};
use crate::write::gate::Gate;

/// Bytes of a body that are read to look for `ovh.auth` in its points when the header has no credential.
const UNPROVEN_BODY_BYTES_MAX: u64 = 1 << 20;

/// Serves a request whose points have this shape.
pub(super) async fn serve(context: &HttpContext, request: Request, shape: Shape) -> Response {
    let options = match PutOptions::parse(request.uri().query().unwrap_or_default()) {
        Ok(options) => options,
        Err(error) => {
            context.server().bodies.forget(request).await;
            return ApiError::bad_request(error.to_string())
                .for_put()
                .into_response();
        }
    };
    let answered = store(context, request, shape, &options).await;
    answered.map_or_else(|error| error.for_put().into_response(), render)
}

async fn store(
    context: &HttpContext,
    request: Request,
    shape: Shape,
    options: &PutOptions,
) -> Result<Reply, ApiError> {
    let mut sender = match Sender::of(context, &request) {
        Ok(sender) => sender,
        Err(refused) => {
            context.server().bodies.forget(request).await;
            return Err(refused);
        }
    };
    let gate = Gate::new(
        &context.server().authenticator,
        Protocol::Http,
        source(&request),
    );
    let (parts, body) = request.into_parts();
    let events = &context.event_loop().events;
    let mut body = sender.read(context, &parts, body).await?;
    body.reserve(PutBody::memory_bytes(body.len())).await?;
    let mut points = match PutBody::parse(&body, shape) {
        Ok(points) => points,
        Err(error) => return Err(sender.refuse_body(context, &error)),
    };
    sender.check_points(context, &body, &mut points)?;
    sender.renew(&gate)?;
    let mut writer = PointWriter::new(events, gate, sender.grant(), options);
    writer.append(&mut points).await?;
    let durable = if let Some(timeout) = options.timeout {
        writer.durable_within(timeout, &mut points).await
    } else {
        // While this request waits for the disk, the next one has the memory that the processor still has near.
        drop(points);
        drop(body);
        writer.durable().await
    };
    durable.map(Answer::finish)
}

fn render(reply: Reply) -> Response {
    match reply {
        Reply::NoContent => (StatusCode::NO_CONTENT, [(CONTENT_TYPE, JSON)]).into_response(),
        Reply::Counts {
            status,
            body,
            retry_after,
        } => {
            let mut response = (status, [(CONTENT_TYPE, JSON)], body).into_response();
            let headers = response.headers_mut();
            if let Some(delay) = retry_after {
                headers.insert(
                    RETRY_AFTER,
                    HeaderValue::from(super::error::whole_seconds(delay)),
                );
            }
            if status == StatusCode::UNAUTHORIZED {
                headers.insert(WWW_AUTHENTICATE, CHALLENGE);
            }
            response
        }
        Reply::Error {
            status,
            message,
            details,
            success,
            failed,
            retry_after,
        } => {
            let mut error = ApiError::new(status, message)
                .with_counts(PointCounts { success, failed })
                .with_details_if_any(details);
            if let Some(delay) = retry_after {
                error = error.with_retry_after(delay);
            }
            error.into_response()
        }
    }
}

#[cfg(test)]
mod tests;

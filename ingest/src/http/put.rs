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

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use penstock_tenancy::{Permission, Protocol};

use self::points::PointWriter;
use super::body::ReadBody;
use super::error::{ApiError, CHALLENGE, JSON, PointCounts};
use super::router::{HttpContext, source};
use crate::auth::{AuthError, Grant};
use crate::limit::{ConnectionPermit, LimitExceeded};
use crate::protocol::json::{Answer, BodyError, PutBody, PutOptions, Reply, Shape};
use crate::write::gate::Gate;

/// Bytes of a body that are read to look for `ovh.auth` in its points when the header has no credential, and
/// that are read and dropped after a refusal, so that a client that writes before it reads sees the answer.
const UNPROVEN_BODY_BYTES_MAX: u64 = 1 << 20;

/// No element of a body takes fewer bytes: `{},`.
const ELEMENT_BYTES_MIN: u64 = 3;

/// `POST /api/put`
pub(crate) async fn put(State(context): State<HttpContext>, request: Request) -> Response {
    serve(&context, request, Shape::Put).await
}

/// Serves a request whose points have this shape.
pub(super) async fn serve(context: &HttpContext, request: Request, shape: Shape) -> Response {
    let options = match PutOptions::parse(request.uri().query().unwrap_or_default()) {
        Ok(options) => options,
        Err(error) => {
            return ApiError::bad_request(error.to_string())
                .for_put()
                .into_response();
        }
    };
    let answered = store(context, request, shape, &options).await;
    let response = answered.map_or_else(|error| error.for_put().into_response(), render);
    match options.jsonp {
        Some(name) => call_back(response, &name).await,
        None => response,
    }
}

async fn store(
    context: &HttpContext,
    request: Request,
    shape: Shape,
    options: &PutOptions,
) -> Result<Reply, ApiError> {
    let sender = match Sender::of(context, &request) {
        Ok(sender) => sender,
        Err(error) => {
            let body = request.into_body();
            context
                .server()
                .bodies
                .drain(body, UNPROVEN_BODY_BYTES_MAX)
                .await;
            return Err(error);
        }
    };
    let gate = Gate::new(
        &context.server().authenticator,
        Protocol::Http,
        source(&request),
    );
    let (parts, body) = request.into_parts();
    let body = sender.read(context, &parts, body).await?;
    let mut points = match PutBody::parse(&body, shape) {
        Ok(points) => points,
        Err(error) => return Err(sender.refuse_body(context, &error)),
    };
    sender.check_points(context, &body, &mut points)?;
    let events = &context.event_loop().events;
    let writer = PointWriter::new(events, gate, sender.grant(), options);
    writer
        .store(&mut points, options.timeout)
        .await
        .map(Answer::finish)
}

/// Who sends a body.
enum Sender {
    /// The header says, and the request counts as a connection of its token.
    Known {
        grant: Arc<Grant>,
        _permit: ConnectionPermit,
    },
    /// The points have to say it themselves.
    Unknown,
}

impl Sender {
    fn of(context: &HttpContext, request: &Request) -> Result<Self, ApiError> {
        let Some(grant) = context.authenticate(request)? else {
            return Ok(Self::Unknown);
        };
        grant.require(Permission::Write)?;
        let permit = grant
            .limits()
            .connect()
            .map_err(|exceeded| over_limit(&exceeded))?;
        Ok(Self::Known {
            grant,
            _permit: permit,
        })
    }

    fn grant(&self) -> Option<&Arc<Grant>> {
        match self {
            Self::Known { grant, .. } => Some(grant),
            Self::Unknown => None,
        }
    }

    async fn read(
        &self,
        context: &HttpContext,
        parts: &Parts,
        body: Body,
    ) -> Result<ReadBody, ApiError> {
        let bodies = &context.server().bodies;
        match self {
            Self::Known { grant, .. } => {
                bodies
                    .read(&parts.headers, body, grant.application_limits().body_bytes)
                    .await
            }
            Self::Unknown => {
                let read = bodies
                    .read(&parts.headers, body, UNPROVEN_BODY_BYTES_MAX)
                    .await;
                read.map_err(|error| match error.status() {
                    StatusCode::PAYLOAD_TOO_LARGE => unauthorized(context),
                    _ => error,
                })
            }
        }
    }

    /// A body that is no JSON; of somebody unknown it does not matter what is wrong with it.
    fn refuse_body(&self, context: &HttpContext, error: &BodyError) -> ApiError {
        match self {
            Self::Known { .. } => {
                let refused = ApiError::bad_request(error.to_string());
                match error.details() {
                    Some(details) => refused.with_details(details),
                    None => refused,
                }
            }
            Self::Unknown => unauthorized(context),
        }
    }

    /// Whether the points may be looked at one by one: not too many of somebody known, and of somebody unknown
    /// only if at least one brings a credential of its own.
    fn check_points(
        &self,
        context: &HttpContext,
        body: &[u8],
        points: &mut PutBody<'_>,
    ) -> Result<(), ApiError> {
        match self {
            Self::Known { grant, .. } => {
                let most = grant.application_limits().points_per_request;
                let at_most = u64::try_from(body.len()).unwrap_or(u64::MAX) / ELEMENT_BYTES_MIN + 1;
                if most == 0 || at_most <= most {
                    return Ok(());
                }
                let failed = count(points);
                grant.limits().request_of(failed).map_err(|exceeded| {
                    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "Too many data points")
                        .with_details(exceeded.to_string())
                        .with_counts(PointCounts { success: 0, failed })
                })
            }
            Self::Unknown => {
                while let Some(point) = points.next_element() {
                    if point.credential().is_some() {
                        points.rewind();
                        return Ok(());
                    }
                }
                points.rewind();
                let counts = PointCounts {
                    success: 0,
                    failed: count(points),
                };
                Err(unauthorized(context).with_counts(counts))
            }
        }
    }
}

/// How many elements the body has.
fn count(points: &mut PutBody<'_>) -> u64 {
    let mut count = 0;
    while points.next_element().is_some() {
        count += 1;
    }
    points.rewind();
    count
}

fn unauthorized(context: &HttpContext) -> ApiError {
    context.server().metrics.count_refusal(AuthError::Missing);
    AuthError::Missing.into()
}

fn over_limit(exceeded: &LimitExceeded) -> ApiError {
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, "Please throttle writes")
        .with_details(exceeded.to_string())
        .with_retry_after(exceeded.retry_after)
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
            let mut error =
                ApiError::new(status, message).with_counts(PointCounts { success, failed });
            if let Some(details) = details {
                error = error.with_details(details);
            }
            if let Some(delay) = retry_after {
                error = error.with_retry_after(delay);
            }
            error.into_response()
        }
    }
}

/// `jsonp`: the body as the argument of a call.
async fn call_back(response: Response, name: &str) -> Response {
    let (parts, body) = response.into_parts();
    // All of it is in memory already.
    let json = axum::body::to_bytes(body, usize::MAX)
        .await
        .unwrap_or_default();
    let call = [name.as_bytes(), b"(", &json, b")"].concat();
    Response::from_parts(
        parts,
        if json.is_empty() {
            Body::empty()
        } else {
            Body::from(call)
        },
    )
}

#[cfg(test)]
mod tests;

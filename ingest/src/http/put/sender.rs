//! Who sends a body, as far as its header says, and what may be read of it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use http::StatusCode;
use http::request::Parts;
use penstock_tenancy::Permission;

use super::UNPROVEN_BODY_BYTES_MAX;
use crate::auth::{AuthError, Grant};
use crate::http::body::ReadBody;
use crate::http::context::HttpContext;
use crate::http::error::{ApiError, PointCounts};
use crate::limit::{ConnectionPermit, LimitExceeded};
use crate::protocol::json::{BodyError, PutBody};
use crate::write::gate::{Denied, Gate};

/// No element of a body takes fewer bytes: `{},`.
const ELEMENT_BYTES_MIN: u64 = 3;

/// Who sends a body.
pub(super) enum Sender {
    /// The header says, and the request counts as a connection of its token.
    Known {
        grant: Arc<Grant>,
        _permit: ConnectionPermit,
    },
    /// The points have to say it themselves.
    Unknown,
}

impl Sender {
    pub(super) fn of(context: &HttpContext, request: &Request) -> Result<Self, ApiError> {
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

    /// Takes what the ledger has made of the token while its body came: one that was revoked meanwhile stores nothing.
    pub(super) fn renew(&mut self, gate: &Gate<'_>) -> Result<(), ApiError> {
        let Self::Known { grant, .. } = self else {
            return Ok(());
        };
        if grant.cut().is_cancelled() {
            return Err(refused(gate.why_cut(grant)));
        }
        if grant.is_superseded() {
            *grant = gate.renew(grant).map_err(refused)?;
        }
        Ok(())
    }

    pub(super) fn grant(&self) -> Option<&Arc<Grant>> {
        match self {
            Self::Known { grant, .. } => Some(grant),
            Self::Unknown => None,
        }
    }

    pub(super) async fn read(
        &self,
        context: &HttpContext,
        parts: &Parts,
        body: Body,
    ) -> Result<ReadBody, ApiError> {
        let server = context.server();
        let bodies = &server.bodies;
        let read = match self {
            Self::Known { grant, .. } => {
                bodies
                    .read(&parts.headers, body, grant.application_limits().body_bytes)
                    .await
            }
            Self::Unknown => {
                let read = bodies
                    .read_soon(&parts.headers, body, UNPROVEN_BODY_BYTES_MAX)
                    .await;
                read.map_err(|error| match error.status() {
                    StatusCode::PAYLOAD_TOO_LARGE => unauthorized(context),
                    _ => error,
                })
            }
        };
        read.inspect(|body| {
            let bytes = u64::try_from(body.len()).unwrap_or(u64::MAX);
            server.metrics.http_body_bytes.inc_by(bytes);
        })
    }

    /// A body that is no JSON; of somebody unknown it does not matter what is wrong with it.
    pub(super) fn refuse_body(&self, context: &HttpContext, error: &BodyError) -> ApiError {
        match self {
            Self::Known { .. } => {
                ApiError::bad_request(error.to_string()).with_details_if_any(error.details())
            }
            Self::Unknown => unauthorized(context),
        }
    }

    /// Whether the points may be looked at one by one: not too many of somebody known, and of somebody unknown
    /// only if at least one brings a credential of its own.
    pub(super) fn check_points(
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

fn refused(denied: Denied) -> ApiError {
    match denied {
        Denied::NoCredential => AuthError::Missing.into(),
        Denied::Auth(error) => error.into(),
        Denied::Limit(exceeded) => over_limit(&exceeded),
    }
}

fn over_limit(exceeded: &LimitExceeded) -> ApiError {
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, "Please throttle writes")
        .with_details(exceeded.to_string())
        .with_retry_after(exceeded.retry_after)
}

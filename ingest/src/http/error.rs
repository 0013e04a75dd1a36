//! The error object: the one form of every answer that is no success.
//!
//! ```json
//! {"error":{"code":413,"message":"short text","details":"longer text"},"success":0,"failed":1}
//! ```
//!
//! `details` only if there is more to say; `success` and `failed` only where points were pushed: clients that ask for
//! `details` read the counts and nothing else, so a refused batch without them would count as delivered. No stack
//! trace, ever.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use penstock_model::WithCauses;
use penstock_store::error::{AppendError, ErrorKind, StoreError};
use serde::Serialize;

use crate::auth::AuthError;
use crate::limit::LimitExceeded;
use crate::read::{ReadError, SourceError};

/// The type of every JSON answer.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=UTF-8");

/// What an answer 401 asks for.
pub(crate) const CHALLENGE: HeaderValue =
    HeaderValue::from_static("Basic realm=\"penstock\", charset=\"UTF-8\"");

/// What is said of a delete that may have to be repeated.
pub(crate) const NOT_DELETED: &str = "The delete may not have been stored";

/// A delay as `Retry-After` has it: rounded up, at least one second.
pub(crate) fn whole_seconds(delay: Duration) -> u64 {
    let rounded_up = delay
        .as_secs()
        .saturating_add(u64::from(delay.subsec_nanos() > 0));
    rounded_up.max(1)
}

/// An answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    message: Cow<'static, str>,
    details: Option<String>,
    counts: Option<PointCounts>,
    retry_after: Option<Duration>,
}

/// How many points of a refused request were stored all the same, and how many were not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PointCounts {
    /// Stored.
    pub success: u64,
    /// Not stored. 1 where the body was not read: more is not known.
    pub failed: u64,
}

impl PointCounts {
    /// The counts of a put whose body was not read.
    pub const UNREAD: Self = Self {
        success: 0,
        failed: 1,
    };
}

impl ApiError {
    /// An error with a status and a message; `message` should be one of `OpenTSDB`'s where it has one.
    pub fn new(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            message: message.into(),
            details: None,
            counts: None,
            retry_after: None,
        }
    }

    /// 400.
    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 413: a body over `limit_bytes` after decompression.
    pub fn body_too_large(limit_bytes: u64) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "Request body too large").with_details(format!(
            "after decompression a body may have at most {limit_bytes} bytes"
        ))
    }

    /// 429: a limit of a token on how often it reads, or on its connections.
    pub fn too_many_requests(exceeded: &LimitExceeded) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "Too many requests")
            .with_details(exceeded.to_string())
            .with_retry_after(exceeded.retry_after)
    }

    /// 500: what is stored cannot be read. 503 if that passes.
    pub fn unreadable(error: &StoreError) -> Self {
        if error.kind() == ErrorKind::Retry {
            return Self::new(StatusCode::SERVICE_UNAVAILABLE, "Too many queries")
                .with_details(error.to_string())
                .with_retry_after(Duration::from_secs(1));
        }
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The stored data could not be read",
        )
        .with_details(WithCauses(error).to_string())
    }

    /// 503: a delete that the store has not taken, or may not have kept.
    pub fn not_deleted(error: &AppendError) -> Self {
        match error {
            AppendError::Busy(pressure) => Self::overloaded(pressure.to_string()),
            AppendError::Stopped => Self::new(StatusCode::SERVICE_UNAVAILABLE, NOT_DELETED)
                .with_details("the server stopped while it was at it; repeat the delete"),
        }
    }

    /// 503: the server has more to do than it can; the client should come back.
    pub fn overloaded(details: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Please throttle writes")
            .with_details(details)
            .with_retry_after(Duration::from_secs(1))
    }

    /// Adds the longer text.
    #[must_use]
    pub fn with_details(mut self, details: impl Into<String>) -> Self {
        self.details = Some(details.into());
        self
    }

    /// The same for an error that may have no more to say.
    #[must_use]
    pub fn with_details_if_any(self, details: Option<impl Into<String>>) -> Self {
        match details {
            Some(details) => self.with_details(details),
            None => self,
        }
    }

    /// Says what became of the points of the request.
    #[must_use]
    pub fn with_counts(mut self, counts: PointCounts) -> Self {
        self.counts = Some(counts);
        self
    }

    /// Counts a put whose body was not read, unless the counts are known.
    #[must_use]
    pub fn for_put(mut self) -> Self {
        self.counts = self.counts.or(Some(PointCounts::UNREAD));
        self
    }

    /// Tells the client when to come back. Rounded up to whole seconds, at least one.
    #[must_use]
    pub fn with_retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// The short text.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The JSON.
    pub fn render(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Answer<'a> {
            error: ErrorObject<'a>,
            #[serde(flatten)]
            counts: Option<PointCounts>,
        }
        #[derive(Serialize)]
        struct ErrorObject<'a> {
            code: u16,
            message: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            details: Option<&'a str>,
        }
        let answer = Answer {
            error: ErrorObject {
                code: self.status.as_u16(),
                message: &self.message,
                details: self.details.as_deref(),
            },
            counts: self.counts,
        };
        // Strings and numbers only: it cannot fail.
        serde_json::to_vec(&answer).unwrap_or_default()
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        let (status, message) = if error.asks_for_credentials() {
            (StatusCode::UNAUTHORIZED, "Unauthorized")
        } else {
            (StatusCode::FORBIDDEN, "Forbidden")
        };
        let details = match error {
            AuthError::Malformed(cause) => format!("{error}: {}", with_cause(&cause)),
            _ => error.to_string(),
        };
        Self::new(status, message).with_details(details)
    }
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Store(error) => Self::unreadable(&error),
            ReadError::Volume(error) => error.into(),
            ReadError::Key => Self::new(StatusCode::BAD_GATEWAY, error.to_string()),
        }
    }
}

impl From<SourceError> for ApiError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Store(error) => Self::unreadable(&error),
            unknown @ (SourceError::Tsuid(_) | SourceError::Name { .. }) => {
                Self::bad_request(unknown.to_string())
            }
            SourceError::Volume(error) => error.into(),
            SourceError::Key => Self::new(StatusCode::BAD_GATEWAY, error.to_string()),
        }
    }
}

impl From<penstock_tenancy::Refusal> for ApiError {
    fn from(refusal: penstock_tenancy::Refusal) -> Self {
        AuthError::Refused(refusal).into()
    }
}

fn with_cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.render()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, JSON);
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, CHALLENGE);
        }
        if let Some(delay) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(delay)));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use penstock_tenancy::{Credential, Refusal};

    use super::*;

    fn text(error: &ApiError) -> String {
        String::from_utf8(error.render()).unwrap()
    }

    #[test]
    fn the_object_says_no_more_than_it_knows() {
        let error = ApiError::new(StatusCode::NOT_FOUND, "Endpoint not found");
        assert_eq!(
            text(&error),
            r#"{"error":{"code":404,"message":"Endpoint not found"}}"#
        );
        assert_eq!(
            text(&ApiError::body_too_large(1_024).for_put()),
            r#"{"error":{"code":413,"message":"Request body too large","details":"after decompression a body may have at most 1024 bytes"},"success":0,"failed":1}"#
        );
        let counted = ApiError::bad_request("m").with_counts(PointCounts {
            success: 7,
            failed: 2,
        });
        assert_eq!(
            text(&counted.for_put()),
            r#"{"error":{"code":400,"message":"m"},"success":7,"failed":2}"#
        );
    }

    #[test]
    fn unknown_is_challenged_and_known_but_refused_is_not() {
        let unknown = ApiError::from(AuthError::Unknown).into_response();
        assert_eq!(unknown.status(), 401);
        assert_eq!(
            unknown.headers()[WWW_AUTHENTICATE],
            "Basic realm=\"penstock\", charset=\"UTF-8\""
        );
        let expired = ApiError::from(AuthError::Refused(Refusal::Expired));
        assert!(text(&expired).contains("expired"));
        let expired = expired.into_response();
        assert_eq!(expired.status(), 403);
        assert!(!expired.headers().contains_key(WWW_AUTHENTICATE));
    }

    #[test]
    fn a_malformed_credential_is_explained_and_never_quoted() {
        let cause = Credential::parse(b"AbCdEfGhIjKl:short").unwrap_err();
        let error = ApiError::from(AuthError::Malformed(cause));
        assert_eq!(error.status(), 401);
        assert!(text(&error).contains("a key has at least 32 characters"));
        assert!(!text(&error).contains("short"));
    }

    #[test]
    fn what_passes_is_to_be_tried_again() {
        let full = StoreError::CopiesFull { bytes_max: 7 };
        let later = ApiError::unreadable(&full).into_response();
        assert_eq!(later.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(later.headers()[RETRY_AFTER], "1");
        let never = ApiError::unreadable(&StoreError::Stopped);
        assert_eq!(never.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn the_delay_is_whole_seconds() {
        for (delay, header) in [(0, "1"), (1_000, "1"), (1_001, "2"), (60_000, "60")] {
            let response = ApiError::overloaded("full")
                .with_retry_after(Duration::from_millis(delay))
                .into_response();
            assert_eq!(response.headers()[RETRY_AFTER], header);
        }
    }
}

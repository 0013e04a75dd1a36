//! The arguments of requests about series: those of the query string and, as `VictoriaMetrics` takes them, those of
//! a form in the body.

use axum::body::Body;
use axum::extract::Request;
use http::Method;

use super::context::HttpContext;
use super::error::ApiError;
use crate::protocol::export::{RequestError, SeriesRequest};
use crate::protocol::json::options::parameters;

/// The longest form.
const FORM_BYTES_MAX: u64 = 64 * 1_024;

/// What a request asks for, read and as it was written.
#[derive(Debug)]
pub(super) struct SeriesArguments {
    /// What is asked for.
    pub(super) asked: SeriesRequest,
    /// The same as a form, for other servers.
    pub(super) form: String,
}

/// Reads what a request asks for.
///
/// # Errors
/// 400 with what to mend, 413 for a form that is too long.
pub(super) async fn read(
    context: &HttpContext,
    request: Request,
) -> Result<SeriesArguments, ApiError> {
    let server = context.server();
    let (head, body) = request.into_parts();
    // A body of a GET has no meaning.
    let body = if head.method == Method::GET {
        Body::empty()
    } else {
        body
    };
    let form = server
        .bodies
        .read(&head.headers, body, FORM_BYTES_MAX)
        .await?;
    let form = String::from_utf8_lossy(&form);
    let query = head.uri.query().unwrap_or_default();
    let form = format!("{query}&{}", form.trim());
    let asked = SeriesRequest::parse(parameters(&form), server.clock.now());
    Ok(SeriesArguments {
        asked: asked.map_err(|error| refuse(&error))?,
        form,
    })
}

fn refuse(error: &RequestError) -> ApiError {
    let refused = ApiError::bad_request(error.to_string());
    match std::error::Error::source(error) {
        Some(cause) => refused.with_details(cause.to_string()),
        None => refused,
    }
}

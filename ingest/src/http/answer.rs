//! What every answer has in common, whoever made it: the call around it, its compression.
//!
//! ```text
//!   request ──▶ AnswerForm::of ──▶ handler ──▶ response ──▶ jsonp: NAME( ... ) ──▶ gzip ──▶
//!               400: serializer,               any body, whole or streamed
//!               jsonp
//! ```
//!
//! A handler makes JSON, all at once or piece by piece, and knows nothing of this. Bodies that are whole stay whole, so
//! that they have a length; pieces of others are compressed as they come, long ones on a thread for such work.

mod gzip;
mod jsonp;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, Method};
use http_body::Body as _;
use serde::Serialize;

use self::jsonp::CallbackName;
use super::error::{ApiError, JSON};
use crate::protocol::json::options::parameters;

/// Bodies whose length is known and not above this are handled whole; longer ones a piece at a time.
const WHOLE_BYTES_MAX: u64 = 1 << 20;
/// Shorter bodies are not worth compressing.
const GZIP_BYTES_MIN: u64 = 1_024;

/// The form that a client wants its answer in.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct AnswerForm {
    callback: Option<CallbackName>,
    gzip: bool,
}

impl AnswerForm {
    /// Reads `serializer` and `jsonp` of the query string, and `Accept-Encoding`. Of a parameter that repeats the last
    /// one counts.
    ///
    /// # Errors
    /// 400 for a serializer that there is not and a `jsonp` that is no name. That answer has the plain form.
    pub(crate) fn of(query: Option<&str>, headers: &HeaderMap) -> Result<Self, ApiError> {
        let mut form = Self {
            callback: None,
            gzip: accepts_gzip(headers),
        };
        let (mut serializer, mut callback) = (None, None);
        for (name, value) in parameters(query.unwrap_or_default()) {
            match &*name {
                "serializer" => serializer = Some(value),
                "jsonp" => callback = Some(value),
                _ => {}
            }
        }
        if serializer.is_some_and(|name| name != "json") {
            return Err(ApiError::bad_request("Requested serializer was not found"));
        }
        if let Some(name) = callback {
            form.callback = Some(CallbackName::parse(&name)?);
        }
        Ok(form)
    }

    /// Brings an answer into this form.
    pub(crate) async fn apply(self, method: &Method, response: Response) -> Response {
        let (mut parts, mut body) = response.into_parts();
        let size = body.size_hint().exact();
        if size == Some(0) || *method == Method::HEAD || !is_text(&parts.headers) {
            return Response::from_parts(parts, body);
        }
        if let Some(name) = self.callback.filter(|_| is_json(&parts.headers)) {
            parts.headers.remove(CONTENT_LENGTH);
            body = jsonp::call(&name, body).await;
        }
        if !parts.headers.contains_key(CONTENT_ENCODING) {
            let vary = HeaderValue::from_static("Accept-Encoding");
            parts.headers.append(VARY, vary);
            if self.gzip && size.is_none_or(|size| size >= GZIP_BYTES_MIN) {
                parts.headers.remove(CONTENT_LENGTH);
                let gzip = HeaderValue::from_static("gzip");
                parts.headers.insert(CONTENT_ENCODING, gzip);
                body = gzip::compress(body).await;
            }
        }
        Response::from_parts(parts, body)
    }
}

/// A JSON answer.
pub(super) fn json<T: Serialize>(value: &T) -> Response {
    // What we answer has texts for keys: it cannot fail.
    json_text(serde_json::to_vec(value).unwrap_or_default())
}

/// A JSON answer that is rendered already.
pub(super) fn json_text(text: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, JSON)], text).into_response()
}

/// The whole of a body whose length is known and small; it is in memory already.
async fn whole(body: Body) -> Result<bytes::Bytes, Body> {
    match body.size_hint().exact() {
        Some(size) if size <= WHOLE_BYTES_MAX => Ok(axum::body::to_bytes(body, usize::MAX)
            .await
            .unwrap_or_default()),
        _ => Err(body),
    }
}

fn is_text(headers: &HeaderMap) -> bool {
    is_json(headers)
        || content_type(headers).starts_with("text/")
        || content_type(headers).starts_with("application/stream+json")
}

fn is_json(headers: &HeaderMap) -> bool {
    content_type(headers).starts_with("application/json")
}

fn content_type(headers: &HeaderMap) -> &str {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// Whether `gzip` is among the codings that a client takes, with a weight above 0.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING);
    let mut codings = values
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let name = name.trim();
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
        let is_refused = weight
            .trim()
            .parse::<f32>()
            .is_ok_and(|weight| weight <= 0.0);
        (name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip")) && !is_refused
    })
}

#[cfg(test)]
mod tests;

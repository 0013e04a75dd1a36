//! The body of a request: decoded, and never larger than it may be.
//!
//! (Signatures; bodies follow.)

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;

use super::error::ApiError;
use super::router::HttpContext;

/// Reads a whole body, decompressed, up to `limit_bytes`.
///
/// # Errors
/// 413 over the limit, 400 for damaged compression or a body cut short, 408 for one that stalls, 503 when all bodies
/// together need more memory than they may.
pub async fn read(
    _context: &HttpContext,
    _headers: &HeaderMap,
    _body: Body,
    _limit_bytes: u64,
) -> Result<Bytes, ApiError> {
    Err(ApiError::overloaded("not yet"))
}

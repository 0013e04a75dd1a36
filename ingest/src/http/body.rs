//! The body of a request: read whole, decompressed, and never larger than it may be.
//!
//! ```text
//!   frames ──▶ [gunzip | inflate] ──▶ buffer ── over limit_bytes ──▶ 413
//!                     │ damaged: 400      │ grows in steps, each asked for at
//!                     └ ignored if empty  └ the budget of all bodies together: none left for 2 s ──▶ 503
//! ```
//!
//! Decompression goes frame by frame into the bounded buffer, so a bomb costs what it is allowed to and no more.
//!
//! The rest of a refused body is read and forgotten, up to a limit: most clients send all of it before they look at
//! the answer, and would see a broken connection instead. One that waits for `100 Continue` has sent nothing.

mod budget;
mod charset;
mod decoder;

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, EXPECT};
use http::{HeaderMap, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;
use penstock_model::WithCauses;

pub use self::budget::BodyBudget;
use self::budget::BodyMemory;
use self::decoder::{Decoder, Encoding};
use super::error::ApiError;

/// How long a body waits for other bodies' memory.
const BUDGET_WAIT: Duration = Duration::from_secs(2);
/// What is reserved at once however long the header says the body is: a promise costs a client nothing.
const FIRST_RESERVE_MAX: u64 = 256 * 1_024;

/// How much of a refused body is read and forgotten, as a multiple of what it might have been.
const FORGOTTEN_LIMITS: u64 = 2;

/// Bytes that are read to be forgotten of a body that nobody has looked at. Beyond, the client may see a reset in place of
/// the answer.
pub(super) const UNREAD_BYTES_MAX: u64 = 1 << 20;

/// Reads bodies within one budget.
#[derive(Debug, Clone)]
pub struct BodyReader {
    budget: BodyBudget,
    stall: Duration,
}

/// A body in memory. The memory counts as used until it is dropped.
#[derive(Debug)]
pub struct ReadBody {
    bytes: Bytes,
    memory: BodyMemory,
}

impl ReadBody {
    /// Latin-1, as it is in UTF-8.
    async fn into_utf_8(mut self) -> Result<Self, ApiError> {
        self.reserve(length(&self).saturating_mul(2)).await?;
        self.bytes = charset::latin_1_to_utf_8(&self.bytes).into();
        Ok(self)
    }

    /// Counts so many bytes more as used, for what is made of the body while it lives.
    ///
    /// # Errors
    /// 503 when all bodies together need more memory than they may.
    pub async fn reserve(&mut self, bytes: u64) -> Result<(), ApiError> {
        let all = length(&self.bytes).saturating_add(bytes);
        self.memory.grow_to(all, BUDGET_WAIT).await
    }
}

impl std::ops::Deref for ReadBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl BodyReader {
    /// A reader for all connections of the process. `stall` is the longest wait for the next frame.
    pub fn new(budget: BodyBudget, stall: Duration) -> Self {
        Self { budget, stall }
    }

    /// Reads a whole body, decompressed, up to `limit_bytes`.
    ///
    /// # Errors
    /// 413 over the limit, 400 for damaged compression or a body cut short, 408 for one that stalls, 415 for a
    /// compression that we do not have, 503 when all bodies together need more memory than they may.
    pub async fn read(
        &self,
        headers: &HeaderMap,
        mut body: Body,
        limit_bytes: u64,
    ) -> Result<ReadBody, ApiError> {
        let (refused, is_sending) = match admit(headers, &body, limit_bytes) {
            Err(refused) => (refused, !headers.contains_key(EXPECT)),
            Ok(encoding) => match self.read_all(encoding, &mut body, limit_bytes).await {
                Ok(read) if !charset::is_latin_1(headers) || read.is_ascii() => return Ok(read),
                Ok(read) => return read.into_utf_8().await,
                Err(refused) => (refused, true),
            },
        };
        let is_slow = refused.status() == StatusCode::REQUEST_TIMEOUT;
        if is_sending && !is_slow {
            let much = limit_bytes.saturating_mul(FORGOTTEN_LIMITS);
            let is_worth_it = refused.status() != StatusCode::SERVICE_UNAVAILABLE
                && body.size_hint().lower() <= much;
            let most = if is_worth_it { much } else { UNREAD_BYTES_MAX };
            self.drain(body, most).await;
        }
        Err(refused)
    }

    async fn read_all(
        &self,
        encoding: Option<Encoding>,
        body: &mut Body,
        limit_bytes: u64,
    ) -> Result<ReadBody, ApiError> {
        let mut memory = self.budget.none();
        let Some(first) = self.next_frame(body, 0).await? else {
            return Ok(ReadBody {
                bytes: Bytes::new(),
                memory,
            });
        };
        let Some(encoding) = encoding else {
            return self.collect(first, body, limit_bytes, memory).await;
        };
        let mut decoder = Decoder::new(encoding, limit_bytes);
        // Empty members and empty blocks come to nothing however many there are.
        let compressed_max = limit_bytes.saturating_add(limit_bytes / 64 + 1_024);
        let mut compressed = 0u64;
        let mut frame = Some(first);
        while let Some(bytes) = frame {
            compressed = compressed.saturating_add(length(&bytes));
            if compressed > compressed_max {
                return Err(ApiError::body_too_large(limit_bytes));
            }
            decoder.write(&bytes)?;
            memory.grow_to(decoder.decoded_bytes(), BUDGET_WAIT).await?;
            frame = self.next_frame(body, compressed).await?;
        }
        let bytes = decoder.finish()?;
        Ok(ReadBody { bytes, memory })
    }

    /// Reads on until the end or `limit_bytes` and forgets it: a client that sends its body before it looks at the
    /// answer would otherwise see a reset instead of the answer. One that sends it drop by drop is not waited for.
    pub async fn drain(&self, mut body: Body, limit_bytes: u64) {
        let drain = async {
            let mut drained = 0u64;
            while drained <= limit_bytes
                && let Ok(Some(frame)) = self.next_frame(&mut body, drained).await
            {
                drained = drained.saturating_add(length(&frame));
            }
        };
        // Whatever is left then is the client's affair.
        drop(tokio::time::timeout(self.stall, drain).await);
    }

    /// The same for a body of somebody whom nobody has vouched for yet: all of it must come within the time that others
    /// have for each piece.
    ///
    /// # Errors
    /// As [`BodyReader::read`].
    pub async fn read_soon(
        &self,
        headers: &HeaderMap,
        body: Body,
        limit_bytes: u64,
    ) -> Result<ReadBody, ApiError> {
        let read = self.read(headers, body, limit_bytes);
        let in_time = tokio::time::timeout(self.stall, read).await;
        in_time.unwrap_or_else(|_| Err(too_slow()))
    }

    /// Reads the body of a request that is refused without a look at it, unless its client waits to be asked for it.
    pub(super) async fn forget(&self, request: Request) {
        if !is_awaited(&request) {
            self.drain(request.into_body(), UNREAD_BYTES_MAX).await;
        }
    }

    async fn collect(
        &self,
        first: Bytes,
        body: &mut Body,
        limit_bytes: u64,
        mut memory: BodyMemory,
    ) -> Result<ReadBody, ApiError> {
        if length(&first) > limit_bytes {
            return Err(ApiError::body_too_large(limit_bytes));
        }
        memory.grow_to(length(&first), BUDGET_WAIT).await?;
        if body.is_end_stream() {
            // Most bodies: one frame, not copied.
            return Ok(ReadBody {
                bytes: first,
                memory,
            });
        }
        let rest = body.size_hint().lower().min(FIRST_RESERVE_MAX);
        let mut bytes = BytesMut::with_capacity(
            first
                .len()
                .saturating_add(usize::try_from(rest).unwrap_or_default()),
        );
        bytes.extend_from_slice(&first);
        drop(first);
        while let Some(frame) = self.next_frame(body, length(&bytes)).await? {
            let total = length(&bytes).saturating_add(length(&frame));
            if total > limit_bytes {
                return Err(ApiError::body_too_large(limit_bytes));
            }
            memory.grow_to(total, BUDGET_WAIT).await?;
            bytes.extend_from_slice(&frame);
        }
        Ok(ReadBody {
            bytes: bytes.freeze(),
            memory,
        })
    }

    /// The next bytes after so many; trailers are passed over.
    async fn next_frame(&self, body: &mut Body, before: u64) -> Result<Option<Bytes>, ApiError> {
        loop {
            let Ok(frame) = tokio::time::timeout(self.stall, body.frame()).await else {
                return Err(too_slow());
            };
            match frame {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        return Ok(Some(data));
                    }
                }
                Some(Err(error)) => {
                    let why = WithCauses(&error);
                    return Err(ApiError::bad_request("The request body ended too early")
                        .with_details(format!("{why}, after {before} bytes of it")));
                }
            }
        }
    }
}

fn too_slow() -> ApiError {
    ApiError::new(
        StatusCode::REQUEST_TIMEOUT,
        "The request body came too slowly",
    )
}

/// Whether the client sends its body only when it is asked for it, with `100 Continue`.
pub(super) fn is_awaited(request: &Request) -> bool {
    request.headers().contains_key(EXPECT)
}

/// What the header alone says against a body.
fn admit(headers: &HeaderMap, body: &Body, limit_bytes: u64) -> Result<Option<Encoding>, ApiError> {
    let encoding = Encoding::of(headers)?;
    if encoding.is_none() && body.size_hint().lower() > limit_bytes {
        return Err(ApiError::body_too_large(limit_bytes));
    }
    Ok(encoding)
}

impl Encoding {
    /// How a body is compressed: by `Content-Encoding`, or by the old habit of a content type of its own.
    fn of(headers: &HeaderMap) -> Result<Option<Self>, ApiError> {
        if let Some(encoding) = headers.get(CONTENT_ENCODING) {
            let name = encoding.as_bytes().trim_ascii();
            let is = |names: &[&[u8]]| names.iter().any(|known| name.eq_ignore_ascii_case(known));
            return if is(&[b"gzip", b"x-gzip"]) {
                Ok(Some(Self::Gzip))
            } else if is(&[b"deflate"]) {
                Ok(Some(Self::Deflate))
            } else if is(&[b"identity", b""]) {
                Ok(None)
            } else {
                Err(ApiError::new(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "Unsupported Content-Encoding",
                )
                .with_details("gzip and deflate are supported"))
            };
        }
        let is_gzip = headers.get(CONTENT_TYPE).is_some_and(|content_type| {
            let bytes = content_type.as_bytes();
            let end = memchr::memchr(b';', bytes).unwrap_or(bytes.len());
            let name = bytes.get(..end).unwrap_or_default().trim_ascii();
            name.eq_ignore_ascii_case(b"application/gzip")
                || name.eq_ignore_ascii_case(b"application/x-gzip")
        });
        Ok(is_gzip.then_some(Self::Gzip))
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;

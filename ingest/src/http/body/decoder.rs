//! Decompression into a bounded buffer.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use crate::http::error::ApiError;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// RFC 1952; several members may follow each other.
    Gzip,
    /// RFC 1950, as HTTP says, or bare RFC 1951, as some clients send.
    Deflate,
}

/// Takes compressed frames, keeps what they decode to.
#[derive(Debug)]
pub(super) enum Decoder {
    Gzip(Box<MultiGzDecoder<Bounded>>),
    Zlib(Box<ZlibDecoder<Bounded>>),
    Deflate(Box<DeflateDecoder<Bounded>>),
    /// The first byte of a deflate body tells its two forms apart.
    DeflateUnseen(Bounded),
}

/// A buffer that refuses to grow past its limit.
#[derive(Debug)]
pub(super) struct Bounded {
    bytes: Vec<u8>,
    limit: u64,
}

/// What [`Bounded`] says past its limit, found again behind the decoder's error.
#[derive(Debug, thiserror::Error)]
#[error("over the limit")]
struct OverLimit;

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let total = self.bytes.len().saturating_add(bytes.len());
        if u64::try_from(total).unwrap_or(u64::MAX) > self.limit {
            return Err(io::Error::other(OverLimit));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Decoder {
    pub(super) fn new(encoding: Encoding, limit: u64) -> Self {
        let bounded = Bounded {
            bytes: Vec::new(),
            limit,
        };
        match encoding {
            Encoding::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(bounded))),
            Encoding::Deflate => Self::DeflateUnseen(bounded),
        }
    }

    pub(super) fn write(&mut self, compressed: &[u8]) -> Result<(), ApiError> {
        let Some(first) = compressed.first() else {
            return Ok(());
        };
        if let Self::DeflateUnseen(bounded) = self {
            /// zlib's compression method, in the low half of its first byte. No sane deflate block starts so.
            const ZLIB_METHOD: u8 = 8;
            let limit = bounded.limit;
            let bounded = Bounded {
                bytes: Vec::new(),
                limit,
            };
            *self = if first & 0x0f == ZLIB_METHOD {
                Self::Zlib(Box::new(ZlibDecoder::new(bounded)))
            } else {
                Self::Deflate(Box::new(DeflateDecoder::new(bounded)))
            };
        }
        let written = match self {
            Self::Gzip(decoder) => decoder.write_all(compressed),
            Self::Zlib(decoder) => decoder.write_all(compressed),
            Self::Deflate(decoder) => decoder.write_all(compressed),
            Self::DeflateUnseen(_) => Ok(()),
        };
        written.map_err(|error| self.refusal(&error))
    }

    pub(super) fn decoded_bytes(&self) -> u64 {
        u64::try_from(self.bounded().bytes.len()).unwrap_or(u64::MAX)
    }

    pub(super) fn finish(self) -> Result<Bytes, ApiError> {
        let limit = self.bounded().limit;
        let finished = match self {
            Self::Gzip(decoder) => decoder.finish(),
            Self::Zlib(decoder) => decoder.finish(),
            Self::Deflate(decoder) => decoder.finish(),
            Self::DeflateUnseen(bounded) => Ok(bounded),
        };
        finished
            .map(|bounded| Bytes::from(bounded.bytes))
            .map_err(|error| refusal(&error, limit))
    }

    fn bounded(&self) -> &Bounded {
        match self {
            Self::Gzip(decoder) => decoder.get_ref(),
            Self::Zlib(decoder) => decoder.get_ref(),
            Self::Deflate(decoder) => decoder.get_ref(),
            Self::DeflateUnseen(bounded) => bounded,
        }
    }

    fn refusal(&self, error: &io::Error) -> ApiError {
        refusal(error, self.bounded().limit)
    }
}

fn refusal(error: &io::Error, limit: u64) -> ApiError {
    let over_limit = error
        .get_ref()
        .is_some_and(|inner| inner.downcast_ref::<OverLimit>().is_some());
    if over_limit {
        ApiError::body_too_large(limit)
    } else {
        ApiError::bad_request("The compressed request body is damaged")
            .with_details(error.to_string())
    }
}

//! `Accept-Encoding: gzip`.

use std::io::{self, Write as _};

use axum::body::Body;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{StreamExt as _, stream};

use super::whole;

/// Longer pieces are compressed on a thread for such work: they would take a loop more than a tenth of a millisecond.
const PIECE_BYTES_INLINE: usize = 16 * 1_024;

/// The body compressed, whole if it is whole.
pub(super) async fn compress(body: Body) -> Body {
    match whole(body).await {
        Ok(bytes) => whole_body(bytes).await,
        Err(body) => Body::from_stream(pieces(body)),
    }
}

async fn whole_body(bytes: Bytes) -> Body {
    let encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    match write(encoder, bytes).await.and_then(GzEncoder::finish) {
        Ok(compressed) => Body::from(compressed),
        // A vector takes everything; it is only the types that do not say so.
        Err(error) => Body::from_stream(stream::once(async { Err::<Bytes, _>(error) })),
    }
}

/// Compresses piece by piece. One at a time is held, and what the encoder keeps back.
fn pieces(body: Body) -> impl stream::Stream<Item = io::Result<Bytes>> {
    let encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let start = (body.into_data_stream(), Some(encoder));
    stream::try_unfold(start, |(mut body, encoder)| async move {
        let Some(mut encoder) = encoder else {
            return Ok(None);
        };
        while let Some(piece) = body.next().await {
            encoder = write(encoder, piece.map_err(io::Error::other)?).await?;
            let compressed = std::mem::take(encoder.get_mut());
            if !compressed.is_empty() {
                return Ok(Some((compressed.into(), (body, Some(encoder)))));
            }
        }
        let last = encoder.finish()?;
        Ok(Some((last.into(), (body, None))))
    })
}

async fn write(mut encoder: GzEncoder<Vec<u8>>, bytes: Bytes) -> io::Result<GzEncoder<Vec<u8>>> {
    if bytes.len() <= PIECE_BYTES_INLINE {
        encoder.write_all(&bytes)?;
        return Ok(encoder);
    }
    let compressing = tokio::task::spawn_blocking(move || {
        encoder.write_all(&bytes)?;
        Ok(encoder)
    });
    compressing.await.map_err(io::Error::other)?
}

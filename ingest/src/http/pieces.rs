//! An answer that a thread makes piece by piece while the loop sends it.
//!
//! ```text
//!   thread: write, write, ... ──▶ 64 KiB ──▶ channel of 1 ──▶ response body
//!                                 waits while the client does not read; Gone when it never will
//! ```
//!
//! Whatever fails before the first piece is an answer of its own. Whatever fails later breaks the body off, without
//! its end, so that no client takes it for whole.

use std::io;
use std::task::{Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio_util::sync::CancellationToken;

use super::error::ApiError;

/// Bytes of a piece, unless more is written at once.
const PIECE_BYTES: usize = 64 * 1_024;

/// Nobody reads the answer any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client went away, or left the answer unread for too long")]
pub(super) struct Gone;

/// What the thread tells the body. A channel that ends after bytes that are not the last ended too early.
enum Piece {
    Bytes(Bytes),
    /// The last ones, perhaps none.
    Last(Bytes),
    Failed(Box<ApiError>),
}

/// The thread's end.
pub(super) struct PieceSender {
    pieces: mpsc::Sender<Piece>,
    stall: Duration,
    runtime: tokio::runtime::Handle,
    gathered: Vec<u8>,
}

/// Whether anybody still reads.
pub(super) struct PieceWatch(mpsc::Sender<Piece>);

impl PieceWatch {
    /// Whether nobody reads any more, as far as is known without a send. Cheap.
    pub(super) fn is_abandoned(&self) -> bool {
        self.0.is_closed()
    }
}

/// The body's end.
pub(super) struct PieceReceiver {
    pieces: mpsc::Receiver<Piece>,
    cut: CancellationToken,
}

/// Both ends. `stall` is how long a client may leave a piece unread. Call it on a loop.
pub(super) fn channel(stall: Duration) -> (PieceSender, PieceReceiver) {
    let (pieces, arriving) = mpsc::channel(1);
    let sender = PieceSender {
        pieces,
        stall,
        runtime: tokio::runtime::Handle::current(),
        gathered: Vec::new(),
    };
    let receiver = PieceReceiver {
        pieces: arriving,
        cut: CancellationToken::new(),
    };
    (sender, receiver)
}

impl PieceSender {
    /// Takes the next bytes and sends what has gathered, if it is a piece. Not on a loop: it waits for the client.
    ///
    /// # Errors
    /// [`Gone`].
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() < PIECE_BYTES {
            return Ok(());
        }
        self.send_gathered()
    }

    /// Sends the rest, and that it was the rest.
    ///
    /// # Errors
    /// [`Gone`].
    pub(super) fn end(mut self) -> Result<(), Gone> {
        let last = std::mem::take(&mut self.gathered);
        self.send(Piece::Last(last.into()))
    }

    /// Breaks the answer off. Nobody left to tell is fine.
    pub(super) fn fail(self, error: ApiError) {
        self.send(Piece::Failed(Box::new(error))).ok();
    }

    /// Somebody who wants to know whether anybody still reads.
    pub(super) fn watch(&self) -> PieceWatch {
        PieceWatch(self.pieces.clone())
    }

    fn send_gathered(&mut self) -> Result<(), Gone> {
        let next = Vec::with_capacity(PIECE_BYTES.saturating_mul(5) / 4);
        let gathered = std::mem::replace(&mut self.gathered, next);
        self.send(Piece::Bytes(gathered.into()))
    }

    fn send(&self, piece: Piece) -> Result<(), Gone> {
        let piece = match self.pieces.try_send(piece) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Closed(_)) => return Err(Gone),
            Err(TrySendError::Full(piece)) => piece,
        };
        let sending = async { tokio::time::timeout(self.stall, self.pieces.send(piece)).await };
        match self.runtime.block_on(sending) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }
}

/// For what writes text. The error is [`Gone`].
impl io::Write for PieceSender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl PieceReceiver {
    /// Breaks the answer off when this is cancelled, as a grant's is whose key is revoked.
    pub(super) fn until(self, cut: CancellationToken) -> Self {
        Self { cut, ..self }
    }

    /// Waits for the first piece. An answer of one piece is a body of known length.
    ///
    /// # Errors
    /// What failed before it.
    pub(super) async fn into_body(mut self) -> Result<Body, ApiError> {
        let first = match self.pieces.recv().await {
            Some(Piece::Failed(error)) => return Err(*error),
            Some(Piece::Last(bytes)) => return Ok(Body::from(bytes)),
            first => first,
        };
        let mut first = Some(first);
        let mut ended = false;
        let pieces = stream::poll_fn(move |context| {
            if ended {
                return Poll::Ready(None);
            }
            let piece = match first.take() {
                Some(first) => first,
                None => ready!(self.pieces.poll_recv(context)),
            };
            let piece = piece.filter(|_| !self.cut.is_cancelled());
            Poll::Ready(match piece {
                Some(Piece::Bytes(bytes)) => Some(Ok(bytes)),
                Some(Piece::Last(bytes)) => {
                    ended = true;
                    (!bytes.is_empty()).then_some(Ok(bytes))
                }
                Some(Piece::Failed(_)) | None => {
                    ended = true;
                    Some(Err(io::Error::other("the answer broke off")))
                }
            })
        });
        Ok(Body::from_stream(pieces))
    }
}

#[cfg(test)]
mod tests;

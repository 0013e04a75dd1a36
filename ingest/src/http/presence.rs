//! Whether the client of an HTTP/1 connection is still there while its answer is made.
//!
//! ```text
//!   socket ──▶ Ahead ──▶ hyper          as always
//!                │
//!                └─ looked at while a handler works: the end, or an error, means that nobody waits for the answer;
//!                   bytes of the next request are kept for hyper
//! ```
//!
//! hyper does not read while a handler works, so it would learn from its first write that a client has left, after all the
//! work. (HTTP/2 needs none of this: there a reset is a frame.) A client that has only closed its sending half counts as
//! gone too, since nothing on the wire tells the two apart; points are taken from it all the same, so they are not put
//! under this watch.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::Response;
use bytes::{Buf, Bytes, BytesMut};
use http_body::{Body as _, Frame, SizeHint};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that are read ahead of hyper at most. A client that has sent more before its answer came is taken to be there.
const EARLY_BYTES_MAX: usize = 4 * 1_024;

/// The client went away before it had its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client went away before it had its answer")]
pub(crate) struct Left;

/// Tells whether a connection's client is still there. Cloning it is cheap.
#[derive(Clone)]
pub(crate) struct Presence(Option<Arc<dyn Watch>>);

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presence").finish_non_exhaustive()
    }
}

/// A connection's stream of whatever kind.
trait Watch: Send + Sync {
    /// Ready once the client has closed, or the connection broke. Only between a request's body and its answer, and on
    /// the task that serves the connection: it takes what hyper would read.
    fn poll_left(&self, context: &mut Context<'_>) -> Poll<()>;
}

impl Presence {
    /// Where leaving shows by itself: requests are dropped then.
    pub(crate) fn of_dropped_requests() -> Self {
        Self(None)
    }

    /// Runs a handler while its client is there; `is_read` says when the request's body has been read.
    ///
    /// # Errors
    /// [`Left`]; the handler is dropped.
    pub(crate) async fn while_there(
        &self,
        handler: impl Future<Output = Response>,
        is_read: impl Fn() -> bool,
    ) -> Result<Response, Left> {
        let Some(watch) = &self.0 else {
            return Ok(handler.await);
        };
        let mut handler = pin!(handler);
        poll_fn(|context| {
            if let Poll::Ready(response) = handler.as_mut().poll(context) {
                return Poll::Ready(Ok(response));
            }
            if is_read() {
                ready!(watch.poll_left(context));
                return Poll::Ready(Err(Left));
            }
            Poll::Pending
        })
        .await
    }

    /// The same answer, whose body breaks off when its client leaves.
    pub(crate) fn attend(&self, response: Response) -> Response {
        match &self.0 {
            Some(watch) if response.body().size_hint().exact().is_none() => {
                let watch = Arc::clone(watch);
                response.map(|body| Body::new(Attended { body, watch }))
            }
            _ => response,
        }
    }
}

/// An answer that is still being made while it is sent.
struct Attended {
    body: Body,
    watch: Arc<dyn Watch>,
}

impl http_body::Body for Attended {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            return Poll::Ready(frame);
        }
        ready!(self.watch.poll_left(context));
        Poll::Ready(Some(Err(axum::Error::new(Left))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection's stream, which is read ahead of hyper by [`Presence`].
#[derive(Debug)]
pub(super) struct Ahead<S>(Arc<Mutex<Stream<S>>>);

#[derive(Debug)]
struct Stream<S> {
    stream: S,
    /// What came ahead, not yet read by hyper.
    early: BytesMut,
}

impl<S: AsyncRead + Unpin + Send + 'static> Ahead<S> {
    pub(super) fn new(stream: S) -> (Self, Presence) {
        let early = BytesMut::new();
        let stream = Arc::new(Mutex::new(Stream { stream, early }));
        let presence = Presence(Some(Arc::clone(&stream) as Arc<dyn Watch>));
        (Self(stream), presence)
    }
}

impl<S: AsyncRead + Unpin + Send> Watch for Mutex<Stream<S>> {
    fn poll_left(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut this = self.lock();
        let mut piece = [0; 1_024];
        while this.early.len() < EARLY_BYTES_MAX {
            let mut room = ReadBuf::new(&mut piece);
            match ready!(Pin::new(&mut this.stream).poll_read(context, &mut room)) {
                Ok(()) if !room.filled().is_empty() => {
                    this.early.extend_from_slice(room.filled());
                    // Should hyper wait for these: its place with the stream was taken.
                    context.waker().wake_by_ref();
                }
                _ => return Poll::Ready(()),
            }
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Ahead<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut this = self.0.lock();
        if this.early.is_empty() {
            return Pin::new(&mut this.stream).poll_read(context, out);
        }
        let count = this.early.len().min(out.remaining());
        out.put_slice(this.early.get(..count).unwrap_or_default());
        this.early.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Ahead<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0.lock().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0.lock().stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.lock().stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.lock().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.lock().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;

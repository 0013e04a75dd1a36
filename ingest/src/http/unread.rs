//! What a handler has left of a request's body: read and forgotten before the answer goes out, if it is small.
//! Endpoints for points do that themselves, since lending costs something.
//!
//! A client that sends before it reads would else see a reset in place of the answer: with HTTP/1 the system resets a
//! connection that is closed with bytes unread, with HTTP/2 a dropped body resets its stream, and curl 7.88 then forgets
//! the answer that it has got already.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use parking_lot::Mutex;

use super::body::{BodyReader, UNREAD_BYTES_MAX, is_awaited};

/// The place where a lent body comes back to.
#[derive(Debug)]
pub(super) struct Unread(Option<Arc<Mutex<Option<Body>>>>);

/// A body that comes back when it is dropped before its end.
struct Lent {
    body: Option<Body>,
    place: Arc<Mutex<Option<Body>>>,
}

impl Unread {
    /// Lends a request's body out. One that has ended is not lent but given, and so is one whose client waits to be asked
    /// for it.
    pub(super) fn lend(request: Request) -> (Request, Self) {
        use http_body::Body as _;
        if request.body().is_end_stream() || is_awaited(&request) {
            return (request, Self(None));
        }
        let place = Arc::new(Mutex::new(None));
        let lent = |body| Lent {
            body: Some(body),
            place: Arc::clone(&place),
        };
        let request = request.map(|body| Body::new(lent(body)));
        (request, Self(Some(place)))
    }

    /// Reads what has come back.
    pub(super) async fn forget(self, bodies: &BodyReader) {
        let returned = self.0.and_then(|place| place.lock().take());
        if let Some(body) = returned {
            bodies.drain(body, UNREAD_BYTES_MAX).await;
        }
    }
}

impl http_body::Body for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !http_body::Body::is_end_stream(self) {
            *self.place.lock() = self.body.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::stream;
    use http::Method;

    use crate::story::Story;

    use super::*;

    const PIECE: usize = 64 << 10;

    /// How many pieces of a body were read by the time the answer was there.
    fn read_of(
        story: &Story,
        method: Method,
        path: &str,
        token: Option<u8>,
        pieces: usize,
    ) -> (u16, usize) {
        let read = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&read);
        let pieces = stream::iter((0..pieces).map(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; PIECE]))
        }));
        let answered = story.ask_with_body(method, path, token, Body::from_stream(pieces));
        (answered.status, read.load(Ordering::Relaxed))
    }

    #[test]
    fn a_body_that_nobody_wants_is_read_before_the_answer() {
        let story = Story::with_readers();
        for (method, path, token, status) in [
            (Method::POST, "/api/nothing", None, 404),
            (Method::POST, "/nothing", None, 404),
            (Method::POST, "/api/v2/query", None, 501),
            (Method::DELETE, "/api/version", None, 405),
            (Method::POST, "/api/version", None, 200),
            (Method::POST, "/api/suggest", None, 401),
            (Method::POST, "/api/suggest", Some(1), 403),
            (Method::POST, "/api/suggest?serializer=xml", Some(3), 400),
            (Method::POST, "/api/put", Some(3), 403),
            (Method::POST, "/api/put?sync&sync_timeout=x", Some(1), 400),
            (Method::POST, "/api/put?jsonp=(", Some(1), 400),
        ] {
            let found = read_of(&story, method, path, token, 5);
            assert_eq!(found, (status, 5), "{path}");
        }
    }

    #[test]
    fn a_long_one_is_not_read_to_its_end() {
        let (status, read) = read_of(&Story::new(), Method::POST, "/api/nothing", None, 1_000);
        assert_eq!(status, 404);
        assert!(read * PIECE <= 2 << 20, "{read}");
    }
}

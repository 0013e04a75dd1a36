//! What a handler has left of a request's body: read and forgotten before the answer goes out, if it is small.
//! Endpoints for points do that themselves, since lending costs something.
//!
//! A client that sends before it reads would else see a reset in place of the answer: with HTTP/1 the system resets a
//! connection that is closed with bytes unread, with HTTP/2 a dropped body resets its stream, and curl 7.88 then forgets
//! the answer that it has got already.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use parking_lot::Mutex;

use super::body::{BodyReader, UNREAD_BYTES_MAX, is_awaited};

/// What became of a request's body.
#[derive(Debug)]
pub(super) enum Unread {
    /// It was at its end, as a GET's is.
    Ended,
    /// Its client waits to be asked for it.
    Awaited,
    /// It is in the hands of a handler, or has come back.
    Lent(Arc<Mutex<Place>>),
}

/// The place where a lent body comes back to.
#[derive(Debug, Default)]
pub(super) struct Place {
    returned: Option<Body>,
    /// It was read to its end, or nobody reads on.
    is_read: bool,
}

/// A body that comes back when it is dropped before its end.
struct Lent {
    body: Option<Body>,
    place: Arc<Mutex<Place>>,
}

impl Unread {
    /// Lends a request's body out. One that has ended is not lent but given, and so is one whose client waits to be asked
    /// for it.
    pub(super) fn lend(request: Request) -> (Request, Self) {
        use http_body::Body as _;
        if request.body().is_end_stream() {
            return (request, Self::Ended);
        }
        if is_awaited(&request) {
            return (request, Self::Awaited);
        }
        let place = Arc::new(Mutex::new(Place::default()));
        let lent = |body| Lent {
            body: Some(body),
            place: Arc::clone(&place),
        };
        let request = request.map(|body| Body::new(lent(body)));
        (request, Self::Lent(place))
    }

    /// Whether what comes from the client now is no part of this body, as far as its handler cares.
    pub(super) fn is_read(&self) -> bool {
        match self {
            Self::Ended => true,
            Self::Awaited => false,
            Self::Lent(place) => place.lock().is_read,
        }
    }

    /// Reads what has come back.
    pub(super) async fn forget(self, bodies: &BodyReader) {
        if let Self::Lent(place) = self {
            let returned = place.lock().returned.take();
            if let Some(body) = returned {
                bodies.drain(body, UNREAD_BYTES_MAX).await;
            }
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
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(&mut *body).poll_frame(context));
        if frame.is_none() || body.is_end_stream() {
            self.place.lock().is_read = true;
        }
        Poll::Ready(frame)
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
        let mut place = self.place.lock();
        place.is_read = true;
        if !http_body::Body::is_end_stream(self) {
            place.returned = self.body.take();
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

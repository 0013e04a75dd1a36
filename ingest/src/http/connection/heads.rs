//! The heads of HTTP/1 requests, where hyper does less than this API promises.
//!
//! | hyper | here |
//! |---|---|
//! | serves a request with both `Content-Length` and `Transfer-Encoding`, and hides the first | seen while the head is read: the handler's side asks [`HeadWatch::begin_request`] and refuses |
//! | answers a head that it cannot read by itself, with an empty body | on its way out the error object takes the place of the nothing; it counts no points as stored where the head may have been that of a put |
//! | closes then, whatever was not read: the system resets, and the answer may be lost | reads on for a moment |
//!
//! A head that came together with the request before it is not looked at for both lengths: hyper then does what RFC 9112
//! says, takes the chunks and closes. Framing stays hyper's alone: nothing here decides where a request ends.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::StatusCode;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::HEAD_BYTES_MAX;
use crate::http::body::UNREAD_BYTES_MAX;
use crate::http::error::ApiError;
use crate::http::router::line_takes_points;
use crate::telemetry::Metrics;

/// Headers that a request may have: hyper's own limit.
const HEADERS_MAX: usize = 100;
/// Bytes that are kept of a request's first line: an address of points with a host before it.
const FIRST_LINE_BYTES: usize = 512;
/// How long, and of how many bytes, a client that was refused may go on sending before it is cut off from the answer.
const LINGER: Duration = Duration::from_secs(1);
/// How hyper says that an answer of its own has no body.
const NO_BODY: &[u8] = b"content-length: 0\r\n";

/// What the head says that is being read. Shared by a connection's stream and its requests.
#[derive(Debug, Default)]
pub(super) struct HeadWatch(Mutex<Head>);

#[derive(Debug, Default)]
struct Head {
    /// The beginning of a line whose end has not come yet.
    line: Vec<u8>,
    /// What the first line begins with, once it is whole.
    first: Vec<u8>,
    part: Part,
    length: bool,
    encoding: bool,
}

/// What the next bytes are.
#[derive(Debug, Default, PartialEq, Eq)]
enum Part {
    /// Blank lines do not count here.
    #[default]
    Before,
    Lines,
    /// The blank line has been seen, or a request is being served.
    Body,
}

/// HTTP/1's stream, between the connection and hyper.
#[derive(Debug)]
pub(super) struct Heads<S> {
    stream: S,
    watch: Arc<HeadWatch>,
    metrics: Metrics,
    /// Our words in place of hyper's, and how many bytes they stand for.
    words: Option<(Bytes, usize)>,
    farewell: Farewell,
}

/// How the connection closes.
#[derive(Debug)]
enum Farewell {
    Plain,
    /// After an answer that must still be read.
    Lingering,
    /// Our side is closed; what comes is dropped.
    Dropping {
        until: Pin<Box<Sleep>>,
        bytes: u64,
    },
}

impl HeadWatch {
    /// hyper has read a head: whether it had both lengths. What is read from now on is a body.
    pub(super) fn begin_request(&self) -> bool {
        let mut head = self.0.lock();
        head.part = Part::Body;
        head.length && head.encoding
    }

    /// The request is answered: what is read from now on is a head again.
    pub(super) fn end_request(&self) {
        let mut head = self.0.lock();
        let mut first = std::mem::take(&mut head.first);
        first.clear();
        *head = Head {
            first,
            ..Head::default()
        };
    }

    /// Whether the head that is being read may be of points. One that came together with the request before it may.
    fn may_bring_points(&self) -> bool {
        let head = self.0.lock();
        let line = if head.first.is_empty() {
            &head.line
        } else {
            &head.first
        };
        line_takes_points(line.get(..FIRST_LINE_BYTES).unwrap_or(line)).unwrap_or(true)
    }
}

impl Head {
    fn see(&mut self, mut bytes: &[u8]) {
        while self.part != Part::Body
            && let Some(end) = memchr::memchr(b'\n', bytes)
        {
            let (now, later) = bytes.split_at(end);
            bytes = later.get(1..).unwrap_or_default();
            if self.line.is_empty() {
                self.see_line(now);
            } else {
                self.line.extend_from_slice(now);
                let line = std::mem::take(&mut self.line);
                self.see_line(&line);
            }
        }
        if self.part != Part::Body {
            self.line.extend_from_slice(bytes);
        }
    }

    fn see_line(&mut self, line: &[u8]) {
        let starts = |name: &[u8]| {
            line.get(..name.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(name))
        };
        match line.first() {
            None | Some(b'\r') if self.part == Part::Before => return,
            None | Some(b'\r') => {
                self.part = Part::Body;
                return;
            }
            Some(_) if self.part == Part::Before => {
                let kept = line.get(..FIRST_LINE_BYTES).unwrap_or(line);
                self.first.extend_from_slice(kept);
            }
            Some(b'c' | b'C') if starts(b"content-length:") => self.length = true,
            Some(b't' | b'T') if starts(b"transfer-encoding:") => self.encoding = true,
            Some(_) => {}
        }
        self.part = Part::Lines;
    }
}

impl<S> Heads<S> {
    pub(super) fn new(stream: S, watch: Arc<HeadWatch>, metrics: Metrics) -> Self {
        Self {
            stream,
            watch,
            metrics,
            words: None,
            farewell: Farewell::Plain,
        }
    }
}

impl<S: AsyncWrite + Unpin> Heads<S> {
    /// If `written` is an answer of hyper's own, ours is sent instead; says then how much of `written` that was.
    fn poll_reword(
        &mut self,
        written: &[u8],
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Option<usize>>> {
        if self.words.is_none() {
            let Some(mut error) = own_error(written) else {
                return Poll::Ready(Ok(None));
            };
            if self.watch.may_bring_points() {
                error = error.for_put();
            }
            let Some(words) = reworded(written, &error) else {
                return Poll::Ready(Ok(None));
            };
            self.metrics.count_answer(error.status());
            self.words = Some((words, written.len()));
            self.farewell = Farewell::Lingering;
        }
        while let Some((words, stands_for)) = &mut self.words {
            if words.is_empty() {
                let stands_for = *stands_for;
                self.words = None;
                return Poll::Ready(Ok(Some(stands_for)));
            }
            let sent = ready!(Pin::new(&mut self.stream).poll_write(context, words))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            words.advance(sent);
        }
        Poll::Ready(Ok(None))
    }
}

/// What we say where hyper answers by itself; `None` if this is no beginning of such an answer.
fn own_error(written: &[u8]) -> Option<ApiError> {
    let error = match written.get(..12)?.strip_prefix(b"HTTP/1.")?.get(1..)? {
        b" 400" => ApiError::bad_request("Bad request").with_details(
            "the request line or a header cannot be read; in an address, a blank, a quote and < > ` are written with %",
        ),
        b" 414" => ApiError::new(StatusCode::URI_TOO_LONG, "Request address too long"),
        b" 431" => ApiError::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "Request head too large",
        )
        .with_details(format!(
            "a request's head may have at most {HEAD_BYTES_MAX} bytes and {HEADERS_MAX} headers"
        )),
        _ => return None,
    };
    Some(error)
}

/// hyper's own answer with our error object for a body; `None` for every other answer. Ours always have a body where they
/// are refusals.
fn reworded(written: &[u8], error: &ApiError) -> Option<Bytes> {
    let at = memchr::memmem::find(written, NO_BODY)?;
    let (before, after) = (written.get(..at)?, written.get(at + NO_BODY.len()..)?);
    let body = error.render();
    let lengths = format!(
        "content-type: application/json; charset=UTF-8\r\ncontent-length: {}\r\n",
        body.len()
    );
    let words = [before, lengths.as_bytes(), after, &body].concat();
    Some(words.into())
}

impl<S: AsyncRead + Unpin> AsyncRead for Heads<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, out))?;
        let mut head = self.watch.0.lock();
        if head.part != Part::Body {
            head.see(out.filled().get(before..).unwrap_or_default());
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Heads<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(written) = ready!(self.poll_reword(bytes, context))? {
            return Poll::Ready(Ok(written));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(first) = slices.first()
            && let Some(written) = ready!(self.poll_reword(first, context))?
        {
            return Poll::Ready(Ok(written));
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !matches!(this.farewell, Farewell::Dropping { .. }) {
            ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
            if matches!(this.farewell, Farewell::Plain) {
                return Poll::Ready(Ok(()));
            }
            this.farewell = Farewell::Dropping {
                until: Box::pin(tokio::time::sleep(LINGER)),
                bytes: 0,
            };
        }
        let Farewell::Dropping { until, bytes } = &mut this.farewell else {
            return Poll::Ready(Ok(()));
        };
        let mut dropped = [0; 4_096];
        while *bytes <= UNREAD_BYTES_MAX && until.as_mut().poll(context).is_pending() {
            let mut room = ReadBuf::new(&mut dropped);
            match ready!(Pin::new(&mut this.stream).poll_read(context, &mut room)) {
                Ok(()) if !room.filled().is_empty() => {
                    *bytes += u64::try_from(room.filled().len()).unwrap_or(u64::MAX);
                }
                // The client has closed, or is gone.
                _ => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_both(head: &str, piece: usize) -> bool {
        let watch = HeadWatch::default();
        for bytes in head.as_bytes().chunks(piece) {
            watch.0.lock().see(bytes);
        }
        watch.begin_request()
    }

    #[test]
    fn both_lengths_are_seen_however_the_head_is_cut() {
        for (head, both) in [
            (
                "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                true,
            ),
            (
                "POST / HTTP/1.1\ntransfer-encoding: chunked\ncontent-length: 1\n\n",
                true,
            ),
            (
                "\r\nPOST / HTTP/1.1\r\nTRANSFER-ENCODING:chunked\r\nCONTENT-LENGTH:1\r\n\r\n",
                true,
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nTransfer-Encoding: chunked\r\n",
                false,
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nX: Content-Length: 1\r\n\r\n",
                false,
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
                false,
            ),
        ] {
            for piece in [1, 3, 1_000] {
                assert_eq!(has_both(head, piece), both, "{head:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn a_body_is_no_head_and_the_next_head_is() {
        let watch = HeadWatch::default();
        watch
            .0
            .lock()
            .see(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n");
        assert!(!watch.begin_request());
        watch.0.lock().see(b"\nTransfer-Encoding: chunked\n");
        watch.end_request();
        watch
            .0
            .lock()
            .see(b"GET / HTTP/1.1\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert!(watch.begin_request());
    }

    #[test]
    fn points_may_come_with_every_head_that_names_no_other_address() {
        for (seen, may) in [
            ("", true),
            ("nonsense\r\n", true),
            ("POST /api/put", true),
            ("POST /api/put HTTP/1.1\r\nA: b\r\n", true),
            (
                "\r\nPOST http://h:4242/API/v1/Rollup/?details HTTP/1.1\r\n",
                true,
            ),
            ("POST /api/put?a=\"b c\" HTTP/1.1\r\n", true),
            ("POST /api/putt HTTP/1.1\r\n", false),
            ("GET /a b HTTP/1.1\r\nA: POST /api/put\r\n", false),
            ("GET /api/v1/export?match[]={a=\"b\"} HTTP/1.1\r\n", false),
        ] {
            let watch = HeadWatch::default();
            watch.0.lock().see(seen.as_bytes());
            assert_eq!(watch.may_bring_points(), may, "{seen}");
            watch.end_request();
            assert!(watch.may_bring_points(), "after {seen}");
        }
        let watch = HeadWatch::default();
        let long = format!("POST /api/put/{}", "x".repeat(60_000));
        watch.0.lock().see(long.as_bytes());
        assert!(watch.may_bring_points());
    }

    #[test]
    fn only_empty_answers_to_bad_heads_are_reworded() {
        let own = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\ndate: now\r\n\r\n";
        let error = own_error(own).unwrap();
        assert_eq!(error.status(), 431);
        let words = reworded(own, &error).unwrap();
        assert_eq!(
            std::str::from_utf8(&words).unwrap(),
            "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-type: application/json; \
             charset=UTF-8\r\ncontent-length: 131\r\ndate: now\r\n\r\n{\"error\":{\"code\":431,\"message\":\"Request head \
             too large\",\"details\":\"a request's head may have at most 65536 bytes and 100 headers\"}}"
        );
        for other in [
            &b"HTTP/1.1 400 Bad Request\r\ncontent-length: 10\r\n\r\n"[..],
            b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.",
            b"",
        ] {
            let words = own_error(other).and_then(|error| reworded(other, &error));
            assert!(words.is_none());
        }
    }
}

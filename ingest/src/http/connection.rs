//! One connection that speaks HTTP.
//!
//! It ends when the client closes, when it is idle too long, when the server stops, or when a grant that was used on it
//! is cut: the last two finish the request in hand, then close (HTTP/2: after a GOAWAY).

mod heads;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use self::heads::{HeadWatch, Heads};
use super::error::ApiError;
use super::presence::{Ahead, Left, Presence};
use super::router::Routes;
use super::session::HttpSession;
use crate::context::ServerContext;
use crate::listener::Peer;

/// A request's head may be this long; long queries are GETs.
const HEAD_BYTES_MAX: usize = 64 * 1_024;
/// What hyper may buffer of a connection: the head, or a piece of body.
const BUFFER_BYTES_MAX: usize = 256 * 1_024;
const HTTP2_STREAMS_MAX: u32 = 128;
/// Bytes of bodies that a client may send ahead: on one stream, on all of a connection.
const HTTP2_STREAM_WINDOW: u32 = 256 * 1_024;
const HTTP2_CONNECTION_WINDOW: u32 = 1 << 20;

/// How connections are served: one for each loop.
#[derive(Debug, Clone)]
pub(crate) struct HttpServer {
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    routes: Routes,
    context: Arc<ServerContext>,
}

/// Which HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    One,
    Two,
}

impl HttpServer {
    /// hyper's `pipeline_flush` stays off: with it an answer waits in memory, however long it is, for as long as the
    /// client does not read or has sent more, and a broken head gets no answer at all.
    pub(crate) fn new(routes: Routes, context: Arc<ServerContext>) -> Self {
        let idle = context.timeouts.http_idle;
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(idle)
            .max_header_size(HEAD_BYTES_MAX)
            .max_buf_size(BUFFER_BYTES_MAX)
            .half_close(true);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .keep_alive_interval(idle)
            .keep_alive_timeout(Duration::from_secs(20))
            .max_concurrent_streams(HTTP2_STREAMS_MAX)
            .initial_stream_window_size(HTTP2_STREAM_WINDOW)
            .initial_connection_window_size(HTTP2_CONNECTION_WINDOW)
            .max_header_list_size(64 * 1_024);
        Self {
            http1,
            http2,
            routes,
            context,
        }
    }

    /// Serves a connection to its end. Errors of the connection end it and are nobody's business but the client's.
    pub(crate) async fn serve<S>(&self, stream: S, version: Version, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let session = HttpSession::new(peer);
        let served = match version {
            Version::One => self.serve_http1(stream, &session).await,
            Version::Two => self.serve_http2(stream, &session).await,
        };
        if let Err(error) = served {
            tracing::debug!(%error, peer = %peer.address, "http connection ended");
        }
    }

    async fn serve_http1<S>(&self, stream: S, session: &HttpSession) -> hyper::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let watch = Arc::new(HeadWatch::default());
        let (stream, presence) = Ahead::new(stream);
        let stream = Heads::new(stream, Arc::clone(&watch), self.context.metrics.clone());
        let (routes, of) = (self.routes.clone(), session.clone());
        let service = service_fn(move |request: http::Request<Incoming>| {
            let (request, routes) = (of.attach(request), routes.clone());
            let presence = presence.clone();
            let (watch, has_two_lengths) = (Arc::clone(&watch), watch.begin_request());
            async move {
                let response = if has_two_lengths {
                    routes.refuse(request, two_lengths()).await
                } else {
                    routes.call(request, &presence).await?
                };
                watch.end_request();
                Ok::<_, Left>(response)
            }
        });
        let mut connection = pin!(self.http1.serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            served = connection.as_mut() => return served,
            () = self.until_over(session) => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    }

    async fn serve_http2<S>(&self, stream: S, session: &HttpSession) -> hyper::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (routes, of) = (self.routes.clone(), session.clone());
        let service = service_fn(move |request: http::Request<Incoming>| {
            let (request, routes) = (of.attach(request), routes.clone());
            let active = of.begin_request();
            async move {
                let response = routes.call(request, &Presence::of_dropped_requests()).await;
                drop(active);
                response
            }
        });
        let mut connection = pin!(self.http2.serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            served = connection.as_mut() => return served,
            () = self.until_over(session) => connection.as_mut().graceful_shutdown(),
            // hyper's pings tell a client that is gone, not one that wants nothing.
            () = session.until_idle(self.context.timeouts.http_idle) => {
                connection.as_mut().graceful_shutdown();
            }
        }
        connection.await
    }

    async fn until_over(&self, session: &HttpSession) {
        tokio::select! {
            () = self.context.stopping.cancelled() => {}
            () = session.until_cut() => {}
        }
    }
}

fn two_lengths() -> ApiError {
    ApiError::bad_request("Bad request").with_details(
        "a request has Content-Length or Transfer-Encoding, not both: they may say different things",
    )
}

#[cfg(test)]
mod tests;

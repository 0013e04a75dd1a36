//! One connection that speaks HTTP.
//!
//! It ends when the client closes, when it is idle too long, when the server stops, or when a grant that was used on it
//! is cut: the last two finish the request in hand, then close (HTTP/2: after a GOAWAY).

mod heads;

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::heads::{HeadWatch, Heads};
use super::error::ApiError;
use super::router::Routes;
use crate::auth::Grant;
use crate::listener::Peer;
use crate::server::ServerContext;

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

/// What the requests of one connection have in common; every request carries it among its extensions.
#[derive(Debug, Clone)]
pub struct HttpSession(Arc<SessionState>);

#[derive(Debug)]
struct SessionState {
    peer: Peer,
    grant: Mutex<Option<Arc<Grant>>>,
    granted: Notify,
    /// HTTP/2 only: HTTP/1 has its own clock in hyper.
    activity: Mutex<Activity>,
}

/// Whether anything is asked over a connection.
#[derive(Debug)]
struct Activity {
    requests: usize,
    /// When the last of them was answered.
    since: Instant,
}

/// A request that is not answered yet.
#[derive(Debug)]
struct Active(Arc<SessionState>);

impl Drop for Active {
    fn drop(&mut self) {
        let mut activity = self.0.activity.lock();
        activity.requests = activity.requests.saturating_sub(1);
        activity.since = Instant::now();
    }
}

impl HttpSession {
    fn new(peer: Peer) -> Self {
        Self(Arc::new(SessionState {
            peer,
            grant: Mutex::new(None),
            granted: Notify::new(),
            activity: Mutex::new(Activity {
                requests: 0,
                since: Instant::now(),
            }),
        }))
    }

    /// The session that a request came over.
    pub fn of<B>(request: &http::Request<B>) -> Option<&Self> {
        request.extensions().get()
    }

    /// Who is at the other end.
    pub fn peer(&self) -> &Peer {
        &self.0.peer
    }

    /// A request of this connection, as handlers take it.
    fn attach(&self, request: http::Request<Incoming>) -> axum::extract::Request {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(self.clone());
        request
    }

    /// Notes the grant of a request: when it is cut, the connection closes.
    pub fn granted(&self, grant: &Arc<Grant>) {
        let mut current = self.0.grant.lock();
        let same = current
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, grant));
        if !same {
            *current = Some(Arc::clone(grant));
            drop(current);
            self.0.granted.notify_one();
        }
    }

    fn begin_request(&self) -> Active {
        self.0.activity.lock().requests += 1;
        Active(Arc::clone(&self.0))
    }

    /// Completes when nothing has been asked for so long. An answer that is still on its way is not cut off by what
    /// follows.
    async fn until_idle(&self, time: Duration) {
        loop {
            let (now, idle_at) = {
                let activity = self.0.activity.lock();
                let now = Instant::now();
                let since = if activity.requests > 0 {
                    now
                } else {
                    activity.since
                };
                (now, since + time)
            };
            if idle_at <= now {
                return;
            }
            tokio::time::sleep_until(idle_at).await;
        }
    }

    fn cut(&self) -> Option<CancellationToken> {
        let grant = self.0.grant.lock();
        grant.as_ref().map(|grant| grant.cut().clone())
    }

    /// Completes when the last grant that was used is cut.
    async fn until_cut(&self) {
        loop {
            match self.cut() {
                None => self.0.granted.notified().await,
                Some(cut) => tokio::select! {
                    () = cut.cancelled() => return,
                    () = self.0.granted.notified() => {}
                },
            }
        }
    }
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
        let stream = Heads::new(stream, Arc::clone(&watch), self.context.metrics.clone());
        let (routes, of) = (self.routes.clone(), session.clone());
        let service = service_fn(move |request: http::Request<Incoming>| {
            let (request, routes) = (of.attach(request), routes.clone());
            let (watch, has_two_lengths) = (Arc::clone(&watch), watch.begin_request());
            async move {
                let response = if has_two_lengths {
                    routes.refuse(request, two_lengths()).await
                } else {
                    routes.call(request).await
                };
                watch.end_request();
                Ok::<_, Infallible>(response)
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
                let response = routes.call(request).await;
                drop(active);
                Ok::<_, Infallible>(response)
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

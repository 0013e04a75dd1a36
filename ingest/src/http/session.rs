//! What the requests of one connection have in common, and when it is over.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::auth::Grant;
use crate::listener::Peer;

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
pub(super) struct Active(Arc<SessionState>);

impl Drop for Active {
    fn drop(&mut self) {
        let mut activity = self.0.activity.lock();
        activity.requests = activity.requests.saturating_sub(1);
        activity.since = Instant::now();
    }
}

impl HttpSession {
    pub(super) fn new(peer: Peer) -> Self {
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
    pub(super) fn attach(&self, request: http::Request<Incoming>) -> axum::extract::Request {
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

    pub(super) fn begin_request(&self) -> Active {
        self.0.activity.lock().requests += 1;
        Active(Arc::clone(&self.0))
    }

    /// Completes when nothing has been asked for so long. An answer that is still on its way is not cut off by what
    /// follows.
    pub(super) async fn until_idle(&self, time: Duration) {
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
    pub(super) async fn until_cut(&self) {
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

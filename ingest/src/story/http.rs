//! Requests without sockets: router, handlers and store are the real ones.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};
use tokio_util::sync::CancellationToken;

use super::{NOON_S, Story, credential};
use crate::config::{TelnetTimeouts, Timeouts};
use crate::connection::TelnetContext;
use crate::context::{LoopContext, ServerContext};
use crate::http::body::{BodyBudget, BodyReader};
use crate::http::context::HttpContext;
use crate::http::cors::Cors;
use crate::http::lookups::Lookups;
use crate::http::presence::Presence;
use crate::http::query::Queries;
use crate::http::router::Routes;
use crate::http::turns::{Exports, VolumeReads};
use crate::telemetry::Metrics;
use crate::volumes::Volumes;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Story {
    /// Sends one request with the credential of a token.
    pub(crate) fn ask(
        &self,
        method: Method,
        path: &str,
        token: Option<u8>,
        body: &str,
    ) -> Answered {
        let credential = token.map(credential);
        self.run(self.asking(method, path, credential.as_deref(), body))
    }

    /// Stores points, all of which must be good.
    pub(crate) fn write(&self, token: u8, points: &str) {
        let answered = self.ask(Method::POST, "/api/put", Some(token), points);
        assert_eq!(answered.status, 204, "{}", answered.body);
    }

    /// As [`Story::ask`], with a body that is not in memory.
    pub(crate) fn ask_with_body(
        &self,
        method: Method,
        path: &str,
        token: Option<u8>,
        body: Body,
    ) -> Answered {
        let credential = token.map(credential);
        self.run(self.sending(method, path, credential.as_deref(), body))
    }

    /// Sends one request. `@` in the body stands for noon.
    pub(crate) async fn asking(
        &self,
        method: Method,
        path: &str,
        credential: Option<&str>,
        body: &str,
    ) -> Answered {
        let body = Body::from(body.replace('@', &NOON_S.to_string()));
        self.sending(method, path, credential, body).await
    }

    async fn sending(
        &self,
        method: Method,
        path: &str,
        credential: Option<&str>,
        body: Body,
    ) -> Answered {
        let routes = Routes::new(HttpContext::new(self.loop_context()));
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .body(body)
            .unwrap();
        if let Some(credential) = credential {
            let basic = format!("Basic {}", BASE64_STANDARD.encode(credential));
            request
                .headers_mut()
                .insert(AUTHORIZATION, basic.parse().unwrap());
        }
        let client = Presence::of_dropped_requests();
        let answered = routes.call(request, &client);
        let answered = tokio::time::timeout(Self::PATIENCE, answered)
            .await
            .expect("it hangs")
            .unwrap();
        let (parts, body) = answered.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answered {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// What the handlers of one loop are given.
    pub(crate) fn loop_context(&self) -> Arc<LoopContext> {
        let long = Duration::from_mins(10);
        let timeouts = Timeouts {
            handshake: long,
            first_bytes: long,
            http_idle: long,
            body_stall: long,
            telnet: TelnetTimeouts {
                first_token: long,
                idle: long,
            },
            stop: long,
            data_lock: Duration::ZERO,
            confirmation: long,
        };
        let (events, authenticator) = (
            Arc::clone(&self.event_loop),
            Arc::clone(&self.authenticator),
        );
        let stopping = CancellationToken::new();
        let telnet = TelnetContext::new(
            Arc::clone(&events),
            Arc::clone(&authenticator),
            timeouts.telnet,
            stopping.clone(),
        );
        let server = Arc::new(ServerContext {
            store: self.store.clone(),
            clock: Arc::clone(events.clock()),
            authenticator,
            bodies: BodyReader::new(BodyBudget::new(1 << 28), long),
            exports: Exports::new(long),
            lookups: Lookups::default(),
            cors: Cors::default(),
            volumes: Arc::new(Volumes::alone()),
            volume_reads: VolumeReads::default(),
            queries: Queries::new(4),
            timeouts,
            metrics: Metrics::default(),
            stopping,
        });
        Arc::new(LoopContext {
            server,
            events,
            buffers: Arc::default(),
            telnet,
        })
    }
}

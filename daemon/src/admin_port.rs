//! The socket of the admin port.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

/// Probes, a scraper or two, operators: more is not the admin port's public.
const CONNECTIONS_MAX: usize = 64;
const IDLE: Duration = Duration::from_mins(1);
const BACK_OFF: Duration = Duration::from_millis(100);

/// Serves a router until it is told to stop.
#[derive(Debug)]
pub struct AdminPort {
    /// Bound by the caller, who knows then that the port is free.
    pub listener: TcpListener,
    /// What is served.
    pub router: Router,
    /// When to stop.
    pub stopping: CancellationToken,
}

impl AdminPort {
    /// Ends when `stopping` is cancelled and every answer in hand has been given.
    pub async fn run(self) {
        let connections = TaskTracker::new();
        let accepting = self.accept_for_ever(&connections);
        let _: Option<()> = self.stopping.run_until_cancelled(accepting).await;
        connections.close();
        connections.wait().await;
    }

    async fn accept_for_ever(&self, connections: &TaskTracker) {
        let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
                return;
            };
            match self.listener.accept().await {
                Ok((socket, _)) => {
                    let serve = serve(socket, self.router.clone(), self.stopping.clone());
                    connections.spawn(async move {
                        serve.await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the admin port cannot accept");
                    tokio::time::sleep(BACK_OFF).await;
                }
            }
        }
    }
}

async fn serve(socket: TcpStream, router: Router, stopping: CancellationToken) {
    let service = service_fn(move |request: http::Request<Incoming>| {
        let mut router = router.clone();
        async move { router.call(request.map(Body::new)).await }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(IDLE);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(socket), service));
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "admin connection ended");
    }
}

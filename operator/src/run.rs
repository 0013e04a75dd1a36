//! One process from start to end: admin port and caches at once, the leader's work when the lease is ours.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use penstock_daemon::AdminPort;
use penstock_model::Clock;
use prometheus_client::registry::Registry;
use rand::distr::{Alphanumeric, SampleString as _};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::admin::{Readiness, router};
use crate::cluster::{Clients, ConnectError};
use crate::config::Config;
use crate::controllers::{Caches, ControllerMetrics, Feeds};
use crate::leader::{Leader, LeaderError};
use crate::lease::{Candidate, LeaseError};
use crate::propagation::IngestWatch;
use crate::telemetry::Metrics;

/// Letters and digits that tell this start of the process from every other.
const START_LENGTH: usize = 8;
/// How long answers of the admin port that are in hand may take at the end.
const ADMIN_END_MAX: Duration = Duration::from_secs(2);

/// Why the operator ends. Another start, or the other replica, goes on.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// There is no API server.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The admin port cannot be opened.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Signals cannot be taken.
    #[error("cannot take signals")]
    Signals(#[source] io::Error),
    /// The lease cannot be had.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// A part of the leader's work cannot go on.
    #[error(transparent)]
    Leader(#[from] LeaderError),
}

/// Runs until SIGTERM or SIGINT. Needs a process-wide TLS provider.
///
/// # Errors
/// [`OperatorError`]: end the process at once, tasks may still be running.
pub async fn run(config: Arc<Config>, clock: Arc<dyn Clock>) -> Result<(), OperatorError> {
    let stopping = CancellationToken::new();
    let signals = obey_signals(stopping.clone()).map_err(OperatorError::Signals)?;
    let mut registry = Registry::with_prefix("penstock_operator");
    let metrics = Metrics::register(&mut registry);
    let controller_metrics = ControllerMetrics::register(&mut registry);
    let readiness = Readiness::default();
    let clients = Clients::infer().await?;
    let (ingest, seen) =
        IngestWatch::new(clients.patient.clone(), Config::clone(&config), &readiness);
    let (caches, feeds) = Caches::new(config.watched.clone());
    let filled = fill(
        Arc::clone(&caches),
        feeds,
        clients.patient.clone(),
        &readiness,
    );
    let admin = listen(config.listen_admin, readiness, registry, stopping.clone()).await?;
    let leader = Leader {
        config: Arc::clone(&config),
        clients: clients.clone(),
        clock: Arc::clone(&clock),
        metrics,
        seen,
        caches,
        controller_metrics,
    };
    let work = async {
        let identity = Alphanumeric.sample_string(&mut rand::rng(), START_LENGTH);
        let candidate = Candidate::new(
            clients.fenced,
            &config.namespace,
            config.names.prefix(),
            config.names.lease(),
            format!("{}_{identity}", config.pod_name),
            clock,
        );
        match stopping.run_until_cancelled(candidate.acquire()).await {
            Some(held) => Ok(Box::pin(leader.lead(held?, stopping.clone())).await?),
            None => Ok(()),
        }
    };
    let ended = tokio::select! {
        ended = work => ended,
        () = ingest.run() => Ok(()),
        () = filled => Ok(()),
    };
    // So that the port answers to the last, and the signals' task ends too.
    stopping.cancel();
    let ending = async { tokio::join!(admin, signals) };
    // A scraper that does not read must not keep a former leader alive.
    drop(timeout(ADMIN_END_MAX, ending).await);
    ended
}

/// Fills the caches, on a standby too. Ready means, among other things, that they are full.
fn fill(
    caches: Arc<Caches>,
    feeds: Feeds,
    client: kube::Client,
    readiness: &Readiness,
) -> impl Future<Output = ()> + use<> {
    let latch = readiness.wait_for("applications and tokens");
    async move {
        let full = async {
            caches.full().await;
            drop(latch);
        };
        tokio::join!(feeds.run(client), full);
    }
}

async fn listen(
    address: SocketAddr,
    readiness: Readiness,
    registry: Registry,
    stopping: CancellationToken,
) -> Result<tokio::task::JoinHandle<()>, OperatorError> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| OperatorError::Listen { address, source })?;
    let port = AdminPort {
        listener,
        router: router(readiness, registry),
        stopping,
    };
    tracing::info!(%address, "admin port open");
    Ok(tokio::spawn(port.run()))
}

fn obey_signals(stopping: CancellationToken) -> io::Result<tokio::task::JoinHandle<()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
            _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
            () = stopping.cancelled() => {}
        }
        stopping.cancel();
    }))
}

//! What the holder of the lease does, all of it at once, until the first part cannot go on.

use std::net::IpAddr;
use std::sync::Arc;

use penstock_model::Clock;
use rand::rngs::StdRng;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::cluster::{Clients, FencedError};
use crate::config::Config;
use crate::controllers::{self, Caches, Context, ControllerMetrics, Entrance, Surroundings};
use crate::lease::{Held, LeaseError};
use crate::ledger_secret::LedgerSecrets;
use crate::pki::{Pki, PkiError, Trust};
use crate::propagation::{Dispatch, PodPort, Seen};
use crate::publisher::{Publisher, Writer, WriterError, find};
use crate::signing::{Signing, SigningError};
use crate::telemetry::Metrics;

/// Everything that a leader needs and a standby has ready.
#[derive(Debug)]
pub(crate) struct Leader {
    pub(crate) config: Arc<Config>,
    pub(crate) clients: Clients,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
    pub(crate) seen: watch::Receiver<Seen>,
    pub(crate) caches: Arc<Caches>,
    pub(crate) controller_metrics: ControllerMetrics,
}

/// Which part cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum LeaderError {
    /// The lease is not ours any longer.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// The Secrets of the ledger cannot be read.
    #[error("the ledger cannot be read")]
    Ledger(#[source] FencedError),
    /// There is no key to sign with.
    #[error("ledgers cannot be signed")]
    Signing(#[from] SigningError),
    /// There is no certificate to serve.
    #[error("the ingest pods have no certificate")]
    Pki(#[from] PkiError),
    /// Nothing more is written.
    #[error(transparent)]
    Writer(#[from] WriterError),
    /// A part that goes on for ever has not.
    #[error("{0} has ended")]
    Ended(&'static str),
}

impl Leader {
    /// Works until `stopping` is cancelled, then gives the lease back.
    pub(crate) async fn lead(
        self,
        held: Held,
        stopping: CancellationToken,
    ) -> Result<(), LeaderError> {
        self.metrics.leading.set(1);
        let metrics = self.metrics.clone();
        let work = self.work();
        // The lease is kept from the first moment: to begin may take long.
        let ended = tokio::select! {
            kept = held.keep(stopping) => kept.map_err(LeaderError::from),
            error = work => Err(error),
        };
        metrics.leading.set(0);
        ended
    }

    async fn work(self) -> LeaderError {
        match Box::pin(self.begin()).await {
            Ok(error) | Err(error) => error,
        }
    }

    /// Ends with what cannot go on; `Err` if it has not even begun.
    async fn begin(self) -> Result<LeaderError, LeaderError> {
        let Self {
            config, clients, ..
        } = &self;
        let (namespace, names) = (&config.namespace, &config.names);
        let mut rng: StdRng = rand::make_rng();
        let signing = Signing::open(
            clients.fenced.clone(),
            namespace,
            names,
            Arc::clone(&self.clock),
            &mut rng,
        )
        .await?;
        let port = PodPort::new(config.ingest_admin_port, signing.bearer().to_owned());
        let (secrets, kept) = LedgerSecrets::open(clients.fenced.clone(), namespace, names)
            .await
            .map_err(LeaderError::Ledger)?;
        let signer = signing.signer();
        let believed = signer.borrow().believed.clone();
        let pods = running_pods(self.seen.clone()).await;
        let found = find(kept, &believed, &pods, &port, self.clock.as_ref()).await;
        let publisher = Publisher::new(found, Arc::clone(&self.clock), self.metrics.clone());
        let (pki, trust) = Pki::new(
            clients.fenced.clone(),
            config,
            Arc::clone(&self.clock),
            self.metrics.clone(),
        );
        // Pods cannot start without a certificate.
        pki.step().await?;
        let writer = Writer::new(publisher.clone(), secrets, signer);
        let dispatch = Dispatch::new(publisher.clone(), port);
        let controllers = controllers::run(Arc::new(self.context(publisher.clone(), trust)));
        Ok(tokio::select! {
            () = controllers => LeaderError::Ended("reconciling"),
            error = writer.run() => error.into(),
            error = signing.keep(rng) => error.into(),
            error = pki.keep() => error.into(),
            () = publisher.settle() => LeaderError::Ended("waking"),
            () = dispatch.run(self.seen) => LeaderError::Ended("delivering"),
        })
    }
}

impl Leader {
    fn context(&self, publisher: Publisher, trust: Trust) -> Context {
        let entrance = Entrance {
            host: self.config.endpoint_host.clone(),
            port: self.config.endpoint_port,
            trust,
        };
        let surroundings = Surroundings {
            clock: Arc::clone(&self.clock),
            rng: rand::make_rng(),
            instance: self.config.pod_name.clone(),
            metrics: self.controller_metrics.clone(),
        };
        let caches = Arc::clone(&self.caches);
        Context::new(
            self.clients.clone(),
            publisher,
            caches,
            entrance,
            surroundings,
        )
    }
}

/// The pods that run, once the first list of them is there.
async fn running_pods(mut seen: watch::Receiver<Seen>) -> Vec<IpAddr> {
    let pods = match seen.wait_for(|seen| seen.pods.is_some()).await {
        Ok(seen) => seen.pods.clone(),
        Err(_) => None,
    };
    let pods = pods.unwrap_or_default();
    pods.iter().filter_map(|pod| pod.address).collect()
}

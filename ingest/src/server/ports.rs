//! The ports: bound at once, open when there is something to serve.

use std::sync::Arc;

use penstock_daemon::AdminPort;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Addresses, ServerError};
use crate::admin::{Admin, router};
use crate::auth::LedgerWatch;
use crate::config::Listen;
use crate::context::ServerContext;
use crate::listener::Transport;
use crate::listener::accept::{Acceptor, BoundPort};
use crate::listener::dispatch::Dispatcher;

/// Every port, ours before anything else happens.
pub(super) struct Ports {
    data: Vec<(Transport, BoundPort)>,
    admin: BoundPort,
}

impl Ports {
    pub(super) fn bind(listen: &Listen) -> Result<Self, ServerError> {
        let bind = |address| {
            BoundPort::bind(address).map_err(|source| ServerError::Bind { address, source })
        };
        let tls = listen.tls.as_ref().map(|tls| (Transport::Tls, tls.address));
        let plain = listen.plain.map(|address| (Transport::Plain, address));
        let data = tls
            .into_iter()
            .chain(plain)
            .map(|(transport, address)| bind(address).map(|port| (transport, port)))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            data,
            admin: bind(listen.admin)?,
        })
    }

    pub(super) fn addresses(&self) -> Addresses {
        let of = |wanted| {
            self.data
                .iter()
                .find(|(transport, _)| *transport == wanted)
                .map(|(_, port)| port.address())
        };
        Addresses {
            tls: of(Transport::Tls),
            plain: of(Transport::Plain),
            admin: self.admin.address(),
        }
    }

    /// The admin port answers from now on; the data ports are given back.
    pub(super) fn open_admin(
        self,
        runtime: &Runtime,
        admin: &Arc<Admin>,
        stopping: &CancellationToken,
    ) -> Result<Vec<(Transport, BoundPort)>, ServerError> {
        let address = self.admin.address();
        let _inside = runtime.enter();
        let listener = self
            .admin
            .listen()
            .map_err(|source| ServerError::Bind { address, source })?;
        let port = AdminPort {
            listener,
            router: router(Arc::clone(admin)),
            stopping: stopping.clone(),
        };
        runtime.spawn(port.run());
        tracing::info!(%address, "admin port open");
        Ok(self.data)
    }
}

/// The data ports on their way to being open.
pub(super) struct Opening {
    pub(super) data: Vec<(Transport, BoundPort)>,
    pub(super) context: Arc<ServerContext>,
    pub(super) ledger: Arc<LedgerWatch>,
    pub(super) admin: Arc<Admin>,
    pub(super) dispatcher: Dispatcher,
    pub(super) permits: Arc<Semaphore>,
    pub(super) listening: watch::Sender<bool>,
}

impl Opening {
    /// Waits for the ledger, then accepts until the server stops.
    pub(super) async fn run(self) {
        let stopping = self.context.stopping.clone();
        let confirmed = stopping.run_until_cancelled(self.until_confirmed()).await;
        if confirmed.is_none() {
            return;
        }
        let mut acceptors = Vec::new();
        for (transport, port) in self.data {
            let address = port.address();
            let listener = match port.listen() {
                Ok(listener) => listener,
                Err(error) => {
                    tracing::error!(%error, %address, "cannot listen");
                    self.admin
                        .readiness()
                        .has_failed(format!("cannot listen on {address}: {error}"));
                    return stopping.cancel();
                }
            };
            tracing::info!(%address, ?transport, "listening");
            acceptors.push(Acceptor {
                listener,
                transport,
                permits: Arc::clone(&self.permits),
                dispatcher: self.dispatcher.clone(),
                metrics: self.context.metrics.clone(),
            });
        }
        // Only the acceptors may keep the loops alive.
        drop(self.dispatcher);
        self.admin.readiness().is_listening();
        self.listening.send_replace(true);
        let accepting = acceptors
            .into_iter()
            .map(|acceptor| acceptor.run(stopping.clone()));
        futures_util::future::join_all(accepting).await;
    }

    /// Until somebody has confirmed the ledger. If nobody comes in time, the one that there is must do; with none at
    /// all every device would be refused, so the wait goes on.
    async fn until_confirmed(&self) {
        let mut confirmed = self.ledger.confirmed();
        let mut deadline = Instant::now() + self.context.timeouts.confirmation;
        loop {
            tokio::select! {
                // The sender lives as long as the ledger watch that this holds.
                _ = confirmed.wait_for(|confirmed| *confirmed) => return,
                () = tokio::time::sleep_until(deadline) => {
                    if self.ledger.give_up_waiting() {
                        return tracing::warn!("nobody has confirmed the ledger: serving with it");
                    }
                    tracing::warn!("there is no ledger yet");
                    deadline += self.context.timeouts.confirmation;
                }
            }
        }
    }
}

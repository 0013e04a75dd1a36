//! Composition: everything the server is made of, put together once and taken apart in order.
//!
//! ```text
//!   Server::start
//!     ports bound ── admin port answers ── certificate there ── store opens (replay) ── loops start
//!   ledger confirmed (POST, embedding program, or 15 s) ── data ports listen ── ready
//!
//!   threads: control (admin port, acceptors, watches) · loop-0..N (connections) · the store's two
//! ```
//!
//! The same entry serves `penstock-ingest` and `penstock standalone`; they differ in where the ledger comes from.

mod certificate;
mod event_loops;
mod parts;
mod ports;
mod store_metrics;
mod watches;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use penstock_model::Clock;
use penstock_store::error::StoreError;
use penstock_tenancy::Ledger;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::admin::Admin;
use crate::auth::LedgerWatch;
use crate::auth::ledger_watch::LedgerRefusal;
use crate::config::Config;
use crate::context::ServerContext;
use crate::listener::tls::TlsError;
use crate::shutdown::Signals;

use self::event_loops::EventLoops;
use self::watches::Watches;

/// A running server. Dropping it does not stop it well: call [`Server::stop`], then [`Server::wait`].
///
/// ```text
/// let server = Server::start(config, clock)?;      // store open, admin port answers
/// server.load_ledger(&ledger)?;                    // ports open, /readyz turns ok
/// server.stop_on_signals()?;
/// server.wait()?;                                  // until SIGTERM, stop() or a failure
/// ```
#[derive(Debug)]
pub struct Server {
    context: Arc<ServerContext>,
    admin: Arc<Admin>,
    ledger: Arc<LedgerWatch>,
    loops: EventLoops,
    watches: Arc<Watches>,
    listening: watch::Receiver<bool>,
    addresses: Addresses,
    admin_stopping: CancellationToken,
    runtime: Runtime,
}

/// Where a server can be reached, with real ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// The TLS listener.
    pub tls: Option<SocketAddr>,
    /// The plain listener.
    pub plain: Option<SocketAddr>,
    /// The admin port.
    pub admin: SocketAddr,
}

/// Why a server does not start or does not go on.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The certificate cannot be served: wrong configuration.
    #[error("the certificate cannot be served")]
    Tls(#[from] TlsError),
    /// A port cannot be had.
    #[error("cannot bind {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another process has the data and did not let it go.
    #[error(
        "another process has the data directory {} open: waited {seconds} s for it (timeouts.dataLockSeconds)",
        directory.display()
    )]
    Locked {
        /// The data directory.
        directory: PathBuf,
        /// How long.
        seconds: u64,
    },
    /// The store cannot be opened.
    #[error("the store cannot be opened")]
    OpenStore(#[source] StoreError),
    /// The store could not be flushed at the end. Nothing acknowledged is lost: the next start replays it.
    #[error("the store could not be closed well")]
    CloseStore(#[source] StoreError),
    /// The store stopped because a write or a sync failed. What was acknowledged is on the disk.
    #[error("the store failed: {0}")]
    StoreFailed(String),
    /// Threads, signal handlers or the data directory cannot be had.
    #[error("the system refuses {what}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// SIGTERM or SIGINT came while the server still waited for its certificate. Nothing was touched.
    #[error("told to stop while waiting for the certificate")]
    Stopped,
    /// The embedding program's ledger was not taken.
    #[error("the ledger was not taken")]
    Ledger(#[from] LedgerRefusal),
}

impl ServerError {
    /// The exit code of a program that ends with this: 2 for wrong configuration, 0 if it was told to end, 1 for
    /// everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Tls(_) => 2,
            Self::Stopped => 0,
            _ => 1,
        }
    }

    fn system(what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::System { what, source }
    }
}

impl Server {
    /// Opens the store (replaying what the last run left), binds every port, starts the threads. The data ports are
    /// bound, so [`Server::addresses`] are known, but take connections only when a ledger is loaded and confirmed:
    /// [`Server::load_ledger`] does both. With signed ledgers ([`LedgerSource::Signed`](crate::config::LedgerSource::Signed))
    /// it waits, with the admin port open, for a certificate that is not there yet.
    ///
    /// # Errors
    /// [`ServerError`]; nothing runs then.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a server has its configuration for itself"
    )]
    pub fn start(config: Config, clock: Arc<dyn Clock>) -> Result<Self, ServerError> {
        parts::start(&config, clock, || parts::data_directory(&config))
    }

    /// Hands over a ledger of the embedding program
    /// ([`LedgerSource::InProcess`](crate::config::LedgerSource::InProcess)): no signature is asked for. It is in force
    /// when this returns, and the data ports open.
    ///
    /// # Errors
    /// A revision below the loaded one.
    pub fn load_ledger(&self, ledger: &Ledger) -> Result<(), ServerError> {
        Ok(self.ledger.load(ledger)?)
    }

    /// Blocks until the data ports take connections; `false` if the server stops before.
    pub fn wait_until_listening(&self) -> bool {
        let mut listening = self.listening.clone();
        let stopping = &self.context.stopping;
        let opened = stopping.run_until_cancelled(listening.wait_for(|listening| *listening));
        matches!(self.runtime.block_on(opened), Some(Ok(_)))
    }

    /// Where the server can be reached.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Looks at certificate and ledger files now instead of at the next interval.
    pub fn reload(&self) {
        self.watches.look();
    }

    /// Makes SIGTERM and SIGINT stop the server, and SIGHUP call [`Server::reload`].
    ///
    /// # Errors
    /// The system refuses signal handlers.
    pub fn stop_on_signals(&self) -> Result<(), ServerError> {
        let _inside = self.runtime.enter();
        let signals = Signals::take().map_err(ServerError::system("signal handlers"))?;
        let watches = Arc::clone(&self.watches);
        let reload = move || Watches::look_soon(&watches);
        self.runtime
            .spawn(signals.obey(self.context.stopping.clone(), reload));
        Ok(())
    }

    /// Calls `then` when the server begins to stop, for whatever reason.
    pub fn on_stop(&self, then: impl FnOnce() + Send + 'static) {
        let stopping = self.context.stopping.clone();
        self.runtime.spawn(async move {
            stopping.cancelled().await;
            then();
        });
    }

    /// Begins a graceful stop; [`Server::wait`] completes it.
    pub fn stop(&self) {
        self.context.stopping.cancel();
    }

    /// Blocks until the server is told to stop or fails, then until everything has stopped: sessions, store, admin
    /// port, in this order.
    ///
    /// # Errors
    /// A failure at run time.
    pub fn wait(self) -> Result<(), ServerError> {
        self.runtime.block_on(self.context.stopping.cancelled());
        self.admin.readiness().is_stopping();
        self.loops.finish();
        tracing::info!("sessions closed, closing the store");
        let closed = self.context.store.close();
        self.admin_stopping.cancel();
        self.runtime
            .shutdown_timeout(std::time::Duration::from_secs(1));
        if let Some(failure) = self.admin.readiness().failure() {
            return Err(ServerError::StoreFailed(failure));
        }
        closed.map_err(ServerError::CloseStore)?;
        tracing::info!("stopped");
        Ok(())
    }
}

#[cfg(test)]
mod tests;

//! Composition: everything the server is made of, put together once and taken apart in order.
//!
//! (Signatures; bodies follow.)

use std::net::SocketAddr;
use std::sync::Arc;

use penstock_model::Clock;
use penstock_tenancy::Ledger;
use tokio_util::sync::CancellationToken;

use crate::auth::Authenticator;
use crate::config::{Config, ConfigError, Timeouts};

/// What all loops share.
#[derive(Debug)]
pub struct ServerContext {
    /// The clock that everybody asks.
    pub clock: Arc<dyn Clock>,
    /// Credentials to grants.
    pub authenticator: Arc<Authenticator>,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// Cancelled when the server stops: finish what has been read and close.
    pub stopping: CancellationToken,
}

/// A running server. Dropping it does not stop it: call [`Server::stop`], then [`Server::wait`].
///
/// ```text
/// let server = Server::start(config, clock)?;      // store open, admin port answers
/// server.load_ledger(&ledger)?;                    // ports open, /readyz turns ok
/// server.stop_on_signals()?;
/// server.wait()                                    // until SIGTERM, stop() or a failure
/// ```
#[derive(Debug)]
pub struct Server {
    context: Arc<ServerContext>,
    tls_address: Option<SocketAddr>,
    plain_address: Option<SocketAddr>,
    admin_address: SocketAddr,
}

/// Why a server does not start or does not go on.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Exit code 2.
    #[error("wrong configuration")]
    Config(#[source] ConfigError),
}

impl Server {
    /// Opens the store (replaying what the last run left), binds every port, starts the threads. Data ports are bound,
    /// so [`Server::tls_address`] is known, but take connections only when a ledger is loaded and confirmed:
    /// [`Server::load_ledger`] does both.
    ///
    /// # Errors
    /// [`ServerError`]; nothing runs then.
    pub fn start(_config: Config, _clock: Arc<dyn Clock>) -> Result<Self, ServerError> {
        unimplemented!()
    }

    /// Hands over a ledger of the embedding program ([`LedgerSource::InProcess`](crate::config::LedgerSource)): no
    /// signature is asked for. It is in force when this returns, and the data ports open.
    ///
    /// # Errors
    /// A revision below the loaded one.
    pub fn load_ledger(&self, _ledger: &Ledger) -> Result<(), ServerError> {
        unimplemented!()
    }

    /// Blocks until the data ports take connections.
    pub fn wait_until_listening(&self) {
        unimplemented!()
    }

    /// The address of the TLS listener, with its real port.
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.tls_address
    }

    /// The address of the plain listener, with its real port.
    pub fn plain_address(&self) -> Option<SocketAddr> {
        self.plain_address
    }

    /// The address of the admin port.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Makes SIGTERM and SIGINT stop the server, and SIGHUP read certificate and ledger files at once.
    ///
    /// # Errors
    /// The system refuses signal handlers.
    pub fn stop_on_signals(&self) -> Result<(), ServerError> {
        unimplemented!()
    }

    /// Begins a graceful stop.
    pub fn stop(&self) {
        self.context.stopping.cancel();
    }

    /// Blocks until everything has stopped: sessions, store, admin port, in this order.
    ///
    /// # Errors
    /// A failure at run time, exit code 1: the store could not write.
    pub fn wait(self) -> Result<(), ServerError> {
        unimplemented!()
    }
}

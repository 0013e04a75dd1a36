//! From a listening socket to an event loop.
//!
//! A permit is taken before a connection is accepted: at the limit, further clients wait in the system's queue. When
//! the system refuses (too many open files), the acceptor backs off instead of spinning.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::Transport;
use super::dispatch::{Accepted, Dispatcher};
use crate::telemetry::Metrics;

/// Connections that the system queues for us.
const BACKLOG: i32 = 1_024;
/// The first and the longest wait after the system refused an accept.
const BACK_OFF: Duration = Duration::from_millis(5);
const BACK_OFF_MAX: Duration = Duration::from_secs(1);
/// A peer that vanished without a word is noticed after about two and a half minutes.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(90);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_PROBES: u32 = 4;

/// A port that is ours and does not listen yet: clients are refused, not left waiting.
#[derive(Debug)]
pub(crate) struct BoundPort {
    socket: Socket,
    address: SocketAddr,
}

/// Takes connections of one port.
#[derive(Debug)]
pub(crate) struct Acceptor {
    pub(crate) listener: TcpListener,
    pub(crate) transport: Transport,
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) metrics: Metrics,
}

impl BoundPort {
    /// Binds; port 0 picks a free one.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM.nonblocking(),
            Some(Protocol::TCP),
        )?;
        // A restart must not wait for the last run's connections to be forgotten.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        let address = socket
            .local_addr()?
            .as_socket()
            .ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { socket, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Begins to listen. Call it inside a runtime.
    pub(crate) fn listen(self) -> io::Result<TcpListener> {
        self.socket.listen(BACKLOG)?;
        TcpListener::from_std(self.socket.into())
    }
}

impl Acceptor {
    /// Accepts until the server stops.
    pub(crate) async fn run(self, stopping: CancellationToken) {
        let _: Option<()> = stopping.run_until_cancelled(self.accept_for_ever()).await;
    }

    async fn accept_for_ever(&self) {
        loop {
            let permit = self.permit().await;
            let (socket, address) = self.accept().await;
            let socket = match prepare(socket) {
                Ok(socket) => socket,
                Err(error) => {
                    // It was reset before we came to it.
                    tracing::debug!(%error, %address, "socket could not be set up");
                    continue;
                }
            };
            let accepted = Accepted {
                socket,
                address,
                transport: self.transport,
                permit,
            };
            self.dispatcher.dispatch(accepted).await;
        }
    }

    async fn permit(&self) -> OwnedSemaphorePermit {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return permit;
        }
        self.metrics.accept_waits.inc();
        tracing::warn!("as many connections are open as may be: waiting for one to close");
        loop {
            // Closed only with the process.
            if let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await {
                return permit;
            }
        }
    }

    async fn accept(&self) -> (tokio::net::TcpStream, SocketAddr) {
        let mut back_off = BACK_OFF;
        loop {
            match self.listener.accept().await {
                Ok(accepted) => return accepted,
                Err(error) if is_the_peers(&error) => {}
                Err(error) => {
                    self.metrics.accept_errors.inc();
                    tracing::error!(%error, "the system refuses to accept");
                    tokio::time::sleep(back_off).await;
                    back_off = (back_off * 2).min(BACK_OFF_MAX);
                }
            }
        }
    }
}

fn is_the_peers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

/// Frees the socket from this runtime, so that a loop's can take it.
fn prepare(socket: tokio::net::TcpStream) -> io::Result<TcpStream> {
    let socket = socket.into_std()?;
    socket.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_PROBES);
    SockRef::from(&socket).set_tcp_keepalive(&keepalive)?;
    Ok(socket)
}

//! Telling a connection that was lost from one that was closed.
//!
//! When a process dies, the system closes its sockets as if it had meant to: a plain telnet client that waits for
//! the end of the stream would take that for the sign that all its lines are on stable storage. So a telnet socket
//! is set to be reset when it goes, until the session closes it on purpose. (Over TLS the missing `close_notify`
//! says the same; a reset says it to clients that do not look.)

use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::buffered::Buffered;
use super::prefixed::Prefixed;

/// A stream that may run over a TCP socket.
pub trait AboveTcp {
    /// The socket; `None` for a stream within the process.
    fn tcp(&self) -> Option<&TcpStream>;

    /// From now on the peer sees a reset when the stream is dropped or the process dies.
    fn reset_when_lost(&self) {
        self.set_linger(Some(Duration::ZERO));
    }

    /// From now on the stream ends as streams do.
    fn close_normally(&self) {
        self.set_linger(None);
    }

    /// A socket whose peer is gone refuses, and then it does not matter.
    #[doc(hidden)]
    fn set_linger(&self, linger: Option<Duration>) {
        if let Some(socket) = self.tcp()
            && let Err(error) = SockRef::from(socket).set_linger(linger)
        {
            tracing::debug!(%error, "cannot set how a socket closes");
        }
    }
}

impl AboveTcp for TcpStream {
    fn tcp(&self) -> Option<&TcpStream> {
        Some(self)
    }
}

impl<S: AboveTcp> AboveTcp for Buffered<S> {
    fn tcp(&self) -> Option<&TcpStream> {
        self.get_ref().tcp()
    }
}

impl<S: AboveTcp> AboveTcp for Prefixed<S> {
    fn tcp(&self) -> Option<&TcpStream> {
        self.get_ref().tcp()
    }
}

impl<S: AboveTcp> AboveTcp for TlsStream<S> {
    fn tcp(&self) -> Option<&TcpStream> {
        self.get_ref().0.tcp()
    }
}

#[cfg(test)]
impl AboveTcp for tokio::io::DuplexStream {
    fn tcp(&self) -> Option<&TcpStream> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;

    /// What the peer of a socket reads after something was done to it.
    async fn peer_reads(then: impl FnOnce(TcpStream)) -> io::Result<usize> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        then(accepted.unwrap().0);
        client.unwrap().read(&mut [0; 8]).await
    }

    #[tokio::test]
    async fn a_lost_socket_is_reset_and_a_closed_one_is_not() {
        let lost = peer_reads(|socket| socket.reset_when_lost()).await;
        assert_eq!(lost.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        let closed = peer_reads(|socket| {
            socket.reset_when_lost();
            socket.close_normally();
        })
        .await;
        assert_eq!(closed.unwrap(), 0);
    }
}

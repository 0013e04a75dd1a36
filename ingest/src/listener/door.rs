//! What happens to an accepted socket on its loop: TLS, detection, and on to the protocol.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rustls::ServerConnection;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::buffered::Buffered;
use super::detect::{self, Protocol, TLS_HANDSHAKE};
use super::dispatch::Accepted;
use super::prefixed::Prefixed;
use super::reset::AboveTcp;
use super::tls::{ALPN_HTTP1, ALPN_HTTP2, Tls};
use super::{Peer, Transport};
use crate::connection;
use crate::context::LoopContext;
use crate::http::connection::{HttpServer, Version};
use crate::telemetry::metrics::Spoken;

/// What plain text gets on a TLS port.
const TLS_ONLY: &[u8] = b"this port speaks TLS only: connect with TLS\n";
/// What TLS gets on a plain port.
const PLAIN_ONLY: &[u8] = b"this port speaks plain text only: connect without TLS\n";
/// How long a misplaced client may go on sending before it is cut off from reading our line.
const LINGER: Duration = Duration::from_secs(1);
/// Where detection reads into; what it reads goes on to the protocol.
const FIRST_BYTES: usize = 16 * 1_024;

/// The way in, the same for all loops.
#[derive(Debug)]
pub(crate) struct Door {
    tls: Option<Tls>,
}

impl Door {
    pub(crate) fn new(tls: Option<Tls>) -> Self {
        Self { tls }
    }

    /// Serves a connection to its end.
    pub(crate) async fn serve(
        &self,
        accepted: Accepted,
        http: &HttpServer,
        context: &Arc<LoopContext>,
    ) {
        let metrics = &context.server.metrics;
        let _permit = accepted.permit;
        let peer = Peer {
            address: accepted.address,
            transport: accepted.transport,
        };
        metrics.connections_open.inc();
        let served = match TcpStream::from_std(accepted.socket) {
            Ok(socket) => self.serve_socket(socket, peer, http, context).await,
            Err(error) => Err(error),
        };
        metrics.connections_open.dec();
        if let Err(error) = served {
            tracing::debug!(%error, peer = %peer.address, "connection ended early");
        }
    }

    async fn serve_socket(
        &self,
        socket: TcpStream,
        peer: Peer,
        http: &HttpServer,
        context: &Arc<LoopContext>,
    ) -> io::Result<()> {
        match (peer.transport, &self.tls) {
            (Transport::Tls, Some(tls)) => {
                let Some(stream) = handshake(socket, tls, context).await? else {
                    return Ok(());
                };
                let settled = settled_protocol(stream.get_ref().1);
                serve_stream(stream, settled, peer, http, context).await
            }
            (Transport::Plain, _) => serve_stream(socket, None, peer, http, context).await,
            (Transport::Tls, None) => Ok(()),
        }
    }
}

/// The TLS session; `None` if the client wants none.
async fn handshake(
    socket: TcpStream,
    tls: &Tls,
    context: &LoopContext,
) -> io::Result<Option<TlsStream<Buffered<TcpStream>>>> {
    let mut socket = Buffered::new(socket, Arc::clone(&context.buffers));
    let stopping = &context.server.stopping;
    let shaken = stopping.run_until_cancelled(tokio::time::timeout(
        context.server.timeouts.handshake,
        async {
            match socket.peek_byte().await? {
                None => Ok(Err(Spoken::Nothing)),
                Some(TLS_HANDSHAKE) => tls.acceptor().accept(socket).await.map(Ok),
                Some(_) => {
                    turn_away(&mut socket, TLS_ONLY).await;
                    Ok(Err(Spoken::Misplaced))
                }
            }
        },
    ));
    match shaken.await {
        Some(Ok(Ok(Ok(stream)))) => Ok(Some(stream)),
        Some(Ok(Ok(Err(spoken)))) => {
            context.server.metrics.count_connection(spoken);
            Ok(None)
        }
        Some(Ok(Err(error))) => {
            context.server.metrics.handshake_failures.inc();
            Err(error)
        }
        Some(Err(_)) => {
            context.server.metrics.handshake_failures.inc();
            Err(io::ErrorKind::TimedOut.into())
        }
        None => Ok(None),
    }
}

/// What ALPN has settled.
fn settled_protocol(session: &ServerConnection) -> Option<Protocol> {
    match session.alpn_protocol() {
        Some(ALPN_HTTP2) => Some(Protocol::Http2),
        Some(ALPN_HTTP1) => Some(Protocol::Http1),
        _ => None,
    }
}

async fn serve_stream<S>(
    mut stream: S,
    settled: Option<Protocol>,
    peer: Peer,
    http: &HttpServer,
    context: &Arc<LoopContext>,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + AboveTcp + Unpin + Send + 'static,
{
    let server = &context.server;
    let mut first = BytesMut::new();
    let protocol = if settled.is_some() {
        settled
    } else {
        first.reserve(FIRST_BYTES);
        let detection = detect::first_bytes(&mut stream, &mut first);
        let within = tokio::time::timeout(server.timeouts.first_bytes, detection);
        match server.stopping.run_until_cancelled(within).await {
            Some(Ok(detected)) => detected?,
            // Nothing came, or not enough to tell: nobody is owed an answer.
            Some(Err(_)) | None => None,
        }
    };
    server
        .metrics
        .count_connection(protocol.map_or(Spoken::Nothing, Spoken::from));
    match protocol {
        None => {}
        Some(Protocol::Tls) => turn_away(&mut stream, PLAIN_ONLY).await,
        Some(Protocol::Http1) => {
            let stream = Prefixed::new(first.freeze(), stream);
            http.serve(stream, Version::One, peer).await;
        }
        Some(Protocol::Http2) => {
            let stream = Prefixed::new(first.freeze(), stream);
            http.serve(stream, Version::Two, peer).await;
        }
        Some(Protocol::Telnet) => {
            let stream = Prefixed::new(first.freeze(), stream);
            connection::serve(stream, peer, &context.telnet).await;
        }
    }
    Ok(())
}

/// Sends one line and closes, in a way that the line arrives: closing with unread bytes would reset the connection.
async fn turn_away<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, line: &[u8]) {
    let farewell = async {
        stream.write_all(line).await?;
        stream.shutdown().await?;
        let mut ignored = [0; 1_024];
        while stream.read(&mut ignored).await? > 0 {}
        Ok::<_, io::Error>(())
    };
    // Whether the line arrived or not, the connection is over.
    drop(tokio::time::timeout(LINGER, farewell).await);
}

//! Connections to other servers, kept for the next request.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::rt::{Read as HyperRead, ReadBufCursor, Write as HyperWrite};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tower::Service;

use super::trust::Trust;
use crate::listener::tls::Tls;

/// How long a server may take to accept, and to shake hands.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// Below the time that a server keeps an idle connection.
const IDLE: Duration = Duration::from_secs(30);
/// Idle connections to one server.
const IDLE_MAX: usize = 16;

/// Sends requests to other servers over HTTP/1.1.
#[derive(Debug)]
pub(super) struct PeerClient(Client<Connector, Full<Bytes>>);

#[derive(Debug, Clone)]
struct Connector {
    trust: Option<Arc<Trust>>,
}

impl PeerClient {
    pub(super) fn new(tls: Option<Tls>, ca_file: PathBuf) -> Self {
        let trust = tls.map(|tls| Arc::new(Trust::new(tls, ca_file)));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_MAX)
            .build(Connector { trust });
        Self(client)
    }

    pub(super) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Error> {
        self.0.request(request).await
    }
}

impl Connector {
    async fn connect(self, uri: Uri) -> io::Result<Stream> {
        let authority = uri
            .authority()
            .ok_or_else(|| io::Error::other("no host"))?
            .clone();
        let socket = TcpStream::connect(authority.as_str()).await?;
        socket.set_nodelay(true)?;
        let Some(trust) = self.trust else {
            return Ok(Stream(TokioIo::new(Box::pin(socket))));
        };
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(host).map_err(io::Error::other)?;
        let connector = TlsConnector::from(trust.client_config().map_err(io::Error::other)?);
        let stream = connector.connect(name, socket).await?;
        Ok(Stream(TokioIo::new(Box::pin(stream))))
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.clone().connect(uri);
        Box::pin(async move {
            match tokio::time::timeout(CONNECT_MAX, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(io::ErrorKind::TimedOut.into()),
            }
        })
    }
}

trait Socket: AsyncRead + AsyncWrite + Send {}

impl<S: AsyncRead + AsyncWrite + Send> Socket for S {}

/// A connection to another server, with TLS or without.
struct Stream(TokioIo<Pin<Box<dyn Socket>>>);

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl HyperRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl HyperWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

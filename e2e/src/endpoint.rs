//! Where a server listens and how to reach it: an address, and TLS with a trusted CA or plain text.

use anyhow::{Context, Result, ensure};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A connection or a read that takes longer is a hanging server.
const LIMIT: Duration = Duration::from_mins(1);

/// An address and, for TLS, whom to trust.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Where it listens.
    pub address: SocketAddr,
    tls: Option<Tls>,
    limit: Duration,
}

/// Whom to trust, and the name that the certificate must have.
#[derive(Debug, Clone)]
struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Endpoint {
    /// Plain text.
    pub fn plain(address: SocketAddr) -> Endpoint {
        Endpoint {
            address,
            tls: None,
            limit: LIMIT,
        }
    }

    /// TLS, trusting the certificates in a PEM file and nobody else. Offers no ALPN, as most devices.
    ///
    /// # Errors
    /// When the file has no certificate.
    pub fn tls(address: SocketAddr, ca: &Path) -> Result<Endpoint> {
        let ca = fs::read(ca).with_context(|| ca.display().to_string())?;
        Endpoint::named(address, &address.ip().to_string(), &ca)
    }

    /// TLS with a server whose certificate names `name`, wherever it is reached; `ca` is PEM.
    ///
    /// # Errors
    /// When there is no certificate in `ca`, or `name` is neither a host name nor an address.
    pub fn named(address: SocketAddr, name: &str, ca: &[u8]) -> Result<Endpoint> {
        let mut trusted = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca) {
            trusted.add(certificate?)?;
        }
        ensure!(!trusted.is_empty(), "no certificate to trust");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(trusted)
            .with_no_client_auth();
        Ok(Endpoint {
            address,
            tls: Some(Tls {
                config: Arc::new(config),
                name: ServerName::try_from(name.to_owned())?,
            }),
            limit: LIMIT,
        })
    }

    /// With another limit than a minute for connecting and for each read: for a server that may vanish.
    #[must_use]
    pub fn given_up_after(self, limit: Duration) -> Endpoint {
        Endpoint { limit, ..self }
    }

    /// Connects; the TLS handshake runs with the first bytes.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn connect(&self) -> Result<Stream> {
        let socket = TcpStream::connect_timeout(&self.address, self.limit)
            .with_context(|| self.address.to_string())?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(self.limit))?;
        let Some(tls) = &self.tls else {
            return Ok(Stream::Plain(socket));
        };
        let mut session = ClientConnection::new(Arc::clone(&tls.config), tls.name.clone())?;
        // Large writes pass in one go instead of 64 KiB at a time.
        session.set_buffer_limit(Some(1 << 20));
        Ok(Stream::Tls(Box::new(StreamOwned::new(session, socket))))
    }
}

/// A connection of either kind.
#[derive(Debug)]
pub enum Stream {
    /// Plain text.
    Plain(TcpStream),
    /// Inside TLS.
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    /// Says that nothing more will be sent, properly: `close_notify`, then a half-close.
    ///
    /// # Errors
    /// When the server has already gone.
    pub fn finish_writing(&mut self) -> io::Result<()> {
        if let Stream::Tls(stream) = self {
            stream.conn.send_close_notify();
            stream.flush()?;
        }
        self.socket().shutdown(Shutdown::Write)
    }

    /// Everything until the server closes. A server that went without `close_notify` is an error.
    ///
    /// # Errors
    /// When the connection breaks or the server hangs.
    pub fn read_to_close(&mut self) -> io::Result<Vec<u8>> {
        let mut answer = Vec::new();
        self.read_to_end(&mut answer)?;
        Ok(answer)
    }

    /// The socket below.
    pub fn socket(&self) -> &TcpStream {
        match self {
            Stream::Plain(socket) => socket,
            Stream::Tls(stream) => &stream.sock,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.read(buffer),
            Stream::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.write(bytes),
            Stream::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(socket) => socket.flush(),
            Stream::Tls(stream) => stream.flush(),
        }
    }
}

//! Sockets: from an accepted connection to a stream of known protocol.
//!
//! ```text
//!   accept ──▶ permit ──▶ a loop, round robin ──▶ [tls] ──▶ detect ──▶ http | telnet
//!   (one task a port)     (the socket stays there)
//! ```
//!
//! A TLS listener takes nothing but TLS, a plain listener nothing but plain text: each answers the other with one line
//! and closes. What is spoken inside is found out by [`detect`].

pub(crate) mod accept;
pub mod buffered;
pub mod detect;
pub(crate) mod dispatch;
pub(crate) mod door;
pub mod prefixed;
pub mod reset;
pub mod tls;

use std::net::{IpAddr, SocketAddr};

/// Who is at the other end, and how they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Where the connection comes from.
    pub address: SocketAddr,
    /// Whether TLS protects it.
    pub transport: Transport,
}

/// What carries a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// An end of file is a proper `close_notify`: a cut connection gives a read error (`UnexpectedEof`) instead.
    Tls,
    /// An end of file may be a sender that died.
    Plain,
}

impl Peer {
    /// The address that allow-lists are checked against.
    pub fn source(&self) -> IpAddr {
        self.address.ip().to_canonical()
    }
}
